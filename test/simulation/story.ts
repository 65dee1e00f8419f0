import { keyOf, KINDS } from '../../src/domain/model.ts';
import { drawDraft, NAMESPACES, type Draft } from './draft.ts';
import { drawFleet, type Resident } from './fleet.ts';
import { MISCHIEF, type MischiefName } from './mischief.ts';
import { Random } from './random.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

/** Something that will go wrong, or that somebody will do. */
export interface Plot {
  readonly kind: MischiefName;
  /** In which night, after which of its ticks, and how much later: milliseconds. */
  readonly night: number;
  readonly tick: number;
  readonly later: number;
}

/** All that a seed says before anything happens. */
export interface Story {
  readonly seed: number;
  readonly begin: number;
  readonly draft: Draft;
  /** The sidecar of old; what is wanted is one more. */
  readonly version: number;
  readonly fleet: readonly Resident[];
  readonly budgets: ReadonlyMap<string, readonly string[]>;
  /** How many Pods the quota of a namespace allows beside those that are wanted there; absent for none. */
  readonly room: ReadonlyMap<string, number>;
  /** With faults; the quiet ones come after them. */
  readonly nights: number;
  /** The probability that a request meets trouble. */
  readonly trouble: number;
  /** Writes take seconds. */
  readonly isSluggish: boolean;
  readonly servesTerminating: boolean;
  /** The injector gives what is wanted, from the beginning. */
  readonly isUpgraded: boolean;
  readonly plots: readonly Plot[];
}

/** Makes a story smaller, to see what a failure needs. */
export interface Cut {
  readonly withoutPlots?: ReadonlySet<number>;
  readonly isCalm?: boolean;
  readonly size?: number;
}

/** Ordinary days, and the ones before a clock changes. */
const DAYS = ['2026-11-24', '2026-03-27', '2026-10-23', '2026-03-06', '2026-10-30', '2026-06-10', '2026-12-30'];

export function drawStory(seed: number, cut: Cut = {}): Story {
  const random = new Random(`nightshift/${seed}`);
  const begin = Date.parse(`${random.pick(DAYS)}T00:00:00Z`) - random.int(0, 1) * DAY;
  const version = 1;
  // In every eighth story, so that the others stay what they were.
  const hasKinds = seed % 8 === 5;
  // In every fourth, likewise, and beside other kinds.
  const hasWays = seed % 4 === 3 || hasKinds;
  const kinds = hasKinds ? KINDS : KINDS.slice(0, 1);
  const draft = { ...drawDraft(random.stream('policy'), version + 1), mayReplace: hasWays, kinds };
  const size = random.weighted([
    [1, 1],
    [2, 2],
    [4, 4],
    [3, 6],
    [1, 9],
  ]);
  const fleet = drawFleet(random.stream('fleet'), {
    begin,
    version,
    hasWays,
    hasKinds,
    size: Math.min(size, cut.size ?? size),
  });
  const budgets = new Map(
    fleet
      .filter((_, index) => random.stream(`budget/${index}`).chance(0.25))
      .map(({ workload }): [string, string[]] => [keyOf(workload), [`${workload.namespace}/budget`]]),
  );
  const quotas = random.stream('room');
  const room = new Map(
    NAMESPACES.filter(() => quotas.chance(0.12)).map(namespace => [namespace, quotas.pick([1, 1, 2, 4])] as const),
  );
  const nights = random.int(1, 2);
  const trouble = random.pick([0, 0, 0.02, 0.1, 0.25]);
  const many = random.pick([1, 2, 4, 8]);
  const plots = Array.from({ length: many }, (_, index): Plot => {
    const own = random.stream(`plot/${index}`);
    // Most of what a run does, it does in its first minutes.
    const later = Math.floor(own.next() ** 2 * 8 * MINUTE) - 5_000;
    return { kind: own.weighted(MISCHIEF), night: own.int(0, nights - 1), tick: own.pick([0, 0, 0, 1, 2]), later };
  });
  return {
    seed,
    begin,
    draft,
    version,
    fleet,
    budgets,
    room,
    nights,
    trouble: cut.isCalm === true ? 0 : trouble,
    isSluggish: random.chance(0.12) && cut.isCalm !== true,
    servesTerminating: random.chance(0.8),
    isUpgraded: random.chance(0.85),
    plots,
  };
}
