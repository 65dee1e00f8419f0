/** What runs make of a fleet, and of what somebody does to it meanwhile. */
import {
  type Ended,
  type Illness,
  isComplete,
  isUnderWay,
  known,
  type Part,
  rolling,
  type Scenario,
  type Theatre,
  until,
  type Wishes,
} from './theatre.ts';

/** Pods are older than a second after two, because their times are cut to the second. */
const STALE_AFTER = 2_100;

/** One run, with what somebody does once this workload is under way. */
async function night(
  theatre: Theatre,
  parts: readonly Part[],
  {
    wishes = {},
    on,
    act,
  }: { readonly wishes?: Wishes; readonly on?: string; readonly act?: () => Promise<void> | void } = {},
) {
  await theatre.deploy(...parts);
  return run(theatre, { wishes, on, act });
}

export async function run(
  theatre: Theatre,
  {
    wishes = {},
    on,
    act,
  }: {
    readonly wishes?: Wishes;
    readonly on?: string | undefined;
    readonly act?: (() => Promise<void> | void) | undefined;
  },
) {
  const running = theatre.start(wishes);
  if (on !== undefined) await until(theatre, [on, 'under way'], isUnderWay);
  await act?.();
  return told(theatre, await running.ended);
}

function told({ namespace }: Theatre, { exitCode, ending, outcomes, left }: Ended) {
  const ours = left.filter(entry => entry.namespace === namespace);
  return {
    exitCode,
    ending: ending.kind,
    outcomes: Object.fromEntries(
      outcomes.map(({ name, outcome, why }) => [name, why ? `${outcome}: ${why}` : outcome]),
    ),
    left: Object.fromEntries(ours.map(({ name, why }) => [name, why])),
  };
}

const A: Part = { name: 'a', priority: 3 };
const B: Part = { name: 'b', priority: 2 };
const C: Part = { name: 'c', priority: 1 };
const slow = (part: Part): Part => ({ ...part, ready: 2 });

const SICK: readonly (readonly [Illness, string])[] = [
  ['image', 'imagePull'],
  ['crashes', 'crashLoopBackOff'],
  ['config', 'containerConfig'],
  ['init', 'initContainer'],
];

