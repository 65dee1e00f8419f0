import { movedLately } from '../domain/autoscaler.ts';
import { commonCauses, type CommonCause } from '../domain/causes.ts';
import { formatDuration } from '../domain/duration.ts';
import { formatInstant } from '../domain/instant.ts';
import { keyOf, titleOf, unreachable, type Autoscaler, type Reason } from '../domain/model.ts';
import { printable } from '../domain/problem.ts';
import { summarizeWindow, until } from '../domain/report.ts';
import type { Placed } from '../domain/order.ts';
import type { Strangers } from '../domain/strangers.ts';
import type { Leave, Restart } from '../domain/verdict.ts';
import type { WindowState } from '../domain/window.ts';
import type { Preview } from '../preview.ts';
import { countedCodes, plural, table } from './table.ts';

type PlanPreview = Preview & { readonly kind: 'plan' };

/** The plan for people: what would be restarted in which batch and why, then what is left and why. */
export function planText(preview: PlanPreview, now: number): string {
  const { window, plan, stop, unready, unseen, unserved, skipped, missing } = preview;
  const restarts = plan.batches.flat().length;
  const blocks = [windowLine(window, now)];
  const say = (sentence: string): void => void blocks.push(printable(sentence));
  if (stop !== undefined)
    say(`Stopped: ${stop}. A run starts nothing until the stop ends or somebody says nightshift resume; then:`);
  if (unready !== undefined) say(`Waiting: ${unready}. A run starts nothing until that has changed.`);
  for (const name of unseen) say(`No Pod has a container ${name}, which the policy names.`);
  for (const kind of unserved) say(`The API server serves no ${kind}s, which the policy names.`);
  if (missing !== undefined) say(`There is no ${missing}.`);
  if (skipped.length > 0) {
    blocks.push(skipped.map(({ namespace, why }) => printable(`Namespace ${namespace} is skipped: ${why}`)).join('\n'));
  }
  if (plan.inFlight.length > 0) {
    const rows = plan.inFlight.map(({ workload, record }) => [keyOf(workload), record.at, record.run]);
    blocks.push(`In flight from an earlier run, awaited first:\n${table(['WORKLOAD', 'RESTARTED AT', 'RUN'], rows)}`);
  }
  if (restarts === 0) blocks.push('Nothing to restart.');
  else {
    const causes = commonCauses({ batches: plan.batches, left: [] });
    const ways = waysOf(plan);
    const isOrdered = plan.batches.flat().some(({ placedBy }) => placedBy !== 'age');
    const rows = plan.batches.flatMap((batch, index) =>
      batch.map(restart => restartRow(restart, { batch: index + 1, causes, isOrdered, hasWays: ways.size > 0, now })),
    );
    const sizes = plan.batches.map(batch => batch.length).join(', ');
    blocks.push(`${plural(restarts, 'restart')} in ${plural(plan.batches.length, 'batch', 'batches')} (${sizes}):`);
    for (const { count, why, detail } of causes) say(`${count} of them, ${why}: ${detail}.`);
    for (const [because, count] of ways) say(`${count} of them ${because}.`);
    const columns = [...(ways.size > 0 ? ['WAY'] : []), ...(isOrdered ? ['PLACED BY'] : [])];
    blocks.push(table(['BATCH', 'NAMESPACE', 'NAME', 'REPLICAS', ...columns, 'WHY', 'DETAIL'], rows));
  }
  const told = plan.left.filter(({ why }) => why !== 'fresh' && why !== 'notSelected');
  if (plan.left.length > 0)
    blocks.push(`${plan.left.length} left alone: ${countedCodes(plan.left.map(({ why }) => why))}.`);
  if (told.length > 0) {
    const causes = commonCauses({ batches: [], left: told }).filter(({ count }) => count > 1);
    const rows = [
      ...causes.map(({ count, example, why, detail }) => [
        example.split('/')[0] ?? '',
        `${example.split('/')[1]} and ${count - 1} more`,
        why,
        detail,
      ]),
      ...told
        .filter(leave => !isTold(leave, causes))
        .map(({ workload, why, detail }) => [workload.namespace, titleOf(workload), why, detail]),
    ];
    blocks.push(table(['NAMESPACE', 'NAME', 'LEFT ALONE BECAUSE', 'DETAIL'], rows));
  }
  if (preview.strangers.length > 0) say(`No run restarts ${strangersText(preview.strangers)}.`);
  return blocks.join('\n\n');
}

/** So many sorts of them are told. */
const MOST_STRANGERS = 8;

/** Pods of which no workload is restarted, with what becomes of them. */
function strangersText(strangers: readonly Strangers[]): string {
  const more = strangers.slice(MOST_STRANGERS).reduce((sum, { pods }) => sum + pods, 0);
  const phrases = strangers.slice(0, MOST_STRANGERS).map(phraseOf);
  return [...phrases, ...(more > 0 ? [`${plural(more, 'Pod')} of others`] : [])].join('; ');
}

