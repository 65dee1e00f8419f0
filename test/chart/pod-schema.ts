/** The pieces of a Pod that the chart's values hand through, as the API reference of Kubernetes 1.36 (core/v1) has them. */
import {
  boolean,
  integer,
  type JsonSchema,
  list,
  object,
  oneOf,
  orNull,
  string,
  strings,
  text,
} from './json-schema.ts';

/** A quantity: `250m`, `1.5`, `128Mi`. Kubernetes takes a bare number too. */
const quantity: JsonSchema = {
  type: ['string', 'number'],
  pattern: '^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e[0-9]+)?$',
  minimum: 0,
};
const quantities = orNull({ type: 'object', additionalProperties: orNull(quantity) });

export const resources = object({ requests: quantities, limits: quantities });

export const imagePullSecrets = list(object({ name: text('^\\S+$') }, 'name'));

const oneKey = (where: string) =>
  object({ [where]: text('^\\S+$'), key: text('^\\S+$'), optional: boolean }, where, 'key');

const environmentVariable = object(
  {
    name: text('^[^=\\s]+$'),
    value: string,
    valueFrom: object({
      configMapKeyRef: oneKey('name'),
      secretKeyRef: oneKey('name'),
      fieldRef: object({ apiVersion: string, fieldPath: text('^\\S+$') }, 'fieldPath'),
      resourceFieldRef: object({ containerName: string, resource: text('^\\S+$'), divisor: quantity }, 'resource'),
    }),
  },
  'name',
);
export const environment = list(environmentVariable);

const toleration = object({
  key: string,
  operator: oneOf('Exists', 'Equal', 'Lt', 'Gt'),
  value: string,
  effect: oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
  tolerationSeconds: { type: 'integer' },
});
export const tolerations = list(toleration);

const requirements = (...operators: readonly string[]) =>
  list(object({ key: text('^\\S+$'), operator: oneOf(...operators), values: list(string) }, 'key', 'operator'));
const weight = integer(1, 100);
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

const onNodes = requirements('In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt');
const nodeTerm = object({ matchExpressions: onNodes, matchFields: onNodes });
const nodeAffinity = object({
  [REQUIRED]: object({ nodeSelectorTerms: list(nodeTerm, { minItems: 1 }) }, 'nodeSelectorTerms'),
  [PREFERRED]: list(object({ weight, preference: nodeTerm }, 'weight', 'preference')),
});

const labelSelector = object({
  matchLabels: strings,
  matchExpressions: requirements('In', 'NotIn', 'Exists', 'DoesNotExist'),
});
const podTerm = object(
  {
    labelSelector,
    namespaceSelector: labelSelector,
    namespaces: list(string),
    topologyKey: text('^\\S+$'),
    matchLabelKeys: list(string),
    mismatchLabelKeys: list(string),
  },
  'topologyKey',
);
const podAffinity = object({
  [REQUIRED]: list(podTerm),
  [PREFERRED]: list(object({ weight, podAffinityTerm: podTerm }, 'weight', 'podAffinityTerm')),
});
export const affinity = object({ nodeAffinity, podAffinity, podAntiAffinity: podAffinity });
