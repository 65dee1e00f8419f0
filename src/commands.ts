import { policySchema } from './domain/policy.ts';
import { summarizeWindow, type Outcome, type Report } from './domain/report.ts';
import { windowAt } from './domain/window.ts';
import type { CommandName } from './flags.ts';
import { reset, resume } from './forget.ts';
import { readCheckpoint } from './hold.ts';
import type { Kubernetes } from './kubernetes/connect.ts';
import type { NewEvent } from './kubernetes/events.ts';
import { apiVersionOf } from './kubernetes/kinds.ts';
import { preview } from './preview.ts';
import { readPolicy } from './read-policy.ts';
import { run } from './run.ts';
import type { Session } from './session.ts';
import { eventsOf } from './terminal/events.ts';
import { jsonLine } from './terminal/json.ts';
import { planJson, planText } from './terminal/plan-view.ts';
import { reportJson, terminationMessage } from './terminal/report-view.ts';
import { statusText } from './terminal/status-view.ts';
import { windowsJson, windowsText } from './terminal/windows-view.ts';
import type { Wishes, World } from './world.ts';

/** What each command does with a session; every one returns the exit code. */

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
  resume,
  reset,
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
  if (flags.output === 'json') print(jsonLine(reportJson(report)));
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
  return { namespace, regarding: { apiVersion: apiVersionOf(kind), kind, name, uid } };
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
  print(flags.output === 'json' ? jsonLine(planJson(seen)) : planText(seen, clock.now()));
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
  print(flags.output === 'json' ? jsonLine(checkpoint) : statusText(checkpoint, checkpointStore.identity));
  return 0;
}

async function windows({ policySource, flags, clock, print }: Session): Promise<number> {
  const policy = await readPolicy(policySource);
  const now = clock.now();
  print(flags.output === 'json' ? jsonLine(windowsJson(policy.windows, now)) : windowsText(policy.windows, now));
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
