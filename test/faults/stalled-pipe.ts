/** A pipe whose reader is there and reads nothing: a log collector that hangs. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';

export interface StalledPipe extends Disposable {
  /** The end to write to, full already: a write waits, or is told to try again. */
  readonly end: number;
  /** Reads what is there now, which makes room; returns its text. */
  drain(): string;
}

/** At a path where nothing is yet. */
export function stalledPipe(path: string): StalledPipe {
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const end = openSync(path, constants.O_WRONLY);
  const untilAgain = (step: () => void): void => {
    try {
      for (;;) step();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
  };
  untilAgain(() => void writeSync(reader, ' '.repeat(4096)));
  return {
    end,
    drain() {
      const chunks: string[] = [];
      const chunk = Buffer.alloc(65_536);
      untilAgain(() => void chunks.push(chunk.toString('utf8', 0, readSync(reader, chunk))));
      return chunks.join('');
    },
    [Symbol.dispose]() {
      closeSync(reader);
      closeSync(end);
    },
  };
}
