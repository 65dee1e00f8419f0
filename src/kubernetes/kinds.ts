import type { Condition, Kind, RolloutStatus, Strategy } from '../domain/model.ts';
import { KINDS, RESTARTED_AT } from '../domain/model.ts';
import {
  lastingMetadataOf,
  observedGenerationOf,
  RESTART_AT,
  ROLLOUTS,
  rolloutAwaits,
  strategyOfRollout,
} from './argo-rollouts.ts';
import { at, countAt, isRecord, listAt, numberAt, textAt, textsAt } from './json.ts';
import type { Resource } from './resource.ts';

/** What differs from kind to kind: where its objects are served, and where in them stands what all have in common. */
interface Translation {
  readonly resource: Resource;
  /** Where T of a restart stands. */
  readonly restartedAt: readonly string[];
  /** How many Pods there should be. */
  readonly replicasOf: (object: unknown) => number;
  readonly strategyOf: (object: unknown) => Strategy;
  readonly statusOf: (status: unknown) => RolloutStatus;
  /** Grows with each new or returned Pod template. */
  readonly revisionOf: (object: unknown) => number;
  /** What its controller has still to do, where the counters do not tell. */
  readonly awaitsOf: (object: unknown) => string | undefined;
  /** What its controller adds to the template of a Pod. */
  readonly volumesOf: (object: unknown) => readonly unknown[];
  readonly metadataOf: (object: unknown) => PodMetadata;
}

