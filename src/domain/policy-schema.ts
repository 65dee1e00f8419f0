/**
 * The policy document, once: what it may say, what it defaults to, what a person reads about it in an editor, and what
 * nightshift makes of it. Types, validation and JSON Schema all come from here. Durations become milliseconds.
 */
import * as z from 'zod';
import { stale } from './policy-criteria.ts';
import { KINDS } from './model.ts';
import { order } from './policy-order.ts';
import * as rules from './policy-rules.ts';
import * as of from './policy-values.ts';

const opens = of
  .cron()
  .describe('When it opens: five cron fields, in timeZone. Day and weekday are those of the opening.');
const lasts = of.age().describe('How long it stays open, elapsed time; at most until the next opening.');
const name = of.title().describe('How logs and reports call it; unique among all windows.');

const allowWindow = of
  .mapping({ name, opens, lasts })
  .superRefine(rules.lastsNoLongerThanTheGap, rules.given('opens', 'lasts'));

const RECURRING = { needs: ['opens', 'lasts'] };
const ONCE = { needs: ['from', 'until'] };

const denyWindow = of
  .mapping({
    name,
    opens: opens.optional(),
    lasts: lasts.optional(),
    from: of.localTime().optional().describe('First local date or date-time of a freeze that comes once.'),
    until: of.localTime().optional().describe('Where that freeze ends; itself no longer part of it.'),
  })
  .meta({
    oneOf: [
      { required: ['name', ...RECURRING.needs], maxProperties: 3 },
      { required: ['name', ...ONCE.needs], maxProperties: 3 },
    ],
  })
  .superRefine(rules.oneKindOf([RECURRING, ONCE]), rules.given())
  .superRefine(rules.lastsNoLongerThanTheGap, rules.given(...RECURRING.needs))
  .superRefine(rules.fromIsBeforeUntil, rules.given(...ONCE.needs))
  .transform(window => {
    if (window.opens !== undefined && window.lasts !== undefined) {
      return { kind: 'recurring' as const, name: window.name, opens: window.opens, lasts: window.lasts };
    }
    if (window.from !== undefined && window.until !== undefined) {
      return { kind: 'once' as const, name: window.name, from: window.from, until: window.until };
    }
    return z.NEVER; // refused above
  });

const windows = of
  .mapping({
    timeZone: of.timeZone().prefault('UTC').describe('IANA name of the zone of all windows.'),
    allow: of.someOf(allowWindow, 'windows').describe('When restarts may start. At least one; there is no "always".'),
    deny: of.list(denyWindow, 'windows').prefault([]).describe('When none may start, whatever allow says.'),
  })
  .superRefine(rules.namesAreUnique, rules.given());

const namespaces = of
  .mapping({
    include: of
      .someOf(of.namespaceGlob(), 'Namespace globs')
      .prefault(['*'])
      .describe('Globs of Namespaces. Those that begin with kube- must be named in full.'),
    exclude: of.list(of.namespaceGlob(), 'Namespace globs').prefault([]).describe('Globs that beat include.'),
    labels: of
      .selector()
      .optional()
      .transform(selector => selector ?? [])
      .describe('Label selector for Namespaces, as in kubectl get -l. Default: any.'),
  })
  .superRefine(rules.kubeIsNamedInFull, rules.given('include'))
  .superRefine(rules.excludeLeavesSomething, rules.given('include', 'exclude'));

const kinds = of
  .someOf(z.enum(KINDS, { error: KINDS.join(', ') }), `kinds: ${KINDS.join(', ')}`)
  .prefault(['Deployment'])
  .transform(named => KINDS.filter(kind => named.includes(kind)))
  .describe('What is restarted.');

const workloads = of.mapping({
  labels: of
    .selector()
    .optional()
    .transform(selector => selector ?? [])
    .describe('Label selector for workloads, as in kubectl get -l. Default: any.'),
  exclude: of.list(of.workloadGlob(), 'NAMESPACE/NAME globs').prefault([]).describe('Workloads that are left.'),
  owners: of
    .list(of.kindName(), 'kinds, each as KIND.GROUP, or *')
    .prefault([])
    .describe(
      'Controllers whose workloads are restarted, too, each as KIND.GROUP, such as Kafka.kafka.strimzi.io; * for any. Others may change back what is changed in what belongs to them.',
    ),
});

/** All that is in flight is named in the checkpoint, which has to stay small whatever stands on workloads. */
export const MOST_IN_FLIGHT = 50;

const ready = of
  .list(
    of.mapping({ deployment: of.workloadName().describe('NAMESPACE/NAME of a Deployment.') }),
    'workloads, each as { deployment: NAMESPACE/NAME }',
  )
  .prefault([])
  .describe('What must be available and fully rolled out before each batch, such as the injector of the sidecars.');

