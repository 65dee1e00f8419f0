import { unreachable, type Kind } from '../../src/domain/model.ts';
import { policyText } from '../build.ts';
import type { Daily, Windows } from './calendar.ts';
import type { Random } from './random.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** What makes Pods stale, as the simulator's own eyes see it. */
export type Wish =
  | { readonly kind: 'age'; readonly age: number }
  | { readonly kind: 'image'; readonly version: number }
  | { readonly kind: 'drift' }
  | { readonly kind: 'config' };

/** A policy as plain numbers, which the invariants are held against; milliseconds. */
export interface Draft {
  readonly windows: Windows;
  readonly stale: readonly Wish[];
  readonly namespaces: readonly string[];
  readonly kinds: readonly Kind[];
  readonly sizes: readonly number[];
  readonly pause: number;
  readonly inFlight: { readonly workloads: number; readonly pods: number; readonly perNamespace: number };
  readonly timeout: number;
  readonly soak: number;
  readonly stopAfter: number;
  readonly resume: 'nextWindow' | 'manual';
  readonly undo: boolean;
  readonly retryAfter: number;
  readonly downtime: 'skip' | 'allow';
  readonly unhealthy: 'skip' | 'allow';
  /** Waits for the injector's own Deployment. */
  readonly isReadyAsked: boolean;
  readonly mayReplace: boolean;
}

export const INJECTOR = { kind: 'Deployment' as const, namespace: 'mesh', name: 'injector' };
export const NAMESPACES: readonly string[] = ['shop', 'pay'];

/** The document that says the same. */
export function textOf(draft: Draft): string {
  return policyText({
    windows: {
      timeZone: draft.windows.timeZone,
      allow: draft.windows.allow.map((daily, index) => ({ name: `night-${index}`, ...recurrence(daily) })),
      deny: draft.windows.deny.map((daily, index) => ({ name: `freeze-${index}`, ...recurrence(daily) })),
    },
    select: {
      namespaces: { include: draft.namespaces },
      ...(draft.kinds.length > 1 ? { kinds: draft.kinds } : {}),
    },
    stale: draft.stale.map(criterion),
    ...(draft.isReadyAsked ? { ready: [{ deployment: `${INJECTOR.namespace}/${INJECTOR.name}` }] } : {}),
    restart: { mayReplace: draft.mayReplace },
    availability: { downtime: draft.downtime, unhealthy: draft.unhealthy },
    batches: { sizes: draft.sizes, pause: seconds(draft.pause), inFlight: draft.inFlight },
    rollout: { timeout: seconds(draft.timeout), soak: seconds(draft.soak) },
    onFailure: {
      stopAfter: draft.stopAfter,
      resume: draft.resume,
      undo: draft.undo,
      retryAfter: seconds(draft.retryAfter),
    },
  });
}

const seconds = (milliseconds: number): string => `${milliseconds / SECOND}s`;

const recurrence = ({ hour, minute, weekday, lasts }: Daily) => ({
  opens: `${minute} ${hour} * * ${weekday ?? '*'}`,
  lasts: `${lasts / MINUTE}m`,
});

function criterion(wish: Wish): Readonly<Record<string, unknown>> {
  switch (wish.kind) {
    case 'age':
      return { podOlderThan: seconds(wish.age) };
    case 'image':
      return { container: 'proxy', imageNot: [`proxy:${wish.version}`] };
    case 'drift':
      return { injection: 'drift' };
    case 'config':
      return { configChanged: {} };
    default:
      return unreachable(wish);
  }
}

/** Some policy; `version` is the sidecar that is wanted in the end. */
export function drawDraft(random: Random, version: number): Draft {
  return {
    windows: drawWindows(random),
    stale: drawStale(random, version),
    namespaces: NAMESPACES,
    kinds: ['Deployment'],
    sizes: random.pick([[1], [1, 2], [2], [1, 3, 4], [10], [1, 2, 20], [3, 1]]),
    pause: random.pick([0, 0, 30, 120]) * SECOND,
    inFlight: {
      workloads: random.int(1, 4),
      pods: random.pick([2, 4, 8, 30]),
      perNamespace: random.int(1, 3),
    },
    timeout: random.pick([2, 4, 10]) * MINUTE,
    soak: random.pick([0, 10, 30]) * SECOND,
    stopAfter: random.pick([1, 1, 2, 5]),
    resume: random.chance(0.15) ? 'manual' : 'nextWindow',
    undo: random.chance(0.4),
    retryAfter: random.pick([1, 6, 20]) * HOUR,
    downtime: random.chance(0.3) ? 'allow' : 'skip',
    unhealthy: random.chance(0.3) ? 'allow' : 'skip',
    isReadyAsked: random.chance(0.25),
    mayReplace: false,
  };
}

function drawStale(random: Random, version: number): Wish[] {
  const age: Wish = { kind: 'age', age: random.pick([12, 48, 168]) * HOUR };
  const image: Wish = { kind: 'image', version };
  const drift: Wish = { kind: 'drift' };
  const config: Wish = { kind: 'config' };
  return random.weighted([
    [4, [age]],
    [4, [image]],
    [4, [drift]],
    [1, [config]],
    [1, [age, image]],
    [1, [drift, age]],
    [1, [drift, config]],
  ]);
}

function drawWindows(random: Random): Windows {
  const hour = random.pick([0, 1, 2, 2, 3]);
  const lasts = random.pick([40, 60, 120, 180]) * MINUTE;
  const first: Daily = { hour, minute: random.pick([0, 0, 30]), weekday: undefined, lasts };
  // One that touches, overlaps or follows.
  const later = first.hour * HOUR + first.minute * MINUTE + random.pick([lasts, lasts / 2, lasts + 30 * MINUTE]);
  const second = { ...clock(later), weekday: undefined, lasts: 40 * MINUTE };
  const denied = first.hour * HOUR + first.minute * MINUTE + random.int(0, lasts / MINUTE) * MINUTE;
  const deny = { ...clock(denied), weekday: undefined, lasts: random.int(5, 30) * MINUTE };
  return {
    timeZone: random.pick(['UTC', 'Europe/Berlin', 'Europe/Berlin', 'America/New_York']),
    allow: random.chance(0.25) ? [first, second] : [first],
    deny: random.chance(0.35) ? [deny] : [],
  };
}

const clock = (milliseconds: number) => ({
  hour: Math.floor(milliseconds / HOUR) % 24,
  minute: Math.floor(milliseconds / MINUTE) % 60,
});

/** The same policy with something else in it; what it is for stays, unless `criteria`. */
export function edited(draft: Draft, random: Random, change: 'limits' | 'criteria' | 'freeze', version: number): Draft {
  switch (change) {
    case 'criteria':
      return { ...draft, stale: drawStale(random, version) };
    case 'limits': {
      const { sizes, inFlight, pause, soak, stopAfter } = drawDraft(random, version);
      return { ...draft, sizes, inFlight, pause, soak, stopAfter };
    }
    case 'freeze': {
      const [first] = draft.windows.allow;
      const deny = first === undefined ? [] : [{ ...first, lasts: random.int(5, 60) * MINUTE }];
      return { ...draft, windows: { ...draft.windows, deny } };
    }
    default:
      return unreachable(change);
  }
}
