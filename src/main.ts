import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import packageJson from '../package.json' with { type: 'json' };
import { resume } from './domain/ledger.ts';
import { formatProblem, parsePolicy, policySchema, type Policy } from './domain/policy.ts';
import { exitCodeOf, summarizeWindow, type Report } from './domain/report.ts';
import { windowAt } from './domain/window.ts';
import { parseCommandLine, type CommandName, type Flags } from './flags.ts';
import { endingOf } from './gates.ts';
import { readCheckpoint, takeHold } from './hold.ts';
import { connect, type Kubernetes } from './kubernetes/connect.ts';
import { NotPermitted, OutOfReach, type Announcer, type Clock, type PolicySource } from './ports.ts';
import { preview } from './preview.ts';
import { InvalidPolicy } from './read-policy.ts';
import { run } from './run.ts';
import { eventsOf } from './terminal/events.ts';
import { helpText } from './terminal/help.ts';
import { LogAnnouncer, openLog } from './terminal/log.ts';
import { planJson, planText } from './terminal/plan-view.ts';
import { ProgressAnnouncer } from './terminal/progress.ts';
import { reportJson, terminationMessage } from './terminal/report-view.ts';
import { statusText } from './terminal/status-view.ts';
import { upcoming, windowsText } from './terminal/windows-view.ts';
import { newRunId, type Wishes, type World } from './world.ts';

/** The process edge: the only user of `process`. Everything else is told what it needs. */

const clock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (milliseconds, signal) =>
    // Longer than a timer can be is as good as for ever.
    sleep(Math.min(milliseconds, 2 ** 31 - 1), undefined, { signal }).catch(() => undefined),
};

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`nightshift: ${text}\n`);

/** Wrong words, a file that is not there: exit 2. */
class UsageError extends Error {}

interface Session {
  readonly flags: Flags;
  readonly wishes: Wishes;
  readonly interruption: AbortController;
  readonly policySource: PolicySource;
  /** Connects at the first call. */
  readonly kubernetes: () => Kubernetes;
  readonly announcer: Announcer;
}

const COMMANDS: Record<CommandName, (session: Session, file: string) => Promise<number>> = {
  run: session => (session.flags.dryRun ? plan(session) : sweep(session)),
  plan,
  status,
  windows,
  validate: (_, file) => validate(file),
  schema: () => {
    print(JSON.stringify(policySchema(), null, 2));
    return Promise.resolve(0);
  },
  resume: goOn,
};

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
  const session = openSession(line.flags);
  let kubernetes: Kubernetes | undefined;
  const connected = (): Kubernetes => (kubernetes ??= connectTo(line.flags, session));
  try {
    const policySource = policyFrom(line.flags, connected);
    return await COMMANDS[line.command]({ ...session, policySource, kubernetes: connected }, line.file ?? '');
  } catch (error) {
    return explain(error, line.flags);
  } finally {
    await kubernetes?.close();
  }
}

function openSession(flags: Flags): Pick<Session, 'flags' | 'wishes' | 'interruption' | 'announcer'> {
  const { NIGHTSHIFT_POD_NAME: name, NIGHTSHIFT_POD_UID: uid } = process.env;
  const pod = name && uid ? { name, uid } : undefined;
  const wishes = { holder: { run: newRunId(clock.now()), pod }, only: flags.only, ignoreWindow: flags.ignoreWindow };
  const people = flags.output === 'text' && process.stdout.isTTY;
  const announcer = people
    ? new ProgressAnnouncer({ write: print, now: () => clock.now(), colours: process.stdout.hasColors() })
    : new LogAnnouncer(openLog(flags.logLevel, wishes.holder.run));
  return { flags, wishes, interruption: new AbortController(), announcer };
}

/** From now on SIGTERM and the first Ctrl-C mean: save, and end. Commands that hold nothing just end. */
function endGently({ interruption }: Session): AbortSignal {
  process.on('SIGTERM', () => interruption.abort());
  process.once('SIGINT', () => interruption.abort());
  return interruption.signal;
}

