import { keyOf, type LeaveReason, type Reason, type Workload } from './domain/model.ts';
import { needsRoom, quotaTooSmall, shortagesOf, type Newcomers, type PodUsage } from './domain/quota.ts';
import type { Leave, Restart } from './domain/verdict.ts';
import { addedBy } from './domain/way.ts';
import { endingOfError } from './gates.ts';
import type { Announcer } from './ports.ts';
import type { StartWorld } from './start.ts';

/** Between two looks at a quota. */
const POLL = 1_000;
/** So long after a rollout of ours what it took may still be counted: Pods on their way out have thirty seconds by default. */
const SETTLES = 30_000;

/** What is restarted, and how. */
type Flying = Pick<Restart, 'workload' | 'way'>;

export type StartAnswer =
  | { readonly kind: 'room' }
  /** Others of ours in its namespace have taken what it needs, or are about to: it waits for them. */
  | { readonly kind: 'later' }
  | { readonly kind: 'left'; readonly verdict: Leave }
  /** The gates closed first. */
  | { readonly kind: 'closed' };

const ROOM: StartAnswer = { kind: 'room' };

/** What was to start is left after all, and that is told. */
export function leave(workload: Workload, reason: Reason<LeaveReason>, announcer: Announcer): StartAnswer {
  announcer.tell({ kind: 'judgedAgain', workload, detail: `${reason.why}: ${reason.detail}` });
  return { kind: 'left', verdict: { kind: 'leave', workload, ...reason } };
}

/** The ResourceQuotas of a namespace, read again right before each start that they may keep from going on. */
export class QuotaRoom {
  readonly #world: StartWorld;
  /** When the last rollout of ours ended in a namespace. */
  readonly #endedAt = new Map<string, number>();
  /** Namespaces without room beside what is in flight there: nobody is asked again before one of those has ended. */
  readonly #crowded = new Set<string>();

  constructor(world: StartWorld) {
    this.#world = world;
  }

  /** A rollout of ours ended there. */
  ended({ namespace }: Pick<Workload, 'namespace'>): void {
    this.#endedAt.set(namespace, this.#world.clock.elapsed());
    this.#crowded.delete(namespace);
  }

  /** Whether it waits for one of ours in its namespace to end. */
  waits(restart: Restart): boolean {
    return this.#crowded.has(restart.workload.namespace) && this.#usageOf(restart) !== undefined;
  }

  /**
   * Whether it may start now; `flying` are those of ours that are in flight in its namespace. Beside these there has to be
   * room for the surges of all: else one takes the room that another needs for its first Pod, or for the Pod that comes
   * after one that it let go. Alone, one Pod of room is enough, and none is needed where an old Pod may go first.
   */
  async ask(restart: Restart, flying: () => readonly Flying[]): Promise<StartAnswer> {
    const { cluster, observed, clock, gates, announcer } = this.#world;
    const { namespace } = restart.workload;
    const usage = this.#usageOf(restart);
    if (usage === undefined) return ROOM;
    const workload = observed.latest(restart.workload) ?? restart.workload;
    try {
      while (flying().length > 0 || needsRoom(workload, restart.way)) {
        const quotas = await cluster.quotas(namespace);
        const others = flying();
        const count = others.length > 0 ? addedBy(restart.way, workload) : 1;
        // The Pods of the others may be counted already, or not be made yet: the worse is assumed.
        const shortages = shortagesOf(quotas, [{ usage, count }, ...this.#onTheirWay(others)]);
        if (shortages.length === 0) return ROOM;
        if (others.length > 0) {
          this.#crowded.add(namespace);
          return { kind: 'later' };
        }
        const reason = quotaTooSmall(workload, restart.way, shortages);
        if (reason === undefined) return ROOM;
        const endedAt = this.#endedAt.get(namespace) ?? Number.NEGATIVE_INFINITY;
        if (clock.elapsed() - endedAt >= SETTLES) {
          return leave(workload, reason, announcer);
        }
        await observed.pause(POLL);
        if ((await gates.check()) !== undefined) return { kind: 'closed' };
      }
      return ROOM;
    } catch (error) {
      gates.close(endingOfError(error, announcer));
      return { kind: 'closed' };
    }
  }

  /** What a Pod of it takes; undefined where there is no quota, or where that is not known. */
  #usageOf({ workload }: Restart): PodUsage | undefined {
    const { quotas, usage, observed } = this.#world;
    // Of another template, nobody knows: its last rollout has just found room for it.
    const isKnown = (observed.latest(workload) ?? workload).template === workload.template;
    return quotas.has(workload.namespace) && isKnown ? usage.get(keyOf(workload)) : undefined;
  }

  #onTheirWay(flying: readonly Flying[]): readonly Newcomers[] {
    const { usage, observed } = this.#world;
    return flying.flatMap(({ workload, way }) => {
      const one = usage.get(keyOf(workload));
      return one === undefined ? [] : [{ usage: one, count: addedBy(way, observed.latest(workload) ?? workload) }];
    });
  }
}