function phraseOf({ controller, pods, why }: Strangers): string {
  const [kind = ''] = controller.split('.');
  switch (why) {
    case 'endByThemselves':
      return `${plural(pods, 'Pod')} of Jobs, which end by themselves`;
    case 'staticPods':
      return `${plural(pods, 'static Pod')}, which the kubelet makes`;
    case 'withoutController':
      return `${plural(pods, 'Pod')} without a controller, which nobody would make again`;
    case 'kindNotSelected':
      return `${plural(pods, 'Pod')} of ${kind}s, which select.kinds does not name`;
    case 'unknownController':
      return `${plural(pods, 'Pod')} of ${controller}, which nightshift does not know`;
    default:
      return unreachable(why);
  }
}

function restartRow(
  { workload, way, why, detail, placedBy, autoscaler }: Placed,
  to: {
    readonly batch: number;
    readonly causes: readonly CommonCause[];
    readonly isOrdered: boolean;
    readonly hasWays: boolean;
    readonly now: number;
  },
): string[] {
  const told = isTold({ why, detail }, to.causes) ? 'as above' : detail;
  const { namespace } = workload;
  const replicas = replicasText(workload.replicas, autoscaler, to.now);
  const columns = [...(to.hasWays ? [way] : []), ...(to.isOrdered ? [placedBy] : [])];
  return [String(to.batch), namespace, titleOf(workload), replicas, ...columns, why, told];
}

/** Those that go another way than a rollout, by why they do, with their number. */
function waysOf({ batches }: PlanPreview['plan']): ReadonlyMap<string, number> {
  const ways = new Map<string, number>();
  for (const { way, because } of batches.flat()) {
    const sentence = `by ${way}: ${because}`;
    if (way !== 'rollout') ways.set(sentence, (ways.get(sentence) ?? 0) + 1);
  }
  return ways;
}

/** `3`, or `3 (2-10)` where an autoscaler may change that, and when it did if that is not long ago. */
function replicasText(replicas: number, autoscaler: Autoscaler | undefined, now: number): string {
  if (autoscaler === undefined) return String(replicas);
  const { min, max, lastScaled = 0 } = autoscaler;
  const ago = formatDuration(Math.max(0, Math.floor((now - lastScaled) / 1000) * 1000));
  return `${replicas} (${min}-${max}${movedLately(autoscaler, now) ? `, scaled ${ago} ago` : ''})`;
}

const isTold = ({ why, detail }: Reason<string>, causes: readonly CommonCause[]): boolean =>
  causes.some(cause => cause.why === why && cause.detail === detail);

function windowLine(state: WindowState, now: number): string {
  const window = summarizeWindow(state);
  if (window.kind === 'open') {
    const closes = window.closesAt === null ? 'does not close' : `closes ${window.closesAt}`;
    return printable(`Window ${window.name} is open since ${window.opensAt}, ${closes}.`);
  }
  const opensAt = state.kind === 'closed' ? state.opensAt : undefined;
  const opens =
    opensAt === undefined ? 'does not open again' : `opens ${window.opensAt ?? ''}, in ${until(opensAt, now)}`;
  return `The window is closed and ${opens}. Then a run would do this:`;
}

/** The plan for machines; `version` grows when a field changes its meaning or goes. */
export function planJson({
  window,
  plan,
  sweep,
  stop,
  unready,
  unseen,
  unserved,
  skipped,
  strangers,
}: PlanPreview): unknown {
  return {
    version: 1,
    window: summarizeWindow(window),
    sweep,
    stop: stop ?? null,
    unready: unready ?? null,
    unseen,
    unserved,
    skipped,
    inFlight: plan.inFlight.map(({ workload: { namespace, name, kind }, record }) => ({
      namespace,
      name,
      kind,
      at: record.at,
      run: record.run,
    })),
    batches: plan.batches.map(batch =>
      batch.map(restart => ({
        ...entry(restart),
        replicas: restart.workload.replicas,
        way: restart.way,
        because: restart.because,
        placedBy: restart.placedBy,
        ...scaledBy(restart),
      })),
    ),
    left: plan.left.map(entry),
    strangers,
  };
}

function scaledBy({ autoscaler }: Restart): object {
  if (autoscaler === undefined) return {};
  const { name, min, max, lastScaled } = autoscaler;
  return { autoscaler: { name, min, max, lastScaled: lastScaled === undefined ? null : formatInstant(lastScaled) } };
}

function entry({ workload: { namespace, name, kind }, why, detail }: Restart | Leave): object {
  return { namespace, name, kind, why, detail };
}
