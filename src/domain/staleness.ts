import { formatDuration } from './duration.ts';
import { formatInstant } from './instant.ts';
import type { Pod, Reason, StaleReason } from './model.ts';
import type { Criterion } from './policy.ts';
import { unreachable } from './model.ts';

/** What the age of a Pod is measured against. */
export interface AgeReference {
  /** When the sweep began, milliseconds by the API server's clock: what ages later belongs to the next sweep. */
  readonly begin: number;
  /** This sweep's T for the workload: Pods that carry it are new by definition, whatever the clocks say. */
  readonly restartedAt: string | undefined;
}

/**
 * The first criterion of the policy, in its order, that any of the Pods matches; undefined when all are fresh.
 * The detail names what a person would look for.
 */
export function staleReason(
  pods: readonly Pod[],
  stale: readonly Criterion[],
  age: AgeReference,
): Reason<StaleReason> | undefined {
  for (const criterion of stale) {
    const matching = pods.filter(pod => matches(pod, criterion, age));
    if (matching.length > 0) return { why: codeOf(criterion), detail: describe(matching, criterion) };
  }
  return undefined;
}

function matches(pod: Pod, criterion: Criterion, age: AgeReference): boolean {
  switch (criterion.kind) {
    case 'podOlderThan':
      if (age.restartedAt !== undefined && pod.restartedAt === age.restartedAt) return false;
      return age.begin - pod.createdAt > criterion.age;
    case 'containerImage':
      return pod.images.some(
        ({ container, image }) => container === criterion.container && !criterion.imageNot.includes(image),
      );
    default:
      return unreachable(criterion);
  }
}

function codeOf(criterion: Criterion): StaleReason {
  return criterion.kind === 'podOlderThan' ? 'podTooOld' : 'containerImage';
}

function describe(pods: readonly Pod[], criterion: Criterion): string {
  switch (criterion.kind) {
    case 'podOlderThan': {
      const oldest = Math.min(...pods.map(pod => pod.createdAt));
      return `oldest Pod is from ${formatInstant(oldest)}, the limit is ${formatDuration(criterion.age)}`;
    }
    case 'containerImage': {
      const images = new Set(
        pods.flatMap(pod => pod.images.filter(i => i.container === criterion.container).map(i => i.image)),
      );
      return `${criterion.container} runs ${[...images].toSorted().join(', ')}`;
    }
    default:
      return unreachable(criterion);
  }
}
