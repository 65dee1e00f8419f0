import { createHash } from 'node:crypto';
import type { Pod, ReplicaSetRef } from './model.ts';
import type { InjectionCriterion } from './policy.ts';
import {
  annotationsOf,
  containersOf,
  encodeContainers,
  encodeValues,
  FIELDS,
  PLACEMENT,
  type ContainerShape,
  type Field,
  type PodShape,
  type Values,
} from './shape.ts';

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
  /** A hash of all that admission adds and that counts: equal while a new Pod would get the same. */
  readonly resolved: string;
}

/** What came of comparing Pods with one admission, for all criteria about injection together. */
export type Injection =
  | ({ readonly kind: 'same' } & Compared)
  | ({ readonly kind: 'drifted' } & Compared)
  | { readonly kind: 'unknown'; readonly detail: string };

/** Of the newest Pod: the next one would be of the same. */
export function newestReplicaSet(pods: readonly Pod[]): ReplicaSetRef {
  const [newest] = pods.toSorted((a, b) => b.createdAt - a.createdAt);
  return newest?.replicaSet ?? { name: '', uid: '' };
}

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
  const shapes = [...new Set(pods.flatMap(({ shape }) => shape ?? []))];
  const results = criteria.map(criterion => new Comparison(admission, criterion).with(shapes));
  const lacking = [...new Set(results.flatMap(({ lacks }) => lacks))];
  if (lacking.length > 0) {
    const detail = `a Pod created now would lack ${lacking.join(', ')}, which its Pods have: is the injector there? If that is meant, name the containers that count`;
    return { kind: 'unknown', detail };
  }
  const resolved = digest(JSON.stringify(results.map(({ adds }) => adds)));
  const missing = [...new Set(results.flatMap(result => result.missing))];
  const differences = [...missing.map(name => `${name} is missing`), ...new Set(results.flatMap(it => it.differences))];
  return differences.length === 0
    ? { kind: 'same', detail: '', resolved }
    : { kind: 'drifted', detail: sentence(differences), resolved };
}

/** What a Pod was to get when it was tried, and none of these Pods or only some have: an injector that was down when they were made. */
export function lostSince(
  tried: Admission,
  pods: readonly Pod[],
  criteria: readonly InjectionCriterion[],
): readonly string[] {
  if (tried.kind === 'refused') return [];
  const made = new Set(pods.flatMap(({ shape }) => shape ?? []));
  const lost = [...made].flatMap(pod =>
    criteria.flatMap(criterion => new Comparison({ ...tried, pod }, criterion).with([tried.pod]).lacks),
  );
  return [...new Set(lost)];
}

/**
 * Two admissions of one template as one: what differs between them is chance, and counts for nothing. A container that
 * only one of them has is left out, so that Pods which have it are not judged.
 */
export function withoutChance(first: Admission, second: Admission): Admission {
  if (first.kind === 'refused' || second.kind === 'refused') return second;
  const others = containersOf(second.pod);
  const containers = [...containersOf(first.pod)].flatMap(([name, container]) => {
    const other = others.get(name);
    if (other === undefined) return [];
    const fields = FIELDS.map(field => [field, agreed(container[field], other[field])] as const);
    return [[name, Object.fromEntries(fields)] as const];
  });
  const annotations = agreed(annotationsOf(first.pod), annotationsOf(second.pod));
  const pod = {
    containers: encodeContainers(Object.fromEntries(containers)),
    annotations: encodeValues(annotations),
  };
  return { ...first, pod };
}

/** Equals any value, and none. */
const CHANCE = '?';

function agreed(first: Values = {}, second: Values = {}): Values {
  const names = new Set([...Object.keys(first), ...Object.keys(second)]);
  return Object.fromEntries(
    [...names].map(name => [name, first[name] === second[name] ? (first[name] ?? '') : CHANCE]),
  );
}

/** What admission changes of a container that the template has, but for resources: autoscalers set these anew every day. */
const OF_THE_TEMPLATE: ReadonlySet<Field> = new Set(['image', 'args', 'env', 'mounts']);

/** What nobody can change in a live Pod. */
const ONLY_AT_CREATION: readonly Field[] = ['args', 'env', 'mounts'];

/** One criterion's view of one admission. */
class Comparison {
  readonly #template: ReadonlyMap<string, ContainerShape>;
  readonly #pod: ReadonlyMap<string, ContainerShape>;
  /** Of the Pod, those that the template does not have so. */
  readonly #annotations: Values;
  readonly #criterion: InjectionCriterion;

  constructor({ template, pod }: Admission & { readonly kind: 'admitted' }, criterion: InjectionCriterion) {
    this.#template = containersOf(template);
    this.#pod = containersOf(pod);
    this.#criterion = criterion;
    const { containers, fields } = criterion;
    const counted = fields === null ? containers === null : fields.includes('annotations');
    this.#annotations = counted ? changed(annotationsOf(pod), annotationsOf(template)) : {};
  }

