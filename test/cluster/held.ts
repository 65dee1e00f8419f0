/**
 * A file that a living process holds: a Unix socket it listens on. The kernel closes it with the process, however that
 * ends, so that whoever asks learns the truth without comparing process ids, which are recycled.
 */
import { rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Holds the path until the server is closed or this process ends; undefined when the path exists already. */
export function hold(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer(socket => socket.on('error', () => socket.destroy()).unref());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** Whether a living process holds the path. */
export async function isHeld(path: string): Promise<boolean> {
  const socket = await visit(path);
  socket?.destroy();
  return socket !== undefined;
}

/**
 * Runs the work while no other process does so under the same path; waits for whoever holds it, and takes over from
 * one that died. Two that find a dead holder in the same instant may both run: the work must be harmless when done twice.
 */
export async function alone<T>(path: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const server = await hold(path);
    if (server !== undefined) {
      try {
        return await work();
      } finally {
        await rm(path, { force: true });
        server.close();
      }
    }
    const holder = await visit(path);
    if (holder === undefined) {
      await discard(path);
    } else {
      onWait();
      await new Promise<void>(resolve => holder.once('close', () => resolve()).resume());
    }
  }
}

/** By renaming first, of several that saw the dead holder only one removes this very file. */
async function discard(path: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  await rm(aside, { force: true });
}

function visit(path: string): Promise<Socket | undefined> {
  return new Promise(resolve => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}