const batches = of.mapping({
  sizes: of
    .someOf(of.count(), 'whole numbers')
    .prefault([1, 5, 20])
    .describe('Workloads per batch: a canary first, then more; the last one repeats.'),
  pause: of.wait({ least: 0 }).prefault('1m').describe('After a batch is healthy, before the next.'),
  unscheduledPods: of
    .count(1000)
    .optional()
    .describe(
      'Pods that wait for a node, whoever they belong to, above which nothing new starts, at most 1000. Default: they are not counted.',
    ),
  inFlight: of
    .mapping({
      workloads: of.count(MOST_IN_FLIGHT).prefault(10).describe('Workloads, at most 50.'),
      pods: of.count().prefault(100).describe('Their replicas in sum. A workload with more goes alone.'),
      surgePods: of
        .count()
        .optional()
        .describe(
          'Pods that their rollouts may add at the same time, by their maxSurge. Default: as many as they like.',
        ),
      perNamespace: of.count().prefault(3).describe('Workloads in one Namespace.'),
    })
    .prefault({})
    .describe('How much may be restarting at the same time.'),
});

const restart = of.mapping({
  way: of
    .way()
    .default('auto')
    .describe(
      'How Pods come to be new ones: rollout (the template is changed), evict (one after the other, budgets honoured), replace (the same with one Pod more meanwhile), or auto: rollout where that reaches every Pod, else evict. The annotation nightshift/way on a workload comes before this, as far as the policy may use that way at all.',
    ),
  mayReplace: z
    .boolean({ error: 'true or false' })
    .default(false)
    .describe(
      'Whether a Deployment may have one Pod more than it wants for a while, and Pods may be evicted: auto replaces where a rollout would leave no Pod, and the annotation may ask for either. Not where two must never run at once.',
    ),
});

const rollout = of
  .mapping({
    timeout: of
      .wait({ least: 1000 })
      .prefault('10m')
      .describe('How long one may take, whatever its progressDeadlineSeconds says.'),
    soak: of.wait({ least: 0 }).prefault('30s').describe('How long it must stay healthy to count; less than timeout.'),
  })
  .superRefine(rules.timeoutOutlastsSoak, rules.given('timeout', 'soak'));

const onFailure = of.mapping({
  stopAfter: of
    .count()
    .prefault(1)
    .describe('Failed workloads in one window occurrence after which no new one starts.'),
  resume: z
    .enum(['nextWindow', 'manual'], { error: 'nextWindow or manual' })
    .default('nextWindow')
    .describe('What ends a stop: the next window, or nightshift resume.'),
  undo: z
    .boolean({ error: 'true or false' })
    .default(false)
    .describe(
      'Whether a failed restart is taken back: the Pods from before stay, and what was removed of them comes back. Not for StatefulSets and Rollouts.',
    ),
  retryAfter: of
    .age()
    .prefault('20h')
    .describe('How long a failed workload is left alone unless its template changes.'),
});

/** The whole document. Its output is the policy itself, without apiVersion and kind. */
export const policyDocument = of
  .mapping({
    apiVersion: z
      .literal('nightshift/v1alpha1', { error: 'nightshift/v1alpha1' })
      .describe('The version of this format.'),
    kind: z.literal('RestartPolicy', { error: 'RestartPolicy' }).describe('What this document is.'),
    windows: windows.describe('When restarts may start.'),
    select: of
      .mapping({
        namespaces: namespaces.prefault({}).describe('In which Namespaces.'),
        kinds,
        workloads: workloads.prefault({}).describe('Which workloads there.'),
      })
      .prefault({})
      .describe(
        'What may be restarted. A workload, its Pod template or its Namespace opts out with nightshift/restart: never.',
      ),
    stale,
    order,
    ready,
    availability: of
      .mapping({
        downtime: z
          .enum(['skip', 'allow'], { error: 'skip or allow' })
          .default('skip')
          .describe(
            'Whether to restart workloads that have no Pod meanwhile (Recreate, or every replica unavailable). One workload is allowed it by the annotation nightshift/downtime: allow.',
          ),
        unhealthy: z
          .enum(['skip', 'allow'], { error: 'skip or allow' })
          .default('skip')
          .describe('Whether to restart workloads that have unavailable Pods before: a restart may be the cure.'),
      })
      .prefault({})
      .describe('What a restart may cost a service.'),
    batches: batches.prefault({}).describe('How many at a time.'),
    restart: restart.prefault({}).describe('How to restart.'),
    rollout: rollout.prefault({}).describe('When a restart is done.'),
    onFailure: onFailure.prefault({}).describe('What follows when a restarted workload does not become healthy.'),
  })
  .transform(({ apiVersion: _apiVersion, kind: _kind, ...policy }) => policy);

/** JSON Schema (draft-07, which Helm 3 and editors read) of the document as people write it. */
export const policySchema = () => ({
  title: 'nightshift RestartPolicy',
  ...z.toJSONSchema(policyDocument, { io: 'input', target: 'draft-7' }),
});
