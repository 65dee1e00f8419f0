import { createHash } from 'node:crypto';
import { Comparison } from './comparison.ts';
import type { Pod, ReplicaSetRef } from './model.ts';
import type { InjectionCriterion } from './policy.ts';
import type { PodShape } from './shape.ts';

/** Whether Pods differ from what admission would make of their template now, and in what. */

/** What admission says to a Pod that is only tried (a dry run). */
export type Admission =
  | {
      readonly kind: 'admitted';
      /** The template as it was sent. */
      readonly template: PodShape;
      /** The Pod that came back. */
      readonly pod: PodShape;
    }
  /** In the words of whoever refused. */
  | { readonly kind: 'refused'; readonly message: string };

interface Compared {
  readonly detail: string;
  /** Hashes of what admission makes and that counts: of containers with their images, and of everything else. */
  readonly resolved: { readonly containers: string; readonly settings: string };
}

/** What came of comparing Pods with one admission, for all criteria about injection together. */
export type Injection =
  | ({ readonly kind: 'same' } & Compared)
  | ({
      readonly kind: 'drifted';
      /** Containers or their images differ: another version, which is never chance. Else only settings do. */
      readonly inContainers: boolean;
    } & Compared)
  | { readonly kind: 'unknown'; readonly detail: string };

/**
 * Compares live Pods with what came back. What admission took away is no drift but unknown: an injector that is down and
 * whose webhook is ignored answers just so, and a restart would strip every Pod of its sidecar.
 */
export function injectionOf(
  pods: readonly Pod[],
  admission: Admission,
  criteria: readonly InjectionCriterion[],
): Injection {
  if (admission.kind === 'refused') return { kind: 'unknown', detail: `a Pod cannot be tried: ${admission.message}` };
  const shapes = shapesOf(pods);
  const comparisons = criteria.map(criterion => new Comparison(admission, criterion));
  const lacks = unique(comparisons.flatMap(comparison => shapes.flatMap(shape => comparison.lacks(shape))));
  if (lacks.length > 0) {
    const detail = `a Pod created now would lack ${sentence(lacks, ', ')}, which its Pods have: is the injector there? If that is meant, name the container under mayLack`;
    return { kind: 'unknown', detail };
  }
  const resolved = {
    containers: digest(comparisons.map(({ made }) => made.containers)),
    settings: digest(comparisons.map(({ made }) => made.settings)),
  };
  const ofContainers = unique(comparisons.flatMap(comparison => comparison.differencesOfContainers(shapes)));
  const ofSettings = unique(comparisons.flatMap(comparison => comparison.differencesOfSettings(shapes)));
  const differences = [...ofContainers, ...ofSettings];
  return differences.length === 0
    ? { kind: 'same', detail: '', resolved }
    : { kind: 'drifted', inContainers: ofContainers.length > 0, detail: sentence(differences), resolved };
}

/** What a Pod was to get when it was tried, and some of these Pods lack: their injector was down when they were made. */
export function lostSince(
  tried: Admission,
  pods: readonly Pod[],
  criteria: readonly InjectionCriterion[],
): readonly string[] {
  if (tried.kind === 'refused') return [];
  const { template } = tried;
  return unique(
    shapesOf(pods).flatMap(pod =>
      criteria.flatMap(criterion => new Comparison({ template, pod }, criterion).lacks(tried.pod)),
    ),
  );
}

/** Of the newest Pod: the next one would be of the same. */
export function newestReplicaSet(pods: readonly Pod[]): ReplicaSetRef {
  const [newest] = pods.toSorted((a, b) => b.createdAt - a.createdAt);
  return newest?.replicaSet ?? { name: '', uid: '' };
}

const shapesOf = (pods: readonly Pod[]): readonly PodShape[] => unique(pods.flatMap(({ shape }) => shape ?? []));

const unique = <T>(values: readonly T[]): readonly T[] => [...new Set(values)];

const SHOWN = 3;

function sentence(differences: readonly string[], separator = '; '): string {
  const more = differences.length > SHOWN ? `${separator}and ${differences.length - SHOWN} more` : '';
  return `${differences.slice(0, SHOWN).join(separator)}${more}`;
}

const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 8);
