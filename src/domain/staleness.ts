import { formatDuration } from './duration.ts';
import type { Injection } from './drift.ts';
import { imageMatches } from './image.ts';
import { formatInstant } from './instant.ts';
import type { ConfigChanges, ContainerImage, Kind, Pod, Reason, StaleReason } from './model.ts';
import { isOfRestart } from './newness.ts';
import type { Criterion } from './policy.ts';
import { unreachable } from './model.ts';
import { several, shortened } from './problem.ts';

/** What the age of a Pod is measured against. */
export interface AgeReference {
  /** When the sweep began, milliseconds by the API server's clock: what ages later belongs to the next sweep. */
  readonly begin: number;
  /** This sweep's T for the workload: Pods that carry it are new by definition, whatever the clocks say. */
  readonly restartedAt: string | undefined;
}

/** What the criteria are held against. */
export interface Evidence {
  readonly namespace: string;
  /** Of the workload. */
  readonly kind: Kind;
  /** Live Pods. */
  readonly pods: readonly Pod[];
  readonly age: AgeReference;
  /** Undefined where no criterion asks for it. */
  readonly injection: Injection | undefined;
  readonly configChanges: ConfigChanges;
}

export type Staleness =
  | { readonly kind: 'fresh' }
  | ({ readonly kind: 'stale'; readonly way?: Criterion['way'] } & Reason<StaleReason>)
  /** A criterion that cannot be judged: nothing is restarted on a guess. */
  | { readonly kind: 'unknown'; readonly detail: string };

/**
 * The first criterion of the policy, in its order, that any of the Pods matches; unknown when one of them cannot be
 * judged, whatever the others say. The detail names what a person would look for.
 */
export function stalenessOf(evidence: Evidence, stale: readonly Criterion[]): Staleness {
  const judged = stale.map(criterion => withWay(judgeCriterion(criterion, evidence), criterion));
  const unknown = judged.find(({ kind }) => kind === 'unknown');
  return unknown ?? judged.find(({ kind }) => kind === 'stale') ?? FRESH;
}

const FRESH: Staleness = { kind: 'fresh' };

const withWay = (staleness: Staleness, { way }: Criterion): Staleness =>
  staleness.kind === 'stale' && way !== undefined ? { ...staleness, way } : staleness;

function judgeCriterion(criterion: Criterion, evidence: Evidence): Staleness {
  switch (criterion.kind) {
    case 'podOlderThan':
      return byDate(evidence, pods => tooOld(criterion.age, evidence.age.begin, pods));
    case 'containerImage':
      return imageOf(criterion, evidence);
    case 'injection':
      return drift(evidence);
    case 'configChanged':
      return byDate(evidence, pods => configChanged(pods, evidence));
    default:
      return unreachable(criterion);
  }
}

/** Pods of this sweep are new whatever else says; of the others there must be a date. */
function byDate({ pods, age, kind }: Evidence, judge: (pods: readonly Pod[]) => Staleness): Staleness {
  const at = age.restartedAt;
  const earlier = pods.filter(pod => at === undefined || !isOfRestart(pod, { kind, at }));
  // There is no such Pod on a real API server, and no clock to judge it by.
  const undated = earlier.find(({ createdAt }) => createdAt <= 0);
  if (undated === undefined) return judge(earlier);
  return { kind: 'unknown', detail: `the API server does not tell when its Pod ${undated.name} was created` };
}

function tooOld(limit: number, begin: number, pods: readonly Pod[]): Staleness {
  const old = pods.filter(({ createdAt }) => begin - createdAt > limit);
  if (old.length === 0) return FRESH;
  const oldest = Math.min(...old.map(pod => pod.createdAt));
  const detail = `oldest Pod is from ${formatInstant(oldest)}, the limit is ${formatDuration(limit)}`;
  return { kind: 'stale', why: 'podTooOld', detail };
}

