import type { InjectionCriterion } from './policy.ts';
import { several, shortened } from './problem.ts';
import {
  annotationsOf,
  CHANCE,
  containersOf,
  FIELDS,
  PLACEMENT,
  type ContainerShape,
  type Field,
  type PodShape,
  type Values,
} from './shape.ts';

/** What admission changes of a container that the template has, but for resources: autoscalers set these anew every day. */
const OF_THE_TEMPLATE: ReadonlySet<Field> = new Set(['image', 'args', 'env', 'mounts']);

/** What nobody can change in a live Pod. */
const ONLY_AT_CREATION: readonly Field[] = ['args', 'env', 'mounts'];

/** Of the API server and of autoscalers, which tell with them what they did to resources: no injector's. */
const NOT_INJECTED: ReadonlySet<string> = new Set([
  'kubernetes.io/limit-ranger',
  'vpaUpdates',
  'vpaObservedContainers',
]);

/** What admission made of one template, as one criterion sees it. */
export class Comparison {
  readonly #template: ReadonlyMap<string, ContainerShape>;
  readonly #pod: ReadonlyMap<string, ContainerShape>;
  /** Of the Pod, those that the template does not have so. */
  readonly #annotations: Values;
  readonly #criterion: InjectionCriterion;
  readonly #isAutoscaled: boolean;

  constructor(
    { template, pod }: { readonly template: PodShape; readonly pod: PodShape },
    criterion: InjectionCriterion,
  ) {
    this.#template = containersOf(template);
    this.#pod = containersOf(pod);
    this.#criterion = criterion;
    const annotations = annotationsOf(pod);
    this.#isAutoscaled = Object.hasOwn(annotations, 'vpaUpdates');
    const { containers, fields } = criterion;
    const counted = fields === null ? containers === null : fields.includes('annotations');
    const added = Object.entries(changed(annotations, annotationsOf(template)));
    this.#annotations = counted ? Object.fromEntries(added.filter(([name]) => !NOT_INJECTED.has(name))) : {};
  }

  /** What admission makes and that counts: the containers with their images, which tell versions apart, and everything else. */
  get made(): { readonly containers: unknown; readonly settings: unknown } {
    const names = this.#names;
    return {
      containers: names.map(name => [name, this.#pod.get(name)?.other?.[PLACEMENT], this.#added(name, ['image'])]),
      settings: [names.map(name => this.#added(name, this.#fieldsOf(name))), this.#annotations],
    };
  }

  /**
   * What live Pods have that admission would not make: a container, all that was put into one of the template, or one
   * variable or mount of it. Whichever containers count, a restart would take it away.
   */
  lacks(live: PodShape): string[] {
    const { mayLack } = this.#criterion;
    return [...containersOf(live)].flatMap(([name, container]) =>
      mayLack.includes(name) ? [] : this.#lackOf(name, container),
    );
  }

  /** Containers that admission would put there, or elsewhere, or with other images. */
  differencesOfContainers(live: readonly PodShape[]): string[] {
    const containers = live.map(containersOf);
    return this.#names.flatMap(name => {
      const others = containers.map(of => of.get(name));
      if (others.some(other => other === undefined)) return [`${name} is missing`];
      const fields = this.#fieldsOf(name);
      const placement = this.#pod.get(name)?.other?.[PLACEMENT] ?? '';
      const isMoved =
        fields.includes('other') &&
        placement !== CHANCE &&
        others.some(other => other?.other?.[PLACEMENT] !== placement);
      if (isMoved) return [`${name} would be ${placement}`];
      return fields.includes('image') ? this.#ofImage(name, others) : [];
    });
  }

  /** Everything else. */
  differencesOfSettings(live: readonly PodShape[]): string[] {
    const containers = live.map(containersOf);
    const ofContainers = this.#names.flatMap(name => {
      const made = this.#pod.get(name) ?? {};
      const others = containers.flatMap(of => of.get(name) ?? []);
      return this.#fieldsOf(name).flatMap(field => {
        if (field === 'image') return [];
        const names = differing(
          made[field] ?? {},
          others.map(other => other[field] ?? {}),
        ).filter(it => field !== 'other' || it !== PLACEMENT);
        return names.length === 0 ? [] : [`${name} has another ${WORDS[field]}${listed(names)}`];
      });
    });
    return [...ofContainers, ...this.#ofAnnotations(live.map(annotationsOf))];
  }

  /** Of those that count. */
  get #names(): readonly string[] {
    const { containers } = this.#criterion;
    return [...this.#pod.keys()].filter(name => containers?.includes(name) ?? true);
  }

  #fieldsOf(container: string): readonly Field[] {
    const { fields } = this.#criterion;
    if (fields !== null) return FIELDS.filter(field => fields.includes(field));
    const counted = FIELDS.filter(field => !this.#template.has(container) || OF_THE_TEMPLATE.has(field));
    return this.#isAutoscaled ? counted.filter(field => field !== 'resources') : counted;
  }

  /** What of a container admission made. */
  #added(name: string, fields: readonly Field[]): unknown {
    const [made, given] = [this.#pod.get(name) ?? {}, this.#template.get(name) ?? {}];
    return fields.map(field => changed(made[field] ?? {}, given[field] ?? {}));
  }

  #lackOf(name: string, live: ContainerShape): string[] {
    const [made, given] = [this.#pod.get(name), this.#template.get(name)];
    if (made === undefined) return [name];
    if (given === undefined) return [];
    const isLeftAlone = isSame(made, given, [...OF_THE_TEMPLATE]);
    if (isLeftAlone && !isSame(live, given, ONLY_AT_CREATION)) return [`what was injected into ${name}`];
    const lost = (['env', 'mounts'] as const).flatMap(field =>
      Object.keys(live[field] ?? {}).filter(
        it => !Object.hasOwn(made[field] ?? {}, it) && !Object.hasOwn(given[field] ?? {}, it),
      ),
    );
    return lost.length === 0 ? [] : [`what was injected into ${name}${listed(lost)}`];
  }

  /** An image may be set on a live Pod by anybody: in a container of the template it counts where admission makes it. */
  #ofImage(name: string, live: readonly (ContainerShape | undefined)[]): string[] {
    const image = this.#pod.get(name)?.image?.[''] ?? '';
    if (image === CHANCE || this.#template.get(name)?.image?.[''] === image) return [];
    const others = [...new Set(live.map(container => container?.image?.[''] ?? ''))].filter(other => other !== image);
    const runs = several(others.toSorted().map(other => shortened(other)));
    return others.length === 0 ? [] : [`${name} runs ${runs}, a new Pod gets ${shortened(image)}`];
  }

  /** Those that only a live Pod has may be anybody's: a network plugin's, say. */
  #ofAnnotations(live: readonly Values[]): string[] {
    const known = Object.keys(this.#annotations);
    const ofPods = live.map(values =>
      Object.fromEntries(known.flatMap(name => (Object.hasOwn(values, name) ? [[name, values[name] ?? '']] : []))),
    );
    const names = differing(this.#annotations, ofPods);
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
  const entries = Object.entries(values).filter(([name, value]) => given[name] !== value);
  return Object.fromEntries(entries.toSorted(([a], [b]) => Number(a > b) - Number(a < b)));
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

const SHOWN = 3;

/** ` (A, B, C and 2 more)`; nothing for names that are none. */
function listed(names: readonly string[]): string {
  const shown = names
    .filter(name => name !== '')
    .slice(0, SHOWN)
    .map(name => shortened(name));
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  return shown.length === 0 ? '' : ` (${shown.join(', ')}${more})`;
}
