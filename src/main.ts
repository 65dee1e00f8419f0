import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import packageJson from '../package.json' with { type: 'json' };
import { COMMANDS } from './commands.ts';
import { formatProblem } from './domain/policy.ts';
import { printable } from './domain/problem.ts';
import { parseCommandLine, type CommandLine, type Flags } from './flags.ts';
import type { Holder } from './hold.ts';
import { connect, type Kubernetes } from './kubernetes/connect.ts';
import { NotPermitted, OutOfReach, wordsOf, type Announcer, type Clock, type PolicySource } from './ports.ts';
import { InvalidPolicy } from './read-policy.ts';
import { helpText } from './terminal/help.ts';
import { LogAnnouncer, openLog } from './terminal/log.ts';
import { ProgressAnnouncer } from './terminal/progress.ts';
import { newRunId } from './world.ts';

/** The process edge: the only user of `process`. Everything else is told what it needs. */

const clock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (milliseconds, signal) =>
    // Longer than a timer can be is as good as for ever.
    sleep(Math.min(milliseconds, 2 ** 31 - 1), undefined, { signal }).catch(() => undefined),
};

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const writeError = (text: string): void => void process.stderr.write(`nightshift: ${text}\n`);
/** In one line, whatever words of the API server or of a file are in it. */
const complain = (text: string): void => writeError(printable(text));

type Command = CommandLine & { readonly kind: 'command' };

/** Wrong words, a file that is not there: exit 2. */
class UsageError extends Error {}

async function main(): Promise<number> {
  const line = parseCommandLine(process.argv.slice(2), process.env);
  switch (line.kind) {
    case 'help':
      print(helpText());
      return 0;
    case 'version':
      print(packageJson.version);
      return 0;
    case 'usage':
      complain(`${line.problem}; nightshift --help shows what there is`);
      return 2;
    case 'command':
      break;
  }
  const { flags } = line;
  const interruption = new AbortController();
  const wishes = { holder: holder(), only: flags.only, ignoreWindow: flags.ignoreWindow };
  const announcer = announcerFor(line, wishes.holder.run);
  let connected: Kubernetes | undefined;
  const kubernetes = (): Kubernetes => (connected ??= connectTo(line, { announcer, interrupted: interruption.signal }));
  const policySource = policyFrom(line.file ?? flags.policy, kubernetes);
  const endGently = (): AbortSignal => {
    // SIGHUP: the terminal or the connection of a person is gone.
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort());
    process.once('SIGINT', () => interruption.abort());
    return interruption.signal;
  };
  try {
    const io = { print, complain, leaveMessage, endGently };
    return await COMMANDS[line.command]({ flags, wishes, clock, policySource, kubernetes, announcer, ...io });
  } catch (error) {
    return explain(error, flags);
  } finally {
    await connected?.close();
    // What a reader that stalls has not taken by then must not keep a run that is over.
    if (line.command === 'run') setTimeout(() => process.exit(), LAST_WORDS).unref();
  }
}

const LAST_WORDS = 10_000;

function holder(): Holder {
  const { NIGHTSHIFT_POD_NAME: name, NIGHTSHIFT_POD_UID: uid } = process.env;
  return { run: newRunId(clock.now()), pod: name && uid ? { name, uid } : undefined };
}

/** A run tells its story on standard output; the other commands print a result there, and the rest goes to stderr. */
function announcerFor({ command, flags }: Command, runId: string): Announcer {
  const now = (): number => clock.now();
  if (command !== 'run') return new ProgressAnnouncer({ write: complain, now, colours: false });
  const people = flags.output === 'text' && process.stdout.isTTY;
  return people
    ? new ProgressAnnouncer({ write: print, now, colours: process.stdout.hasColors() })
    : new LogAnnouncer(openLog(flags.logLevel, runId));
}

/** How long a person who only wants to look waits for an API server that does not answer. */
const A_LOOK = 10_000;

function connectTo(
  { command, flags }: Command,
  { announcer, interrupted }: { readonly announcer: Announcer; readonly interrupted: AbortSignal },
): Kubernetes {
  let last = '';
  const onTrouble = (detail: string): void => {
    // A server that is away says the same again and again.
    if (detail !== last) announcer.tell({ kind: 'trouble', detail });
    last = detail;
  };
  const patience = command === 'run' ? undefined : A_LOOK;
  const instance = process.env['NIGHTSHIFT_POD_NAME'];
  try {
    return connect({ ...flags, clock, env: process.env, instance, interrupted, patience, onTrouble });
  } catch (error) {
    throw new UsageError(wordsOf(error), { cause: error });
  }
}

function policyFrom(policy: string, kubernetes: () => Kubernetes): PolicySource {
  const name = /^configmap\/(.+)$/.exec(policy)?.[1];
  if (name === undefined) return { name: policy, read: () => readText(policy) };
  const read = async (): Promise<string> => {
    const { namespace, readConfigMapKey } = kubernetes();
    try {
      return await readConfigMapKey(namespace, name, 'policy.yaml');
    } catch (error) {
      if (error instanceof OutOfReach || error instanceof NotPermitted) throw error;
      throw new UsageError(`the policy cannot be read: ${wordsOf(error)}`, { cause: error });
    }
  };
  return { name: policy, read };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    const advice = 'name the policy with --policy FILE or --policy configmap/NAME';
    if (code === 'ENOENT') throw new UsageError(`there is no file ${file}: ${advice}`, { cause: error });
    if (code === 'EISDIR') throw new UsageError(`${file} is a folder: ${advice}`, { cause: error });
    throw new UsageError(`the policy cannot be read: ${wordsOf(error)}`, { cause: error });
  }
}

/** What `kubectl describe pod` shows; outside a Pod there is no such file. */
function leaveMessage(message: string): void {
  const file = process.env['NIGHTSHIFT_TERMINATION_LOG'];
  if (file === undefined) return;
  try {
    writeFileSync(file, message);
  } catch {
    // A convenience: the report is in the log.
  }
}

/** Every error reaches a person as a sentence, here and in `kubectl describe pod`; a stack only where nobody expected it. */
function explain(error: unknown, { logLevel }: Flags): number {
  const { code, sentences } = sentencesOf(error);
  for (const sentence of sentences) complain(sentence);
  leaveMessage(sentences.map(printable).join('\n').slice(0, 2000));
  const expected = error instanceof OutOfReach || code !== 1;
  if (!expected && logLevel === 'debug' && error instanceof Error) writeError(error.stack ?? '');
  return code;
}

function sentencesOf(error: unknown): { readonly code: number; readonly sentences: readonly string[] } {
  if (error instanceof InvalidPolicy) {
    return { code: 2, sentences: error.problems.map(problem => `${error.source}:${formatProblem(problem)}`) };
  }
  const sentences = [wordsOf(error)];
  if (error instanceof UsageError) return { code: 2, sentences };
  return { code: error instanceof NotPermitted ? 4 : 1, sentences };
}

// A reader that went away (a closed pipe) must not end a run.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
process.exitCode = await main();