function imageOf(
  { container: name, imageNot }: Criterion & { readonly kind: 'containerImage' },
  { pods }: Evidence,
): Staleness {
  const images = new Set(pods.flatMap(pod => pod.images.filter(({ container }) => container === name)));
  const verdicts = [...images].map(image => ({ image, isMeant: isAnyOf(image, imageNot) }));
  const wrong = verdicts.filter(({ isMeant }) => isMeant === false).map(({ image }) => shown(image, imageNot));
  if (wrong.length > 0) {
    const wanted = `${imageNot[0] ?? ''}${imageNot.length > 1 ? ` or ${imageNot.length - 1} more` : ''}`;
    const detail = `${name} runs ${several([...new Set(wrong)].toSorted())}, wanted is ${wanted}`;
    return { kind: 'stale', why: 'containerImage', detail };
  }
  const open = verdicts.find(({ isMeant }) => isMeant === undefined);
  if (open === undefined) return FRESH;
  return {
    kind: 'unknown',
    detail: `no node has told the digest of ${name}'s image ${shortened(open.image.image)} yet`,
  };
}

/** Undefined while no pattern means the image for sure, and one may. */
function isAnyOf(image: ContainerImage, patterns: readonly string[]): boolean | undefined {
  const matches = patterns.map(pattern => imageMatches(pattern, image));
  return matches.includes(true) || (matches.includes(undefined) ? undefined : false);
}

/** With its digest where digests are what is compared. */
function shown({ image, imageId }: ContainerImage, patterns: readonly string[]): string {
  const digest = patterns.some(pattern => pattern.includes('@')) ? imageId?.split('@')[1] : undefined;
  return shortened(digest === undefined || image.includes('@') ? image : `${image}@${digest}`);
}

function drift({ injection }: Evidence): Staleness {
  if (injection === undefined) return { kind: 'unknown', detail: 'no Pod was tried' };
  switch (injection.kind) {
    case 'same':
      return FRESH;
    case 'drifted':
      return { kind: 'stale', why: 'injectionDrift', detail: injection.detail };
    case 'unknown':
      return injection;
    default:
      return unreachable(injection);
  }
}

/** Seconds are all that the API server tells: what changed in the second of a Pod's creation was there when it started. */
function configChanged(pods: readonly Pod[], { namespace, configChanges }: Evidence): Staleness {
  const changed = new Map<string, number>();
  for (const pod of pods) {
    for (const read of pod.reads) {
      const [kind = '', name = ''] = read.split('/');
      const at = configChanges.get(`${kind}/${namespace}/${name}`);
      if (at !== undefined && at > pod.createdAt) changed.set(read, at);
    }
  }
  const [first, ...others] = [...changed].toSorted(([, a], [, b]) => b - a);
  if (first === undefined) return FRESH;
  const [read, at] = first;
  const more = others.length === 0 ? '' : `, and ${others.length} more changed since`;
  const what = read.replace('configmap/', 'ConfigMap ').replace('secret/', 'Secret ');
  return {
    kind: 'stale',
    why: 'configChanged',
    detail: `${what} changed at ${formatInstant(at)}, after its Pods started${more}`,
  };
}

/** The containers whose images the criteria ask about. */
export function namedContainers(stale: readonly Criterion[]): readonly string[] {
  return [...new Set(stale.flatMap(criterion => (criterion.kind === 'containerImage' ? [criterion.container] : [])))];
}

/** Containers that the criteria ask about and no Pod has: names that are misspelt, mostly. */
export function unseenContainers(stale: readonly Criterion[], pods: Iterable<readonly Pod[]>): readonly string[] {
  const drifting = stale.flatMap(criterion => (criterion.kind === 'injection' ? (criterion.containers ?? []) : []));
  const unseen = new Set([...namedContainers(stale), ...drifting]);
  for (const pod of [...pods].flat()) for (const { container } of pod.images) unseen.delete(container);
  return [...unseen];
}

export function hasContainer({ images }: Pod, name: string): boolean {
  return images.some(({ container }) => container === name);
}
