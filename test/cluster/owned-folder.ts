/** The folder of a cluster, which goes, and every process that was started for it, when its owner goes. */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hold } from './held.ts';
import { FOLDER_PREFIX, OWNER_SOCKET, removeCluster, removeClusterNow } from './leftovers.ts';

export interface OwnedFolder {
  readonly path: string;
  /** Kills the processes and removes the files; resolves when all are gone. */
  readonly remove: () => Promise<void>;
}

/**
 * A new folder that this process owns. Its end is seen to in three ways: by an exit handler where one runs, at once by
 * a shell that waits for our death (SIGKILL included), and by the next start of a cluster, should both have failed.
 */
export async function createOwnedFolder(): Promise<OwnedFolder> {
  const path = mkdtempSync(join(tmpdir(), FOLDER_PREFIX));
  await hold(join(path, OWNER_SOCKET));
  const sayFarewell = watchOver(path);
  const onExit = () => removeClusterNow(path);
  process.once('exit', onExit);
  return {
    path,
    async remove() {
      await removeCluster(path);
      process.off('exit', onExit);
      sayFarewell();
    },
  };
}

/**
 * Starts a shell that reads a pipe which only this process holds. When the pipe ends without a word we have died, and
 * the shell becomes the program that removes the cluster. Call the result when everything was removed in good order.
 */
function watchOver(folder: string): () => void {
  const script = 'read -r farewell || exec "$0" "$1" "$2"';
  const program = fileURLToPath(new URL('leftovers.ts', import.meta.url));
  const shell = spawn('/bin/sh', ['-c', script, process.execPath, program, folder], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  if ('unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref();
  return () => shell.stdin.end('farewell\n');
}
