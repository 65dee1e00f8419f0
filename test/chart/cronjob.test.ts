import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { render, type Run, runOf, template } from './helm.ts';

type Values = Readonly<Record<string, unknown>>;

const run = async (values: Values = {}): Promise<Run> => runOf(await render({ values }));

test('the Pod has the rights of nobody and passes the Pod Security Standard restricted', async () => {
  const { pod, container } = await run();
  assert.deepEqual(pod.securityContext, {
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  assert.deepEqual(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  assert.deepEqual(container.resources, { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '256Mi' } });
});

test('a cluster that chooses user and group itself gets no wish from us', async () => {
  const { pod } = await run({ podSecurityContext: { runAsUser: null, runAsGroup: null } });
  assert.deepEqual(pod.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
});

test('a Job runs once, alone, and is not retried: the next tick resumes', async () => {
  const { cronJob, job, pod, container } = await run();
  assert.equal(cronJob.suspend, false);
  assert.equal(cronJob.concurrencyPolicy, 'Forbid');
  assert.equal(job.backoffLimit, 0);
  assert.equal(pod.restartPolicy, 'Never');
  assert.equal(pod.enableServiceLinks, false);
  assert.equal(pod.automountServiceAccountToken, true);
  assert.deepEqual(container.args, ['run']);
  assert.equal(container.terminationMessagePolicy, 'File');
});

test('the policy is mounted as a folder, so that a change arrives', async () => {
  const { pod, container } = await run();
  assert.deepEqual(pod.volumes, [{ name: 'policy', configMap: { name: 'nightshift-policy' } }]);
  assert.deepEqual(container.volumeMounts, [{ name: 'policy', mountPath: '/etc/nightshift', readOnly: true }]);
});

const OPT_OUTS = {
  'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
  'karpenter.sh/do-not-disrupt': 'true',
  'linkerd.io/inject': 'disabled',
  'sidecar.istio.io/inject': 'false',
  'vault.hashicorp.com/agent-inject': 'false',
};

test("the Pod is never injected or evicted, whatever the user's own labels and annotations say", async () => {
  const { podMetadata } = await run({
    podLabels: { 'sidecar.istio.io/inject': 'true', 'app.kubernetes.io/name': 'else', team: 'platform' },
    podAnnotations: { ...Object.fromEntries(Object.keys(OPT_OUTS).map(key => [key, 'yes'])), owner: 'platform' },
  });
  assert.deepEqual(podMetadata.annotations, { ...OPT_OUTS, owner: 'platform' });
  assert.deepEqual(podMetadata.labels, {
    'app.kubernetes.io/instance': 'nightshift',
    'app.kubernetes.io/name': 'nightshift',
    'sidecar.istio.io/inject': 'false',
    team: 'platform',
  });
});

interface Handed {
  readonly key: string;
  readonly value: unknown;
  /** Where it must stand in the CronJob. */
  readonly of: (run: Run) => unknown;
}

/** One render for all: they are independent of each other. */
function handedThrough(what: string, handed: readonly Handed[]): void {
  describe(what, async () => {
    const rendered = await run(Object.fromEntries(handed.map(({ key, value }) => [key, value])));
    for (const { key, value, of } of handed) {
      test(`${key}: ${JSON.stringify(value)}`, () => assert.deepEqual(of(rendered), value ?? undefined));
    }
  });
}

const numbers = (...[succeeded, failed, starting, active, grace]: readonly (number | null)[]): readonly Handed[] => [
  { key: 'successfulJobsHistoryLimit', value: succeeded, of: ({ cronJob }) => cronJob.successfulJobsHistoryLimit },
  { key: 'failedJobsHistoryLimit', value: failed, of: ({ cronJob }) => cronJob.failedJobsHistoryLimit },
  { key: 'startingDeadlineSeconds', value: starting, of: ({ cronJob }) => cronJob.startingDeadlineSeconds },
  { key: 'activeDeadlineSeconds', value: active, of: ({ job }) => job.activeDeadlineSeconds },
  { key: 'terminationGracePeriodSeconds', value: grace, of: ({ pod }) => pod.terminationGracePeriodSeconds },
];
handedThrough('the smallest numbers arrive as they are:', numbers(0, 0, 10, 1, 1));

test('a large number is written without an exponent, which Kubernetes would refuse', async () => {
  const handed = numbers(1_000_000, 2_000_000, 10_000_000, 21_000_000, 1_000_000);
  const text = await template({ values: Object.fromEntries(handed.map(({ key, value }) => [key, value])) });
  for (const { key, value } of handed) assert.match(text, new RegExp(`${key}: ${String(value)}\n`));
});

handedThrough('null takes a deadline away:', numbers(3, 3, null, null, 60));

const term = { matchExpressions: [{ key: 'kubernetes.io/arch', operator: 'In', values: ['amd64'] }] };
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const affinity = {
  nodeAffinity: { [REQUIRED]: { nodeSelectorTerms: [term] } },
  podAntiAffinity: { [REQUIRED]: [{ labelSelector: { matchLabels: { app: 'x' } }, topologyKey: 'zone' }] },
};
const tolerations = [{ key: 'batch', operator: 'Equal', value: '1', effect: 'NoExecute', tolerationSeconds: 0 }];
const extraEnv = [
  { name: 'NIGHTSHIFT_LOG_LEVEL', value: 'debug' },
  { name: 'HTTPS_PROXY', valueFrom: { secretKeyRef: { name: 'proxy', key: 'url', optional: true } } },
];
const resources = { requests: { cpu: 1, memory: '1Gi' }, limits: { cpu: '1.5', memory: '1Gi' } };
handedThrough('a value is handed through:', [
  { key: 'schedule', value: '5 1-3 * jan,MAR 1-5', of: ({ cronJob }) => cronJob.schedule },
  { key: 'timeZone', value: 'America/Argentina/Buenos_Aires', of: ({ cronJob }) => cronJob.timeZone },
  { key: 'suspend', value: true, of: ({ cronJob }) => cronJob.suspend },
  { key: 'imagePullSecrets', value: [{ name: 'mine' }], of: ({ pod }) => pod.imagePullSecrets },
  { key: 'nodeSelector', value: { 'kubernetes.io/os': 'linux' }, of: ({ pod }) => pod.nodeSelector },
  { key: 'tolerations', value: tolerations, of: ({ pod }) => pod.tolerations },
  { key: 'affinity', value: affinity, of: ({ pod }) => pod.affinity },
  { key: 'priorityClassName', value: 'low', of: ({ pod }) => pod.priorityClassName },
  { key: 'extraEnv', value: extraEnv, of: ({ container }) => container.env?.slice(-2) },
  { key: 'resources', value: resources, of: ({ container }) => container.resources },
]);

test('what is null or empty is left out', async () => {
  const optional = ['imagePullSecrets', 'nodeSelector', 'tolerations', 'affinity', 'priorityClassName'] as const;
  const empty = await run();
  const nulls = await run({ ...Object.fromEntries(optional.map(key => [key, null])), extraEnv: null, podLabels: null });
  for (const { pod } of [empty, nulls])
    assert.deepEqual(
      optional.filter(key => key in pod),
      [],
    );
  assert.deepEqual(nulls, empty);
});

describe('the image is', { concurrency: 4 }, () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const repository = 'registry.test:5000/team/nightshift';
  const images: readonly (readonly [image: string, values: Values])[] = [
    ['nightshift:0.1.0', {}],
    ['nightshift:0.1.0', { tag: null, digest: null }],
    [`${repository}:1.10`, { repository, tag: '1.10' }],
    [`${repository}@${digest}`, { repository, tag: '1.10', digest }],
  ];
  for (const [image, values] of images) {
    test(`${image} for ${JSON.stringify(values)}`, async () => {
      const { container } = await run({ image: { ...values, pullPolicy: 'Always' } });
      assert.equal(container.image, image);
      assert.equal(container.imagePullPolicy, 'Always');
    });
  }
});

describe('flags reach the worker as its environment', { concurrency: 4 }, () => {
  const field = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } });
  const always = [
    { name: 'NIGHTSHIFT_POLICY', value: '/etc/nightshift/policy.yaml' },
    { name: 'NIGHTSHIFT_CHECKPOINT', value: 'nightshift-checkpoint' },
    { name: 'NIGHTSHIFT_NAMESPACE', ...field('metadata.namespace') },
    { name: 'NIGHTSHIFT_POD_NAME', ...field('metadata.name') },
    { name: 'NIGHTSHIFT_POD_UID', ...field('metadata.uid') },
    { name: 'NIGHTSHIFT_TERMINATION_LOG', value: '/dev/termination-log' },
  ];
  const cases: readonly (readonly [what: string, values: Values, more: readonly object[]])[] = [
    ['usually', {}, []],
    ['in some namespaces', { rbac: { namespaces: ['a', 'b'] } }, [{ name: 'NIGHTSHIFT_NAMESPACES', value: 'a,b' }]],
    ['in one called 1', { rbac: { namespaces: ['1'] } }, [{ name: 'NIGHTSHIFT_NAMESPACES', value: '1' }]],
    ['in a dry run', { dryRun: true }, [{ name: 'NIGHTSHIFT_DRY_RUN', value: 'true' }]],
  ];
  for (const [what, values, more] of cases) {
    test(what, async () => assert.deepEqual((await run(values)).container.env, [...always, ...more]));
  }
});
