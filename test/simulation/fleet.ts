import type { Strategy, Workload } from '../../src/domain/model.ts';
import { aWorkload } from '../build.ts';

import { NAMESPACES } from './draft.ts';
import { asSomeKind } from './kinds.ts';
import { SICKNESSES } from './pods.ts';
import type { Temper } from './pod-control.ts';
import type { Random } from './random.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Milliseconds. */
export const TAKEN_BACK_AFTER: readonly number[] = [50, 2_000, 3_000, 5_000, 8_000, 40_000, 240_000];

/** A workload as it stands when the story begins. */
export interface Resident {
  readonly workload: Workload;
  readonly temper: Temper;
  readonly pods: readonly { readonly createdAt: number; readonly sidecar: number | undefined }[];
  /** So much later a GitOps tool takes a restart back; undefined for one that lets it be. */
  readonly takenBackAfter: number | undefined;
  /** A budget lets none of its Pods be evicted for so long; undefined for never. */
  readonly blockedFor: number | undefined;
}

export interface FleetOptions {
  /** When the story begins. */
  readonly begin: number;
  /** The sidecar of old. */
  readonly version: number;
  readonly size: number;
  /** Whether some ask for another way than a rollout. */
  readonly hasWays: boolean;
  /** Whether some are of another kind than Deployments. */
  readonly hasKinds: boolean;
}

/** Some workloads in two namespaces, most of them stale and willing. */
export function drawFleet(random: Random, { begin, version, size, hasWays, hasKinds }: FleetOptions): Resident[] {
  return Array.from({ length: size }, (_, index) => {
    const own = random.stream(`workload/${index}`);
    const replicas = own.weighted([
      [3, 1],
      [3, 2],
      [4, 3],
      [2, 5],
      [1, 9],
      [0.5, 0],
    ]);
    const ways = random.stream(`ways/${index}`);
    const way = hasWays
      ? ways.weighted([
          [4, undefined],
          [3, 'replace'],
          [3, 'evict'],
          [0.5, 'rollout'],
        ])
      : undefined;
    const blockedFor = hasWays && ways.chance(0.15) ? ways.int(2, 30) * HOUR : undefined;
    const workload = aResident(`w${index}`, own.pick(NAMESPACES), {
      uid: uidOf(own),
      replicas,
      strategy: drawStrategy(own),
      way,
      paused: own.chance(0.03),
      optedOut: own.chance(0.05),
      downtimeAllowed: own.chance(0.2),
      priority: own.chance(0.1) ? String(own.int(-5, 5)) : undefined,
    });
    const age = own.int(1, 30 * 24) * HOUR;
    const pods = Array.from({ length: replicas }, () => ({
      createdAt: begin - age - own.int(0, HOUR / SECOND) * SECOND,
      sidecar: version,
    }));
    const takenBackAfter = own.chance(0.1) ? own.pick(TAKEN_BACK_AFTER) : undefined;
    const resident = { workload, temper: drawTemper(own), pods, takenBackAfter, blockedFor };
    return hasKinds ? asSomeKind(resident, random.stream(`kinds/${index}`)) : resident;
  });
}

/** A workload at generation and revision 1, complete. */
export const aResident = (name: string, namespace: string, given: Partial<Omit<Workload, 'status'>>): Workload =>
  aWorkload({ name, namespace, generation: 1, revision: 1, template: 't1', ...given });

export function uidOf(random: Random): string {
  const digits = (): string =>
    random
      .int(0, 2 ** 32 - 1)
      .toString(16)
      .padStart(8, '0');
  return `${digits()}-${digits()}`;
}

function drawStrategy(random: Random): Strategy {
  const rolling = (maxSurge: number | string, maxUnavailable: number | string): Strategy => ({
    kind: 'rollingUpdate',
    maxSurge,
    maxUnavailable,
  });
  return random.weighted<Strategy>([
    [6, rolling('25%', '25%')],
    [2, rolling(1, 0)],
    [1, rolling(0, 1)],
    [1, rolling('100%', '50%')],
    [1, { kind: 'recreate' }],
  ]);
}

function drawTemper(random: Random): Temper {
  const slowest = random.pick([2, 8, 20]) * SECOND;
  return {
    ready: [500, slowest],
    ending: [200, random.pick([1, 5, 30]) * SECOND],
    deadline: random.pick([1, 5, 10]) * MINUTE,
    sickness: random.chance(0.08) ? random.pick(SICKNESSES) : undefined,
  };
}
