import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Written to its standard input. */
  readonly input?: string;
}

/** What the command printed; throws with the end of everything it said when it fails. */
export function run(file: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const { input, ...rest } = options;
    const child = spawn(file, args, { ...rest, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
    let printed = '';
    let said = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      said = (said + text).slice(-4000);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`${file} ${args.join(' ')} ended with ${signal ?? code}:\n${said}`));
    });
    // A command that ends before it has read everything says why itself.
    child.stdin?.on('error', () => undefined).end(input);
  });
}

/** The same, with a line on stderr before it and its seconds after it. */
export async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  process.stderr.write(`test node: ${what} (${((performance.now() - began) / 1000).toFixed(1)} s)\n`);
  return result;
}
