import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { parsePolicy } from '../../src/domain/policy.ts';
import { placed, POLICY, policyTextOf, type Release, render, runOf } from './helm.ts';

test('the whole cluster needs one ClusterRole, and a Role where the release lives', async () => {
  assert.deepEqual(placed(await render()), [
    'ClusterRole  nightshift',
    'ClusterRoleBinding  nightshift',
    'ConfigMap ops nightshift-checkpoint',
    'ConfigMap ops nightshift-policy',
    'CronJob ops nightshift',
    'Role ops nightshift',
    'RoleBinding ops nightshift',
    'ServiceAccount ops nightshift',
  ]);
});

describe('the guard', () => {
  const served = ['--api-versions', 'admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy'];
  const guards = async (release: Release) =>
    placed(await render({ args: served, ...release })).filter(line => line.startsWith('Validating'));

  test('is a policy and its binding, named after release and namespace, because neither has a namespace', async () => {
    assert.deepEqual(await guards({ name: 'a', namespace: 'b-c' }), [
      'ValidatingAdmissionPolicy  a-nightshift-guard.b-c',
      'ValidatingAdmissionPolicyBinding  a-nightshift-guard.b-c',
    ]);
  });

  test('is left out where the API server serves none, and where it is switched off', async () => {
    assert.deepEqual(await guards({ args: [] }), []);
    assert.deepEqual(await guards({ values: { guard: { enabled: false } } }), []);
  });

  test('binds our account, whoever created it, and lets records name our checkpoint only', async () => {
    const values = { serviceAccount: { create: false, name: 'restarter' }, fullnameOverride: 'n' };
    const policy = (await render({ args: served, values })).find(({ kind }) => kind === 'ValidatingAdmissionPolicy');
    assert.ok(policy?.kind === 'ValidatingAdmissionPolicy');
    assert.deepEqual(
      policy.spec?.matchConditions?.map(({ expression }) => expression),
      ["request.userInfo.username == 'system:serviceaccount:ops:restarter'"],
    );
    const own = policy.spec?.variables?.find(({ name }) => name === 'isOwn');
    assert.match(own?.expression ?? '', /"by":"ops\/n-checkpoint"/);
    const asked = policy.spec?.validations?.filter(({ expression }) => expression.includes('variables.isOwn'));
    assert.equal(asked?.length, 1);
  });

  // What attempts on a cluster cannot tell apart: a hole that no attempt went through is a hole.
  test('denies what it cannot evaluate, and names no field that it would look for', async () => {
    const policy = (await render({ args: served })).find(({ kind }) => kind === 'ValidatingAdmissionPolicy');
    assert.ok(policy?.kind === 'ValidatingAdmissionPolicy');
    assert.equal(policy.spec?.failurePolicy, 'Fail');
    const variables = new Map(policy.spec?.variables?.map(({ name, expression }) => [name, expression]));
    const places = [...(variables.get('places') ?? '').matchAll(/'path': dyn\('(.*)'\), 'but': dyn\((.*)\),/g)];
    assert.deepEqual(
      places.map(([, path, but]) => [path, but]),
      [
        ['', "['metadata', 'spec']"],
        ['metadata.', "['annotations', 'generation', 'resourceVersion', 'managedFields']"],
        ['metadata.annotations.', "['nightshift/last-restart'] + variables.counted"],
        ['spec.', "variables.isRollout ? ['restartAt'] : !variables.isBack ? ['template'] : ['template', 'replicas']"],
        ['spec.template.', "['metadata']"],
        ['spec.template.metadata.', "['annotations']"],
        ['spec.template.metadata.annotations.', "variables.isBlank ? [] : ['kubectl.kubernetes.io/restartedAt']"],
      ],
    );
    assert.doesNotMatch(variables.get('changes') ?? '', /'\w+'/);
    assert.ok(
      policy.spec?.validations?.some(({ expression }) => /^!\S+isUpdate \|\| \S+changes == ''$/.test(expression)),
    );
  });

  test('denies, and does not only warn', async () => {
    const binding = (await render({ args: served })).find(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding');
    assert.deepEqual(binding?.kind === 'ValidatingAdmissionPolicyBinding' && binding.spec?.validationActions, ['Deny']);
  });
});

test('an account of somebody else is used and not created', async () => {
  const annotations = { 'example.test/role': '1' };
  const own = await render({ values: { serviceAccount: { name: 'restarter', annotations } } });
  const account = own.find(manifest => manifest.kind === 'ServiceAccount');
  assert.deepEqual(account?.metadata?.annotations, annotations);
  assert.equal(account?.automountServiceAccountToken, false);

  const given = await render({ values: { serviceAccount: { create: false, name: 'restarter' } } });
  assert.deepEqual(
    placed(given).filter(line => line.startsWith('ServiceAccount')),
    [],
  );
  for (const manifests of [own, given]) assert.equal(runOf(manifests).pod.serviceAccountName, 'restarter');
});

test('the checkpoint comes without data, so that helm has nothing to reset', async () => {
  const checkpoint = (await render()).find(({ metadata }) => metadata?.name === 'nightshift-checkpoint');
  assert.deepEqual(Object.keys(checkpoint ?? {}).toSorted(), ['apiVersion', 'kind', 'metadata']);
});

describe('everything is named after', { concurrency: 4 }, () => {
  const long = (length: number) => 'r'.repeat(length);
  const cases: readonly (readonly [what: string, name: string, release: Release])[] = [
    ['the release that is called like the chart', 'nightshift', { name: 'nightshift' }],
    ['the release that contains its name', 'my-nightshift-2', { name: 'my-nightshift-2' }],
    ['another release and the chart', 'ops-nightshift', { name: 'ops' }],
    ['the release and nameOverride', 'ops-night', { name: 'ops', values: { nameOverride: 'night' } }],
    ['fullnameOverride', 'n', { name: 'ops', values: { nameOverride: 'night', fullnameOverride: 'n' } }],
    ['a fullnameOverride that YAML would read as a number', '1e3', { values: { fullnameOverride: '1e3' } }],
    ['a fullnameOverride of 52', long(52), { values: { fullnameOverride: long(52) } }],
    ['a release so long that the name is cut at 52', `${long(45)}-nights`, { name: long(45) }],
    ['a long release, without the hyphen at the cut', long(51), { name: long(51) }],
    ['a long release, without the dot at the cut', long(51), { name: `${long(51)}.n` }],
  ];
  for (const [what, name, release] of cases) {
    test(what, async () => {
      const manifests = await render({ ...release, namespace: '123' });
      const names = new Set(manifests.map(({ metadata }) => metadata?.name));
      assert.deepEqual(names, new Set([name, `${name}-checkpoint`, `${name}-policy`]));
      const namespaces = new Set(
        manifests.filter(({ kind }) => !kind.startsWith('Cluster')).map(({ metadata }) => metadata?.namespace),
      );
      assert.deepEqual([...namespaces], ['123']);
      const { container, pod } = runOf(manifests);
      assert.equal(
        container.env?.find(variable => variable.name === 'NIGHTSHIFT_CHECKPOINT')?.value,
        `${name}-checkpoint`,
      );
      assert.equal(pod.serviceAccountName, name);
    });
  }
});

test('Kubernetes older than 1.27, which ignores the time zone of a CronJob, is refused', async () => {
  await assert.rejects(render({ args: ['--kube-version', '1.26.9'] }), /requires kubeVersion: >=1\.27/);
  await render({ args: ['--kube-version', '1.27.0-gke.100'] });
});

test('the policy arrives as it was written, texts that look like something else included', async () => {
  const names = [
    'yes',
    'null',
    '1e3',
    '0x10',
    '2026-12-20',
    '1:30',
    '~',
    '# no',
    '{{ .Release.Name }}',
    'a: b',
    "it's",
    '"',
    '*x',
    'ü 🌙',
  ];
  const [window] = POLICY.windows.allow;
  const policy = {
    apiVersion: 'nightshift/v1alpha1',
    kind: 'RestartPolicy',
    windows: {
      allow: names.map(name => ({ ...window, name })),
      deny: [{ name: 'freeze', from: '2026-12-20', until: '2027-01-06T06:00' }],
    },
    stale: [{ podOlderThan: '7d' }, { container: 'istio-proxy', imageNot: ['docker.io/istio/proxyv2:1.24.2'] }],
    batches: { sizes: [1, 1_000_000], inFlight: { pods: 1_000_000 } },
    onFailure: { undo: false },
  };
  const text = policyTextOf(await render({ values: { policy } }));
  assert.deepEqual(parse(text), policy);
  assert.equal(parsePolicy(text).kind, 'valid', text);
});

test('dates need no quotes in a value file', async () => {
  const yaml = `policy:
  windows:
    allow: [{ name: nights, opens: 0 1 * * *, lasts: 4h }]
    deny: [{ name: freeze, from: 2026-12-20, until: 2027-01-06T06:00:00 }]
  stale: [podOlderThan: 7d]
`;
  const text = policyTextOf(await render({ yaml }));
  assert.equal(parsePolicy(text).kind, 'valid', text);
});