function connectTo(flags: Flags, { interruption, announcer }: Pick<Session, 'interruption' | 'announcer'>): Kubernetes {
  try {
    return connect({
      ...flags,
      clock,
      env: process.env,
      instance: process.env['NIGHTSHIFT_POD_NAME'],
      interrupted: interruption.signal,
      onTrouble: detail => announcer.tell({ kind: 'trouble', detail }),
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function policyFrom({ policy }: Flags, kubernetes: () => Kubernetes): PolicySource {
  const name = /^configmap\/(.+)$/.exec(policy)?.[1];
  if (name === undefined) return { read: () => readText(policy) };
  return {
    read: () => {
      const connected = kubernetes();
      return connected.readConfigMapKey(connected.namespace, name, 'policy.yaml');
    },
  };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`the policy cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function worldOf({ policySource, interruption, announcer, kubernetes }: Session): World {
  const ports = () => {
    const { cluster, checkpointStore: store } = kubernetes();
    return { cluster, store };
  };
  return { clock, policySource, announcer, interrupted: interruption.signal, connect: ports };
}

async function sweep(session: Session): Promise<number> {
  const { wishes, announcer, flags } = session;
  endGently(session);
  let connected: Kubernetes | undefined;
  const report = await run(worldOf({ ...session, kubernetes: () => (connected = session.kubernetes()) }), wishes);
  await announcer.report(report);
  writeTerminationMessage(terminationMessage(report));
  if (connected !== undefined) {
    const published = new AbortController();
    const publishing = publish(connected, report, wishes).finally(() => published.abort());
    await Promise.race([publishing, clock.sleep(EVENTS_PATIENCE, published.signal)]);
  }
  if (flags.output === 'json') print(JSON.stringify(reportJson(report)));
  return report.exitCode;
}

/** Events are a courtesy: an API server that is away must not hold the end of a run up. */
const EVENTS_PATIENCE = 15_000;

async function publish({ events, namespace }: Kubernetes, report: Report, { holder }: Wishes): Promise<void> {
  for (const { about, type, reason, message } of eventsOf(report)) {
    if (about.kind === 'workload') {
      const { namespace: where, name, kind, uid } = about.outcome;
      const regarding = { apiVersion: 'apps/v1', kind, name, uid };
      await events.create({ namespace: where, regarding, type, reason, message });
    } else if (holder.pod !== undefined) {
      const regarding = { apiVersion: 'v1', kind: 'Pod', ...holder.pod };
      await events.create({ namespace, regarding, type, reason, message });
    }
  }
}

/** What `kubectl describe pod` shows; outside a Pod there is no such file. */
function writeTerminationMessage(message: string): void {
  const file = process.env['NIGHTSHIFT_TERMINATION_LOG'];
  if (file === undefined) return;
  try {
    writeFileSync(file, message);
  } catch {
    // A convenience: the report is in the log.
  }
}

async function plan(session: Session): Promise<number> {
  const seen = await preview(worldOf(session), session.wishes);
  if (seen.kind === 'unusable') {
    complain(seen.detail);
    return 5;
  }
  print(session.flags.output === 'json' ? JSON.stringify(planJson(seen)) : planText(seen, clock.now()));
  return seen.skipped.length > 0 ? 4 : 0;
}

async function status({ kubernetes, flags }: Session): Promise<number> {
  const { checkpointStore } = kubernetes();
  const read = await readCheckpoint(checkpointStore);
  if (read.kind === 'unusable') {
    complain(read.detail);
    return 5;
  }
  const { checkpoint } = read;
  print(flags.output === 'json' ? JSON.stringify(checkpoint) : statusText(checkpoint, checkpointStore.identity));
  return 0;
}

async function windows({ policySource, flags }: Session): Promise<number> {
  const policy = parsed(await policySource.read());
  const now = clock.now();
  const json = () => ({
    version: 1,
    now: summarizeWindow(windowAt(policy.windows, now)),
    upcoming: upcoming(policy.windows, now).map(opening => ({
      ...opening,
      opensAt: new Date(opening.opensAt).toISOString(),
      closesAt: new Date(opening.closesAt).toISOString(),
    })),
  });
  print(flags.output === 'json' ? JSON.stringify(json()) : windowsText(policy.windows, now));
  return 0;
}

async function validate(file: string): Promise<number> {
  const policy = parsed(await readText(file));
  const state = summarizeWindow(windowAt(policy.windows, clock.now()));
  const when = state.kind === 'open' ? 'the window is open now' : `the window opens ${state.opensAt ?? 'never again'}`;
  print(`${file} is valid; ${when}.`);
  return 0;
}

async function goOn(session: Session): Promise<number> {
  const { kubernetes, wishes, announcer, flags } = session;
  const { checkpointStore: store } = kubernetes();
  const read = await readCheckpoint(store);
  if (read.kind === 'unusable') {
    complain(read.detail);
    return 5;
  }
  const { stop } = read.checkpoint;
  if (stop === null) {
    print('There is no stop: the next run goes on anyway.');
    return 0;
  }
  if (flags.dryRun) {
    print(`Would forget the stop of ${stop.at} (${stop.detail}).`);
    return 0;
  }
  const taken = await takeHold(read, wishes.holder, { store, clock, announcer, interrupted: endGently(session) });
  if (taken.kind === 'heldByAnother') {
    complain(`${taken.detail}: try again when it has ended`);
    return 1;
  }
  if (taken.kind === 'interrupted') return 143;
  if (taken.kind === 'held') await taken.hold.release(resume);
  const loss = taken.kind === 'lost' ? taken.loss : taken.hold.loss;
  if (loss !== undefined) {
    complain(loss.detail);
    return exitCodeOf(endingOf(loss)) || 1;
  }
  print(`Forgot the stop of ${stop.at} (${stop.detail}). The next run in a window goes on, with its canary first.`);
  return 0;
}

function parsed(text: string): Policy {
  const result = parsePolicy(text);
  if (result.kind === 'invalid') throw new InvalidPolicy(result.problems);
  return result.policy;
}

/** Every error reaches a person as a sentence, here and in `kubectl describe pod`; a stack only where nobody expected it. */
function explain(error: unknown, { policy, logLevel }: Flags): number {
  const { code, sentences } = sentencesOf(error, policy);
  for (const sentence of sentences) complain(sentence);
  writeTerminationMessage(sentences.join('\n').slice(0, 2000));
  const expected = error instanceof OutOfReach || code !== 1;
  if (!expected && logLevel === 'debug' && error instanceof Error) complain(error.stack ?? '');
  return code;
}

function sentencesOf(error: unknown, policy: string): { readonly code: number; readonly sentences: readonly string[] } {
  if (error instanceof InvalidPolicy) {
    return { code: 2, sentences: error.problems.map(problem => `${policy}:${formatProblem(problem)}`) };
  }
  const sentences = [error instanceof Error ? error.message : String(error)];
  if (error instanceof UsageError) return { code: 2, sentences };
  return { code: error instanceof NotPermitted ? 4 : 1, sentences };
}

// A reader that went away (a closed pipe) must not end a run.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
process.exitCode = await main();
