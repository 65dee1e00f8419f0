import { resume } from './domain/ledger.ts';
import { policySchema } from './domain/policy.ts';
import { exitCodeOf, summarizeWindow, type Outcome, type Report } from './domain/report.ts';
import { windowAt } from './domain/window.ts';
import type { CommandName, Flags } from './flags.ts';
import { endingOf } from './gates.ts';
import { readCheckpoint, takeHold } from './hold.ts';
import type { Kubernetes } from './kubernetes/connect.ts';
import type { NewEvent } from './kubernetes/events.ts';
import type { Announcer, Clock, PolicySource } from './ports.ts';
import { preview } from './preview.ts';
import { readPolicy } from './read-policy.ts';
import { run } from './run.ts';
import { eventsOf } from './terminal/events.ts';
import { planJson, planText } from './terminal/plan-view.ts';
import { reportJson, terminationMessage } from './terminal/report-view.ts';
import { statusText } from './terminal/status-view.ts';
import { windowsJson, windowsText } from './terminal/windows-view.ts';
import type { Wishes, World } from './world.ts';

/** What each command does with a session; every one returns the exit code. */

export interface Session {
  readonly flags: Flags;
  readonly wishes: Wishes;
  readonly clock: Clock;
  /** The FILE of `validate`, else the policy of the flags. */
  readonly policySource: PolicySource;
  /** Connects at the first call. */
  readonly kubernetes: () => Kubernetes;
  readonly announcer: Announcer;
  /** From now on SIGTERM, SIGHUP and the first Ctrl-C mean: save, and end. Commands that hold nothing just end. */
  readonly endGently: () => AbortSignal;
  readonly print: (text: string) => void;
  readonly complain: (sentence: string) => void;
  /** Where `kubectl describe pod` finds the last words of a run. */
  readonly leaveMessage: (message: string) => void;
}

export const COMMANDS: Record<CommandName, (session: Session) => Promise<number>> = {
  run: session => (session.flags.dryRun ? plan(session) : sweep(session)),
  plan,
  status,
  windows,
  validate,
  schema: ({ print }) => {
    print(JSON.stringify(policySchema(), null, 2));
    return Promise.resolve(0);
  },
  resume: goOn,
};

function worldOf({ clock, policySource, announcer, kubernetes }: Session, interrupted: AbortSignal): World {
  const ports = () => {
    const { cluster, checkpointStore: store } = kubernetes();
    return { cluster, store };
  };
  return { clock, policySource, announcer, interrupted, connect: ports };
}

async function sweep(session: Session): Promise<number> {
  const { wishes, announcer, flags, clock, print, leaveMessage } = session;
  let connected: Kubernetes | undefined;
  const kubernetes = (): Kubernetes => (connected = session.kubernetes());
  const report = await run(worldOf({ ...session, kubernetes }, session.endGently()), wishes);
  await announcer.report(report);
  leaveMessage(terminationMessage(report));
  if (connected !== undefined) {
    const published = new AbortController();
    const publishing = publish(connected, report, session).finally(() => published.abort());
    await Promise.race([publishing, clock.sleep(EVENTS_PATIENCE, published.signal)]);
  }
  if (flags.output === 'json') print(JSON.stringify(reportJson(report)));
  return report.exitCode;
}

/** Events are a courtesy: an API server that is away must not hold the end of a run up. */
const EVENTS_PATIENCE = 15_000;

async function publish(
  { events, namespace }: Kubernetes,
  report: Report,
  { announcer, wishes }: Session,
): Promise<void> {
  for (const { about, type, reason, message } of eventsOf(report)) {
    const event = about.kind === 'workload' ? aboutWorkload(about.outcome) : aboutRun(namespace, wishes);
    if (event === undefined) continue;
    const refused = await events.create({ ...event, type, reason, message });
    if (refused !== undefined) announcer.tell({ kind: 'eventNotCreated', namespace: event.namespace, detail: refused });
  }
}

type About = Pick<NewEvent, 'namespace' | 'regarding'>;

function aboutWorkload({ namespace, name, kind, uid }: Outcome): About {
  return { namespace, regarding: { apiVersion: 'apps/v1', kind, name, uid } };
}

/** Outside a Pod there is nothing that the Event of a run could be about. */
function aboutRun(namespace: string, { holder: { pod } }: Wishes): About | undefined {
  return pod && { namespace, regarding: { apiVersion: 'v1', kind: 'Pod', ...pod } };
}

async function plan(session: Session): Promise<number> {
  const { flags, clock, print, complain } = session;
  // Nothing is held, so nothing has to be given back: a signal just ends it.
  const seen = await preview(worldOf(session, new AbortController().signal), session.wishes);
  if (seen.kind === 'unusable') {
    complain(seen.detail);
    return 5;
  }
  print(flags.output === 'json' ? JSON.stringify(planJson(seen)) : planText(seen, clock.now()));
  return seen.skipped.length > 0 ? 4 : 0;
}

async function status({ kubernetes, flags, print, complain }: Session): Promise<number> {
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

async function windows({ policySource, flags, clock, print }: Session): Promise<number> {
  const policy = await readPolicy(policySource);
  const now = clock.now();
  print(flags.output === 'json' ? JSON.stringify(windowsJson(policy.windows, now)) : windowsText(policy.windows, now));
  return 0;
}

async function validate({ policySource, clock, print }: Session): Promise<number> {
  const policy = await readPolicy(policySource);
  const state = summarizeWindow(windowAt(policy.windows, clock.now()));
  const opens = state.kind === 'open' ? 'the window is open now' : `the window opens ${state.opensAt ?? ''}`;
  const never = state.kind === 'closed' && state.opensAt === null;
  const when = never ? 'but no window opens within five years, so nothing would ever be restarted' : opens;
  print(`${policySource.name} is valid; ${when}.`);
  return 0;
}

async function goOn(session: Session): Promise<number> {
  const { kubernetes, wishes, announcer, flags, clock, endGently, print, complain } = session;
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
  const taken = await takeHold(read, wishes.holder, { store, clock, announcer, interrupted: endGently() });
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
