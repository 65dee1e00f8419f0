import { injectionOf, lostSince, newestReplicaSet, type Admission, type Injection } from './domain/drift.ts';
import type { ConfigChanges, Pod, Workload } from './domain/model.ts';
import { injectionCriteria } from './domain/policy.ts';
import { stalenessOf, type AgeReference, type Staleness } from './domain/staleness.ts';
import { criteriaOf, isSameWant, wantFor } from './domain/want.ts';
import { tryInjection, type TrialWorld } from './trials.ts';

/** A rollout that is complete, and what it was for. */
interface RolledOut {
  readonly workload: Workload;
  /** Live ones; all of them carry T. */
  readonly pods: readonly Pod[];
  readonly age: AgeReference;
  /** As the record says; undefined where Pods from before are among them, which have to be what is wanted now. */
  readonly want: string | undefined;
  /** What a Pod was to get when it was started; undefined after a crash, and where no criterion asks for it. */
  readonly tried: Admission | undefined;
}

/** Whether any criterion still holds for the Pods of a rollout. Throws like a read. */
export async function stalenessNow(
  rolledOut: RolledOut,
  world: TrialWorld & { readonly configChanges: ConfigChanges },
): Promise<Staleness> {
  const { workload, pods, age } = rolledOut;
  const { namespace, kind } = workload;
  const { configChanges, policy } = world;
  const injection = await injectionNow(rolledOut, world);
  return stalenessOf({ namespace, kind, pods, age, injection, configChanges }, policy.stale);
}

/**
 * Pods that got what was to be had when they were started, or what is to be had now, are fresh: what the injector became
 * since is for the next run. Pods that lack what was to be had are not proven, whatever it says now. After a crash nobody
 * knows what was to be had, only whether it was another version.
 */
async function injectionNow(
  { workload, pods, want, tried }: RolledOut,
  world: TrialWorld,
): Promise<Injection | undefined> {
  const criteria = injectionCriteria(world.policy);
  const isAsTried = (pod: Pod): boolean => tried !== undefined && injectionOf([pod], tried, criteria).kind === 'same';
  const others = pods.filter(pod => !isAsTried(pod));
  if (tried !== undefined && others.length === 0) return injectionOf([], tried, criteria);
  const subject = { workload, pods: others, replicaSet: newestReplicaSet(pods) };
  const now = (await tryInjection(subject, world))?.injection;
  const isUnseen = tried === undefined && want !== undefined;
  if (isUnseen && now?.kind === 'drifted' && !isSameWant(want, wantFor(criteriaOf(want), now))) {
    return { ...now, kind: 'same' };
  }
  const lost = tried === undefined || now?.kind !== 'same' ? [] : lostSince(tried, pods, criteria);
  return lost.length > 0 ? { kind: 'unknown', detail: `its new Pods lack ${lost.join(', ')}` } : now;
}
