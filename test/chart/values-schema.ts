/** What the values of the chart may be. The part about the policy comes from the policy's own schema. */
import { policySchema } from '../../src/domain/policy.ts';
import { boolean, integer, type JsonSchema, list, object, oneOf, orNull, strings, text } from './json-schema.ts';
import * as pod from './pod-schema.ts';
import type { DocumentedValue } from './values-comments.ts';

const CRON = '^[0-9A-Za-z*,/-]+( [0-9A-Za-z*,/-]+){4}$';
const ZONE = '^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$';
const DNS_LABEL = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
const DNS_SUBDOMAIN = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
const orEmpty = (pattern: string) => `^(${pattern})?$`;
const namespaces = list(text(DNS_LABEL, { maxLength: 63 }), { uniqueItems: true });

/**
 * Required is what helm fills in by itself and null would take away: `rbac.namespaces:` with nothing behind it must not
 * mean the whole cluster. What is not required here may be null or absent, and means nothing then.
 */
const values = object(
  {
    schedule: text(CRON),
    timeZone: text(ZONE),
    suspend: boolean,
    dryRun: boolean,
    policy: policy(),
    image: object(
      {
        repository: text('^[a-z0-9][a-zA-Z0-9._/:-]*$'),
        tag: orNull(text('^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$')),
        digest: orNull(text('^(sha256:[0-9a-f]{64})?$')),
        pullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
      },
      'repository',
      'pullPolicy',
    ),
    imagePullSecrets: orNull(pod.imagePullSecrets),
    resources: orNull(pod.resources),
    rbac: object({ create: boolean, namespaces, secrets: boolean }, 'create', 'namespaces', 'secrets'),
    guard: object({ enabled: boolean }, 'enabled'),
    serviceAccount: object(
      { create: boolean, name: text(orEmpty(DNS_SUBDOMAIN)), annotations: orNull(strings) },
      'create',
      'name',
    ),
    activeDeadlineSeconds: orNull(integer(1)),
    // Kubernetes looks at CronJobs every ten seconds: with less, ticks are lost.
    startingDeadlineSeconds: orNull(integer(10)),
    successfulJobsHistoryLimit: integer(0),
    failedJobsHistoryLimit: integer(0),
    // Without a moment between SIGTERM and SIGKILL no run could save its checkpoint.
    terminationGracePeriodSeconds: integer(1),
    podLabels: orNull(strings),
    podAnnotations: orNull(strings),
    podSecurityContext: orNull(object({ runAsUser: orNull(integer(1)), runAsGroup: orNull(integer(1)) })),
    nodeSelector: orNull(strings),
    tolerations: orNull(pod.tolerations),
    affinity: orNull(pod.affinity),
    priorityClassName: orNull(text(orEmpty(DNS_SUBDOMAIN))),
    extraEnv: orNull(pod.environment),
    nameOverride: orNull(text(orEmpty('[a-z0-9]([-a-z0-9]*[a-z0-9])?'), { maxLength: 52 })),
    fullnameOverride: orNull(text(orEmpty(DNS_SUBDOMAIN), { maxLength: 52 })),
    // Where this chart is a dependency, helm adds these by itself.
    global: { type: 'object' },
  },
  'schedule',
  'timeZone',
  'suspend',
  'dryRun',
  'policy',
  'image',
  'rbac',
  'guard',
  'serviceAccount',
  'successfulJobsHistoryLimit',
  'failedJobsHistoryLimit',
  'terminationGracePeriodSeconds',
);

/** Without windows and stale it passes here: a template says in a sentence what to do about that. */
function policy(): JsonSchema {
  const { $schema: _, title: _title, ...schema } = policySchema();
  return { ...schema, required: ['apiVersion', 'kind'] };
}

/** The schema with the comments of values.yaml as its descriptions. */
export function valuesSchema(documented: readonly DocumentedValue[]): JsonSchema {
  const described = documented.reduce((schema, { path, comment }) => describe(schema, path, comment), values);
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'Values of the nightshift chart', ...described };
}

function describe(schema: JsonSchema, [key, ...rest]: readonly string[], description: string): JsonSchema {
  if (key === undefined) return { ...schema, description };
  const { properties } = schema;
  const property = properties?.[key];
  if (typeof property !== 'object') throw new Error(`values.yaml has ${key}, but the schema does not`);
  return { ...schema, properties: { ...properties, [key]: describe(property, rest, description) } };
}