export const NIGHTS: readonly Scenario[] = [
  {
    title: 'a sweep restarts each once',
    async play(on) {
      const first = await night(on, [A, B, C]);
      const states = await Promise.all(['a', 'b', 'c'].map(name => known(on, name)));
      return { first, revisions: states.map(({ revision }) => revision) };
    },
    ends: {
      first: { exitCode: 0, ending: 'swept', outcomes: { a: 'restarted', b: 'restarted', c: 'restarted' }, left: {} },
      revisions: [2, 2, 2],
    },
  },
  {
    title: 'what nobody may touch is left with its reason',
    async play(on) {
      await on.deploy(
        { ...A, optedOut: true },
        { ...B, strategy: { kind: 'recreate' } },
        { ...C, replicas: 1, strategy: rolling(0, 1) },
        { name: 'd', strategy: { kind: 'recreate' }, downtimeAllowed: true },
        { name: 'e' },
        { name: 'f' },
      );
      await on.somebody.scales('e', 0);
      await on.somebody.pauses('f', true);
      await until(on, ['e', 'empty'], isComplete);
      return run(on, {});
    },
    ends: {
      exitCode: 0,
      ending: 'swept',
      outcomes: { d: 'restarted' },
      left: { a: 'optedOut', b: 'wouldCauseDowntime', c: 'wouldCauseDowntime', e: 'zeroReplicas', f: 'paused' },
    },
  },
  ...SICK.map(
    ([sick, why]): Scenario => ({
      title: `a canary that does not start (${sick}) stops the sweep, and the next tick too`,
      async play(on) {
        const first = await night(on, [{ ...A, sick }, B, C]);
        const second = await run(on, {});
        return { first, second: { exitCode: second.exitCode, ending: second.ending, outcomes: second.outcomes } };
      },
      ends: {
        first: { exitCode: 3, ending: 'stopped', outcomes: { a: `failed: ${why}` }, left: {} },
        second: { exitCode: 0, ending: 'stoppedBefore', outcomes: {} },
      },
    }),
  ),
  {
    title: 'a canary that does not start is undone, and left the next time',
    async play(on) {
      const first = await night(on, [{ ...A, sick: 'image' }, B], { wishes: { undo: true } });
      const { restartedAt, revision, status } = await known(on, 'a');
      return { first, restartedAt, revision, available: status.availableReplicas, updated: status.updatedReplicas };
    },
    ends: {
      first: { exitCode: 3, ending: 'stopped', outcomes: { a: 'undone: imagePull' }, left: {} },
      restartedAt: undefined,
      revision: 3,
      available: 2,
      updated: 2,
    },
  },
  {
    title: 'taken back by a controller that keeps to Git',
    play: on => night(on, [slow(A), B], { on: 'a', act: () => on.somebody.takesBack('a') }),
    ends: { exitCode: 0, ending: 'swept', outcomes: { a: 'reverted', b: 'restarted' }, left: {} },
  },
  {
    title: "somebody's own restart meanwhile",
    // kubectl refuses a second restart within a second.
    play: on =>
      night(on, [slow(A), B], { on: 'a', act: () => on.clock.sleep(1_000).then(() => on.somebody.restarts('a')) }),
    ends: { exitCode: 0, ending: 'swept', outcomes: { a: 'superseded', b: 'restarted' }, left: {} },
  },
  {
    title: "somebody's own image meanwhile",
    play: on => night(on, [slow(A), B], { on: 'a', act: () => on.somebody.setsImage('a') }),
    ends: { exitCode: 0, ending: 'swept', outcomes: { a: 'superseded', b: 'restarted' }, left: {} },
  },
  {
    title: 'scaled meanwhile',
    play: on => night(on, [slow(A), B], { on: 'a', act: () => on.somebody.scales('a', 3) }),
    ends: { exitCode: 0, ending: 'swept', outcomes: { a: 'restarted', b: 'restarted' }, left: {} },
  },
  {
    title: 'removed meanwhile',
    play: on => night(on, [slow(A), B], { on: 'a', act: () => on.somebody.removes('a') }),
    ends: { exitCode: 0, ending: 'swept', outcomes: { a: 'gone', b: 'restarted' }, left: {} },
  },
  {
    title: 'denied by an admission policy',
    async play(on) {
      await on.deploy(A, B);
      await on.somebody.denies('a');
      return run(on, {});
    },
    ends: { exitCode: 3, ending: 'swept', outcomes: { a: 'denied', b: 'restarted' }, left: {} },
  },
  {
    title: 'undone by a person between two runs',
    async play(on) {
      await night(on, [A]);
      await on.somebody.undoes('a');
      await until(on, ['a', 'back'], workload => workload.restartedAt === undefined && isComplete(workload));
      await on.clock.sleep(STALE_AFTER);
      return run(on, {});
    },
    ends: { exitCode: 0, ending: 'nothingToDo', outcomes: {}, left: { a: 'revertedBefore' } },
  },
  {
    title: 'terminated while one is in flight; the next run awaits it and does the rest',
    async play(on) {
      await on.deploy(slow(A), B);
      const running = on.start({});
      await until(on, ['a', 'under way'], isUnderWay);
      running.terminate();
      const first = told(on, await running.ended);
      return { first, second: await run(on, {}), revision: (await known(on, 'a')).revision };
    },
    ends: {
      first: { exitCode: 143, ending: 'terminated', outcomes: { a: 'interrupted' }, left: {} },
      second: { exitCode: 0, ending: 'swept', outcomes: { a: 'restarted', b: 'restarted' }, left: {} },
      revision: 2,
    },
  },
  {
    title: 'an upgraded sidecar, wanted by its image',
    injected: true,
    async play(on) {
      const first = await night(on, [A, B], { wishes: { stale: 'image' } });
      return { first, second: await run(on, { wishes: { stale: 'image' } }) };
    },
    ends: {
      first: { exitCode: 0, ending: 'swept', outcomes: { a: 'restarted', b: 'restarted' }, left: {} },
      second: { exitCode: 0, ending: 'nothingToDo', outcomes: {}, left: { a: 'fresh', b: 'fresh' } },
    },
  },
  {
    title: 'an upgraded sidecar, found by trying',
    injected: true,
    async play(on) {
      const first = await night(on, [A, B], { wishes: { stale: 'drift' } });
      return { first, second: await run(on, { wishes: { stale: 'drift' } }) };
    },
    ends: {
      first: { exitCode: 0, ending: 'swept', outcomes: { a: 'restarted', b: 'restarted' }, left: {} },
      second: { exitCode: 0, ending: 'nothingToDo', outcomes: {}, left: { a: 'fresh', b: 'fresh' } },
    },
  },
  {
    title: 'an image that nobody gets costs two one restart each',
    injected: true,
    async play(on) {
      const wishes: Wishes = { stale: 'typo', sizes: [1] };
      const first = await night(on, [A, B, C], { wishes });
      const second = await run(on, { wishes });
      return { first, second };
    },
    ends: {
      first: { exitCode: 3, ending: 'stopped', outcomes: { a: 'ineffective', b: 'ineffective' }, left: {} },
      second: { exitCode: 0, ending: 'stoppedBefore', outcomes: {}, left: {} },
    },
  },
];