  with(shapes: readonly PodShape[]) {
    const live = shapes.map(shape => ({ containers: containersOf(shape), annotations: annotationsOf(shape) }));
    const names = [...this.#pod.keys()].filter(name => this.#counts(name));
    return {
      lacks: live.flatMap(({ containers }) =>
        [...containers].flatMap(([name, container]) => this.#lackOf(name, container)),
      ),
      missing: names.filter(name => live.some(({ containers }) => !containers.has(name))),
      adds: [names.map(name => [name, this.#added(name)]), this.#annotations],
      differences: [
        ...names.flatMap(name =>
          this.#ofContainer(
            name,
            live.map(({ containers }) => containers.get(name)),
          ),
        ),
        ...this.#ofAnnotations(live.map(({ annotations }) => annotations)),
      ],
    };
  }

  #counts(container: string): boolean {
    return this.#criterion.containers === null || this.#criterion.containers.includes(container);
  }

  /** What a live container has that admission does not make: itself, or all that was put into one of the template. */
  #lackOf(name: string, live: ContainerShape): string[] {
    if (!this.#counts(name)) return [];
    const [made, given] = [this.#pod.get(name), this.#template.get(name)];
    if (made === undefined) return [name];
    const isLeftAlone = given !== undefined && isSame(made, given, [...OF_THE_TEMPLATE]);
    return isLeftAlone && !isSame(live, given, ONLY_AT_CREATION) ? [`what was injected into ${name}`] : [];
  }

  #fieldsOf(container: string): readonly Field[] {
    const { fields } = this.#criterion;
    const ofTemplate = this.#template.has(container);
    return FIELDS.filter(field => fields?.includes(field) ?? (!ofTemplate || OF_THE_TEMPLATE.has(field)));
  }

  /** What of a container admission made, as far as it counts. */
  #added(name: string): unknown {
    const [made, given] = [this.#pod.get(name) ?? {}, this.#template.get(name) ?? {}];
    return this.#fieldsOf(name).map(field => changed(made[field] ?? {}, given[field] ?? {}));
  }

  #ofContainer(name: string, live: readonly (ContainerShape | undefined)[]): string[] {
    const made = this.#pod.get(name) ?? {};
    // Said already.
    if (live.some(container => container === undefined)) return [];
    const fields = this.#fieldsOf(name);
    const placement = made.other?.[PLACEMENT] ?? '';
    const isMoved = fields.includes('other') && live.some(it => it?.other?.[PLACEMENT] !== placement);
    if (isMoved) return [`${name} would be ${placement}`];
    return fields.flatMap(field => {
      const values = live.map(container => container?.[field] ?? {});
      if (field === 'image') return this.#ofImage(name, values);
      const names = differing(made[field] ?? {}, values);
      return names.length === 0 ? [] : [`${name} has another ${WORDS[field]}${listed(names)}`];
    });
  }

  /** An image may be set on a live Pod by anybody: in a container of the template it counts where admission makes it. */
  #ofImage(name: string, live: readonly Values[]): string[] {
    const image = this.#pod.get(name)?.image?.[''] ?? '';
    if (image === CHANCE || this.#template.get(name)?.image?.[''] === image) return [];
    const others = [...new Set(live.map(values => values[''] ?? ''))].filter(other => other !== image);
    return others.length === 0 ? [] : [`${name} runs ${others.toSorted().join(', ')}, a new Pod gets ${image}`];
  }

  /** Those that only a live Pod has may be anybody's: a network plugin's, say. */
  #ofAnnotations(live: readonly Values[]): string[] {
    const known = Object.keys(this.#annotations);
    const names = differing(
      this.#annotations,
      live.map(values =>
        Object.fromEntries(known.flatMap(name => (name in values ? [[name, values[name] ?? '']] : []))),
      ),
    );
    return names.length === 0 ? [] : [`another annotation${listed(names)}`];
  }
}

const WORDS: Record<Exclude<Field, 'image'>, string> = {
  args: 'command',
  env: 'environment',
  resources: 'resources',
  mounts: 'mount',
  other: 'setting',
  annotations: 'annotation',
};

/** Of the first those that the second does not have so. */
function changed(values: Values, given: Values): Values {
  return Object.fromEntries(
    Object.entries(values)
      .filter(([name, value]) => given[name] !== value)
      .toSorted(byName),
  );
}

function isSame(one: ContainerShape, other: ContainerShape, fields: readonly Field[]): boolean {
  return fields.every(field => differing(one[field] ?? {}, [other[field] ?? {}]).length === 0);
}

/** The names under which one of the live ones has something else, or only one of both has something. */
function differing(made: Values, live: readonly Values[]): string[] {
  const names = new Set([...Object.keys(made), ...live.flatMap(values => Object.keys(values))]);
  return [...names]
    .filter(name => made[name] !== CHANCE && live.some(values => values[name] !== made[name]))
    .toSorted();
}

const byName = ([a]: readonly [string, string], [b]: readonly [string, string]): number =>
  Number(a > b) - Number(a < b);

const SHOWN = 3;

function listed(names: readonly string[]): string {
  const shown = names.filter(name => name !== '').slice(0, SHOWN);
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  return shown.length === 0 ? '' : ` (${shown.join(', ')}${more})`;
}

function sentence(differences: readonly string[]): string {
  const more = differences.length > SHOWN ? `; and ${differences.length - SHOWN} more` : '';
  return `${differences.slice(0, SHOWN).join('; ')}${more}`;
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);
