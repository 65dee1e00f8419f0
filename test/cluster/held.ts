/**
 * A file that a living process holds: a Unix socket it listens on. The kernel closes it with the process, however that
 * ends, so that whoever asks learns the truth without comparing process ids, which are recycled.
 */
import { rename, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';

export interface Hold {
  /** Frees the path and lets those who wait for it know. */
  release(): void;
}

/** Holds the path until it is released or this process ends; undefined when the path exists already. */
export function hold(path: string): Promise<Hold | undefined> {
  const visitors = new Set<Socket>();
  return new Promise((resolve, reject) => {
    const server = createServer(socket => {
      visitors.add(socket.unref());
      socket.on('error', () => socket.destroy()).on('close', () => visitors.delete(socket));
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => {
      server.unref();
      resolve({
        release() {
          // Closing removes the file first: whoever is told by the end of its visit finds the path free.
          server.close();
          for (const visitor of visitors) visitor.destroy();
        },
      });
    });
  });
}

/** Whether a living process holds the path; when that cannot be known (another user's, say) it counts as held. */
export async function isHeld(path: string): Promise<boolean> {
  try {
    const holder = await visit(path);
    if (holder.kind === 'held') holder.visitor.destroy();
    return holder.kind === 'held';
  } catch {
    return true;
  }
}

/**
 * Runs the work while no other process does so under the same path; waits for whoever holds it, and takes over from
 * one that died. Two that find a dead holder in the same instant may both run: the work must be harmless when done twice.
 */
export async function alone<T>(path: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const held = await hold(path);
    if (held !== undefined) {
      try {
        return await work();
      } finally {
        held.release();
      }
    }
    const holder = await visit(path);
    if (holder.kind === 'held') {
      onWait();
      await new Promise<void>(resolve => holder.visitor.once('close', () => resolve()).resume());
    } else if (holder.kind === 'dead') {
      await discard(path);
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

type Holder =
  | { readonly kind: 'held'; readonly visitor: Socket }
  | { readonly kind: 'dead' }
  | { readonly kind: 'absent' };

function visit(path: string): Promise<Holder> {
  return new Promise((resolve, reject) => {
    const visitor = connect(path);
    visitor.once('connect', () => resolve({ kind: 'held', visitor }));
    visitor.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve({ kind: 'dead' });
      else if (error.code === 'ENOENT') resolve({ kind: 'absent' });
      else reject(error);
    });
  });
}
