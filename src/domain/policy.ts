import { isDeepStrictEqual } from 'node:util';
import type * as z from 'zod';
import { globMatches } from './glob.ts';
import { isCalled, type Needs, type ObjectRef, type Owner, type WorkloadRef } from './model.ts';
import { policyDocument } from './policy-schema.ts';
import { type PolicyText, readPolicyText } from './policy-text.ts';
import { inOrder, type Path, type Problem } from './problem.ts';
import { type Labels, selectorMatches } from './selector.ts';
import { closest } from './spelling.ts';

export { MOST_IN_FLIGHT, policySchema } from './policy-schema.ts';
export { formatProblem, type Problem } from './problem.ts';

/**
 * What the operators allow: the document with every default filled in, durations in milliseconds
 * and cron, dates, globs and selectors parsed. Plain data: it can be compared, hashed and printed.
 */
export type Policy = DeepReadonly<z.output<typeof policyDocument>>;
export type Windows = Policy['windows'];
export type DenyWindow = Windows['deny'][number];
/** A reason to be stale. `age` in milliseconds; `imageNot` is sorted, without repetitions and never empty. */
export type Criterion = Policy['stale'][number];
/** `containers` and `fields` are null where nothing is named: everything counts then. */
export type InjectionCriterion = Criterion & { readonly kind: 'injection' };

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

export type ParsedPolicy =
  | { readonly kind: 'valid'; readonly policy: Policy }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/** The policy that a YAML (or JSON) text describes, or everything that is wrong with it, in the order of the text. Never throws. */
export function parsePolicy(text: string): ParsedPolicy {
  const document = readPolicyText(text);
  if (document.kind === 'unreadable') return { kind: 'invalid', problems: document.problems };
  const parsed = policyDocument.safeParse(document.value);
  if (parsed.success && document.problems.length === 0) return { kind: 'valid', policy: parsed.data };
  const found = parsed.error?.issues.flatMap(issue => problemsOf(issue, document)) ?? [];
  return { kind: 'invalid', problems: inOrder([...document.problems, ...found]) };
}

/** Our schema gives each issue the phrase of what was expected for a message. */
function problemsOf(issue: z.core.$ZodIssue, document: PolicyText): readonly Problem[] {
  const path: Path = issue.path.map(step => (typeof step === 'number' ? step : String(step)));
  if (issue.code !== 'unrecognized_keys') return present([document.problemAt(path, issue.message)]);
  const known = issue.message.split(', ');
  return present(
    issue.keys.map(key => {
      const meant = closest(key, known);
      const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
      return document.problemWithKey([...path, key], `one of the keys ${issue.message}${hint}`);
    }),
  );
}

const present = <T>(values: readonly (T | undefined)[]): readonly T[] => values.filter(value => value !== undefined);

/** Whether restarts may happen in a Namespace. Those that begin with `kube-` must be named, not matched. */
export function namespaceSelected(
  { select: { namespaces } }: Policy,
  { name, labels }: { readonly name: string; readonly labels: Labels },
): boolean {
  const included = name.startsWith('kube-')
    ? namespaces.include.includes(name)
    : namespaces.include.some(glob => globMatches(glob, name));
  const excluded = namespaces.exclude.some(glob => globMatches(glob, name));
  return included && !excluded && selectorMatches(namespaces.labels, labels);
}

/** Whether a workload is among those that may be restarted, its Namespace left aside. */
export function workloadSelected(
  { select: { workloads } }: Policy,
  { namespace, name, labels }: ObjectRef & { readonly labels: Labels },
): boolean {
  const excluded = workloads.exclude.some(
    globs => globMatches(globs.namespace, namespace) && globMatches(globs.name, name),
  );
  return !excluded && selectorMatches(workloads.labels, labels);
}

/** What `--only` names where no workload is called so, as in "Deployment shop/web"; undefined where one is, or it names none. */
export function missingOnly(
  only: string | undefined,
  workloads: readonly ObjectRef[],
  { select: { kinds } }: Policy,
): string | undefined {
  const isThere = only === undefined || workloads.some(workload => isCalled(workload, only));
  return isThere ? undefined : `${kinds.join(' or ')} ${only}`;
}

/** Whether what belongs to that controller may be restarted. */
export function ownerSelected({ select: { workloads } }: Policy, { kind }: Owner): boolean {
  return workloads.owners.some(owner => owner === '*' || owner === kind);
}

/** What has to be available and rolled out before anything starts. */
export const reliedOn = ({ ready }: Pick<Policy, 'ready'>): readonly WorkloadRef[] =>
  ready.map(({ deployment }) => ({ ...deployment, kind: 'Deployment' }));

/** Whether Pods may be evicted, which takes a right of its own: of other kinds than Deployments some can only be restarted so. */
export const mayEvict = (policy: Pick<Policy, 'restart' | 'stale' | 'select'>): boolean => {
  const { restart, stale, select } = policy;
  const isAsked = [restart, ...stale].some(({ way }) => way === 'evict');
  const isNeeded = restart.way === 'auto' && select.kinds.some(kind => kind === 'StatefulSet' || kind === 'DaemonSet');
  return isAsked || isNeeded || mayReplace(policy);
};

/** Whether a workload may have one Pod more than it wants for a while. */
export const mayReplace = ({ restart, stale }: Pick<Policy, 'restart' | 'stale'>): boolean =>
  restart.mayReplace || [restart, ...stale].some(({ way }) => way === 'replace');

/** Those that need Pods to be tried. */
export const injectionCriteria = ({ stale }: Pick<Policy, 'stale'>): readonly InjectionCriterion[] =>
  stale.filter(criterion => criterion.kind === 'injection');

/** What the criteria have to know of Pods besides their age and images. */
export function needsOf({ stale, select }: Pick<Policy, 'stale' | 'select'>): Needs {
  const config = stale.filter(criterion => criterion.kind === 'configChanged');
  return {
    kinds: select.kinds,
    shapes: stale.some(({ kind }) => kind === 'injection'),
    config: config.length > 0,
    volumes: config.some(({ volumes }) => volumes),
    secrets: config.some(({ secrets }) => secrets),
  };
}

/** Whether two policies say the same; comments, key order and spelled-out defaults make no difference. */
export const samePolicy = (one: Policy, other: Policy): boolean => isDeepStrictEqual(one, other);