interface PodMetadata {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const REVISION = 'deployment.kubernetes.io/revision';

const replicasOf = (object: unknown): number => numberAt(object, 'spec', 'replicas') ?? 1;
const none = (): readonly unknown[] => [];
/** The Pod template says what there is to say about its restart and its rollout. */
const OF_THE_TEMPLATE = {
  restartedAt: ['spec', 'template', 'metadata', 'annotations', RESTARTED_AT],
  awaitsOf: () => undefined,
  metadataOf: () => ({ labels: {}, annotations: {} }),
};
/** Every change of the spec counts, where the API server numbers no templates. */
const generationOf = (object: unknown): number => {
  const generation = countAt(object, 'metadata', 'generation');
  return Number.isSafeInteger(generation) && generation > 0 ? generation : 0;
};

const TRANSLATIONS: Readonly<Record<Kind, Translation>> = {
  Deployment: {
    ...OF_THE_TEMPLATE,
    resource: apps('deployments'),
    replicasOf,
    strategyOf: object => {
      const strategy = at(object, 'spec', 'strategy');
      if (textAt(strategy, 'type') === 'Recreate') return { kind: 'recreate' };
      const bound = (name: string) => boundAt(strategy, name) ?? '25%';
      return { kind: 'rollingUpdate', maxSurge: bound('maxSurge'), maxUnavailable: bound('maxUnavailable') };
    },
    statusOf: status => ({
      ...replicasIn(status),
      terminatingReplicas: numberAt(status, 'terminatingReplicas'),
      ...conditionsIn(status),
    }),
    revisionOf: object => revisionOf(textAt(object, 'metadata', 'annotations', REVISION)),
    volumesOf: none,
  },
  StatefulSet: {
    ...OF_THE_TEMPLATE,
    resource: apps('statefulsets'),
    replicasOf,
    // One Pod at a time unless told otherwise, and never beside the one that it replaces.
    strategyOf: object => {
      const strategy = at(object, 'spec', 'updateStrategy');
      if (textAt(strategy, 'type') === 'OnDelete') return { kind: 'onDelete' };
      const partition = numberAt(strategy, 'rollingUpdate', 'partition') ?? 0;
      if (partition > 0) return { kind: 'partitioned', partition };
      return { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: boundAt(strategy, 'maxUnavailable') ?? 1 };
    },
    statusOf: status => ({ ...replicasIn(status), ...WITHOUT_CONDITIONS }),
    revisionOf: generationOf,
    volumesOf: object =>
      listAt(object, 'spec', 'volumeClaimTemplates').map(claim => {
        const name = textAt(claim, 'metadata', 'name') ?? '';
        const claimName = `${name}-${firstPodOf(textAt(object, 'metadata', 'name') ?? '')}`;
        return { name, persistentVolumeClaim: { claimName } };
      }),
  },
  DaemonSet: {
    ...OF_THE_TEMPLATE,
    resource: apps('daemonsets'),
    replicasOf: object => countAt(object, 'status', 'desiredNumberScheduled'),
    // Percentages are of the nodes, and both round up (pkg/controller/daemon/util).
    strategyOf: object => {
      const strategy = at(object, 'spec', 'updateStrategy');
      if (textAt(strategy, 'type') === 'OnDelete') return { kind: 'onDelete' };
      const nodes = countAt(object, 'status', 'desiredNumberScheduled');
      const bound = (name: string, otherwise: number) => roundedUp(boundAt(strategy, name) ?? otherwise, nodes);
      return { kind: 'rollingUpdate', maxSurge: bound('maxSurge', 0), maxUnavailable: bound('maxUnavailable', 1) };
    },
    statusOf: status => ({
      observedGeneration: countAt(status, 'observedGeneration'),
      replicas: countAt(status, 'currentNumberScheduled'),
      updatedReplicas: countAt(status, 'updatedNumberScheduled'),
      availableReplicas: countAt(status, 'numberAvailable'),
      ...WITHOUT_CONDITIONS,
    }),
    revisionOf: generationOf,
    volumesOf: none,
  },
  Rollout: {
    resource: ROLLOUTS,
    restartedAt: RESTART_AT,
    replicasOf,
    strategyOf: object => strategyOfRollout(object, replicasOf(object)),
    statusOf: status => ({
      ...replicasIn(status),
      observedGeneration: observedGenerationOf(status),
      terminatingReplicas: undefined,
      ...conditionsIn(status),
    }),
    // It numbers templates, and a restart is none of them.
    revisionOf: generationOf,
    awaitsOf: rolloutAwaits,
    volumesOf: none,
    metadataOf: lastingMetadataOf,
  },
};

/** A Deployment, a StatefulSet and a Rollout count alike. */
const replicasIn = (status: unknown) => ({
  observedGeneration: countAt(status, 'observedGeneration'),
  replicas: countAt(status, 'replicas'),
  updatedReplicas: countAt(status, 'updatedReplicas'),
  availableReplicas: countAt(status, 'availableReplicas'),
});

/** A Deployment and a Rollout tell alike of what goes wrong. */
const conditionsIn = (status: unknown) => {
  const conditions = listAt(status, 'conditions');
  const ofType = (type: string) => conditions.find(condition => textAt(condition, 'type') === type);
  const failure = ofType('ReplicaFailure');
  return {
    progressing: conditionOf(ofType('Progressing')),
    replicaFailure: textAt(failure, 'status') === 'True' ? (textAt(failure, 'message') ?? '') : undefined,
  };
};

/** Their controllers tell of what goes wrong in Events only, and do not count Pods on their way out. */
const WITHOUT_CONDITIONS = { terminatingReplicas: undefined, progressing: undefined, replicaFailure: undefined };

export const translationOf = (kind: Kind): Translation => TRANSLATIONS[kind];
export const resourceOf = (kind: Kind): Resource => TRANSLATIONS[kind].resource;
/** As a reference to an object spells it: `apps/v1`. */
export const apiVersionOf = (kind: Kind): string => resourceOf(kind).root.replace('/apis/', '');

/** Undefined for kinds that nightshift does not know. */
export function kindOf(text: string | undefined): Kind | undefined {
  return KINDS.find(kind => kind === text);
}

/** A Pod of the StatefulSet: each has the others' shape but for its own name. */
export const firstPodOf = (name: string): string => `${name}-0`;

/** The Pod template with what the controller adds to it. */
export function podTemplateOf(object: unknown, kind: Kind): unknown {
  const template = withMetadata(at(object, 'spec', 'template'), TRANSLATIONS[kind].metadataOf(object));
  const volumes = TRANSLATIONS[kind].volumesOf(object);
  const spec = at(template, 'spec');
  if (volumes.length === 0 || !isRecord(template) || !isRecord(spec)) return template;
  const names = new Set(volumes.map(volume => textAt(volume, 'name')));
  // A claim stands for a volume of the same name.
  const others = listAt(spec, 'volumes').filter(volume => !names.has(textAt(volume, 'name')));
  return { ...template, spec: { ...spec, volumes: [...others, ...volumes] } };
}

function withMetadata(template: unknown, { labels, annotations }: PodMetadata): unknown {
  const isAny = Object.keys(labels).length + Object.keys(annotations).length > 0;
  if (!isAny || !isRecord(template)) return template;
  const metadata = at(template, 'metadata');
  return {
    ...template,
    metadata: {
      ...(isRecord(metadata) ? metadata : {}),
      labels: { ...textsAt(metadata, 'labels'), ...labels },
      annotations: { ...textsAt(metadata, 'annotations'), ...annotations },
    },
  };
}

function apps(plural: string): Resource {
  return { name: `${plural}.apps`, group: 'apps', plural, root: '/apis/apps/v1', namespaced: true };
}

function boundAt(strategy: unknown, name: string): number | string | undefined {
  return numberAt(strategy, 'rollingUpdate', name) ?? textAt(strategy, 'rollingUpdate', name);
}

function roundedUp(bound: number | string, of: number): number {
  if (typeof bound === 'number') return bound;
  const percent = /^(\d{1,3})%$/.exec(bound)?.[1];
  return percent === undefined ? 0 : Math.ceil((Number(percent) * of) / 100);
}

function conditionOf(condition: unknown): Condition | undefined {
  if (condition === undefined) return undefined;
  return {
    reason: textAt(condition, 'reason') ?? '',
    message: textAt(condition, 'message') ?? '',
    lastUpdateTime: textAt(condition, 'lastUpdateTime') ?? '',
  };
}

function revisionOf(annotation: string | undefined): number {
  return annotation !== undefined && /^\d{1,15}$/.test(annotation) ? Number(annotation) : 0;
}
