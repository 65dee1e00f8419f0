/** The rights as they are rendered; what they amount to on an API server is in rights.test.ts. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { V1PolicyRule } from '@kubernetes/client-node';
import { placed, POLICY, render, runOf } from './helm.ts';

test('a list of namespaces needs a Role in each and no ClusterRole, also where the release lives in one of them', async () => {
  for (const namespaces of [['shop', 'ops'], ['shop']]) {
    const manifests = await render({ values: { rbac: { namespaces } } });
    assert.deepEqual(
      placed(manifests).filter(line => line.includes('Role')),
      ['Role ops nightshift', 'Role shop nightshift', 'RoleBinding ops nightshift', 'RoleBinding shop nightshift'],
    );
  }
});

test('rights are granted to our account only, and by nobody when rbac.create is false', async () => {
  const bindings = (await render({ values: { rbac: { namespaces: ['shop'] } } })).filter(
    ({ kind }) => kind === 'RoleBinding',
  );
  for (const binding of bindings) {
    assert.deepEqual('subjects' in binding && binding.subjects, [
      { kind: 'ServiceAccount', name: 'nightshift', namespace: 'ops' },
    ]);
  }
  const without = await render({ values: { rbac: { create: false, namespaces: ['shop'] } } });
  assert.deepEqual(
    placed(without).filter(line => line.includes('Role')),
    [],
  );
  assert.ok(runOf(without).container.env?.some(({ name }) => name === 'NIGHTSHIFT_NAMESPACES'));
});

const rulesOf = async (values: Readonly<Record<string, unknown>>): Promise<readonly V1PolicyRule[]> =>
  (await render({ values })).flatMap(manifest =>
    manifest.kind === 'Role' || manifest.kind === 'ClusterRole' ? (manifest.rules ?? []) : [],
  );

test('no rule has a star, a Secret, or a verb that creates, deletes or replaces more than Events and the checkpoint', async () => {
  for (const namespaces of [[], ['shop', 'ops']]) {
    const rules = await rulesOf({ rbac: { namespaces } });
    for (const rule of rules) assert.deepEqual(excessOf(rule), [], JSON.stringify(rule));
  }
});

describe('what more the policy needs is granted with it:', { concurrency: 4 }, () => {
  const drift = { injection: 'drift', containers: ['proxy'] };
  const config = { configChanged: {} };
  const secrets = { configChanged: { volumes: true, secrets: true } };
  const cases: readonly (readonly [what: string, stale: readonly object[], excess: readonly string[]])[] = [
    ['nothing for age and images', [{ container: 'proxy', imageNot: ['proxy:2'] }], []],
    ['Pods for injection', [drift, { ...drift, fields: ['image'] }], ['create']],
    ['ConfigMaps for configuration', [config], ['configmaps']],
    ['ConfigMaps and Secrets for all configuration', [config, secrets], ['configmaps', 'secrets']],
    ['all of it', [secrets, drift], ['create', 'configmaps', 'secrets']],
  ];
  for (const [what, stale, excess] of cases) {
    test(what, async () => {
      const policy = { ...POLICY, stale: [...POLICY.stale, ...stale] };
      for (const namespaces of [[], ['shop']]) {
        const rules = await rulesOf({ policy, rbac: { namespaces, secrets: true } });
        assert.deepEqual(rules.flatMap(excessOf), excess);
      }
    });
  }

  test('the kinds that the policy names, and no other', async () => {
    const resources = async (policy: object) =>
      (await rulesOf({ policy })).filter(({ apiGroups }) => apiGroups?.includes('apps'));
    const verbs = ['get', 'list', 'watch', 'patch'];
    const kinds = ['DaemonSet', 'StatefulSet', 'DaemonSet'];
    assert.deepEqual(await resources({ ...POLICY, select: { kinds } }), [
      { apiGroups: ['apps'], resources: ['daemonsets', 'statefulsets'], verbs },
    ]);
    const ready = [{ deployment: 'mesh/istiod' }];
    assert.deepEqual(await resources({ ...POLICY, ready, select: { kinds: ['StatefulSet'] } }), [
      { apiGroups: ['apps'], resources: ['statefulsets'], verbs },
      { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'] },
    ]);
    const own = { apiGroups: ['argoproj.io'], resources: ['rollouts'], verbs };
    for (const more of [[], ['Deployment']]) {
      const rules = await rulesOf({ policy: { ...POLICY, select: { kinds: ['Rollout', ...more] } } });
      assert.deepEqual(
        rules.filter(({ apiGroups }) => apiGroups?.includes('argoproj.io')),
        [own],
      );
      const others = rules.filter(({ apiGroups }) => apiGroups?.includes('apps'));
      assert.deepEqual(
        others.map(rule => rule.resources),
        more.map(() => ['deployments']),
      );
    }
  });

  test('a Role for each namespace of what must be ready, but for those that may be read anyway', async () => {
    const ready = ['mesh/istiod', 'mesh/gateway', 'mesh/istiod', 'ops/other', 'shop/api'];
    const policy = { ...POLICY, ready: ready.map(name => ({ deployment: name })) };
    const named = (rules: readonly V1PolicyRule[]) =>
      rules.filter(({ resources }) => resources?.includes('deployments')).map(({ resourceNames }) => resourceNames);
    assert.deepEqual(named(await rulesOf({ policy })), [undefined]);
    const rbac = { namespaces: ['shop'] };
    assert.deepEqual(named(await rulesOf({ policy, rbac })), [undefined, ['other'], ['istiod', 'gateway']]);
    const roles = placed(await render({ values: { policy, rbac } })).filter(line => line.startsWith('Role '));
    assert.deepEqual(roles, ['Role mesh nightshift', 'Role ops nightshift', 'Role shop nightshift']);
  });
});

/** Verbs and resources that no run needs under an ordinary policy. */
function excessOf({ apiGroups = [], resources = [], verbs, resourceNames }: V1PolicyRule): readonly string[] {
  const allowed =
    resourceNames?.includes('nightshift-checkpoint') === true ? ['get', 'update'] : ['get', 'list', 'watch'];
  if (resources.includes('events')) allowed.push('create');
  if (resources.includes('deployments')) allowed.push('patch');
  const known = [
    '',
    'apps',
    'deployments',
    'pods',
    'policy',
    'poddisruptionbudgets',
    'resourcequotas',
    'autoscaling',
    'horizontalpodautoscalers',
    'namespaces',
    'events',
    ...(resourceNames === undefined ? [] : ['configmaps']),
  ];
  return [
    ...verbs.filter(verb => !allowed.includes(verb)),
    ...[...apiGroups, ...resources].filter(of => !known.includes(of)),
  ];
}
