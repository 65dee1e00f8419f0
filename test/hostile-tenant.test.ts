import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { injectionOf } from '../src/domain/drift.ts';
import { injectionCriteria, needsOf } from '../src/domain/policy.ts';
import { encodeContainers, encodeValues, type PodShape } from '../src/domain/shape.ts';
import { judge } from '../src/domain/verdict.ts';
import { readInventory } from '../src/kubernetes/inventory.ts';
import { Interner } from '../src/kubernetes/interner.ts';
import { projectWorkload } from '../src/kubernetes/workload-projection.ts';
import { aBench, aJudged, aPod as aLivePod, aPolicy, NOW } from './build.ts';
import { fakeApiServer, reply, transportTo } from './kubernetes/fake-api-server.ts';
import { aDeployment, aList, aPod } from './kubernetes/objects.ts';

/** Somebody with rights in the namespace `tenant` writes there what the API server takes. `shop` is another's. */

const POLICY = aPolicy({ stale: [{ podOlderThan: '7d' }, { configChanged: {} }] });

/** What is read of shop/web, with more objects in the namespace of the tenant. */
async function shopWith(more: Readonly<Record<string, readonly unknown[]>>): Promise<unknown> {
  const reads = { envFrom: [{ configMapRef: { name: 'settings' } }], name: 'app', image: 'app:1' };
  const sound: Readonly<Record<string, readonly unknown[]>> = {
    namespaces: ['shop', 'tenant'].map(name => ({ metadata: { name } })),
    deployments: [aDeployment('web')],
    pods: ['web-abc-1', 'web-abc-2'].map(name => aPod('web', name, { spec: { containers: [reads] } })),
    configmaps: [{ metadata: { namespace: 'shop', name: 'settings', creationTimestamp: '2026-01-01T00:00:00Z' } }],
    poddisruptionbudgets: [],
    resourcequotas: [],
    horizontalpodautoscalers: [],
  };
  await using server = await fakeApiServer(({ path }, response) => {
    const kind = path.split('/').at(-1) ?? '';
    reply(response, 200, { ...aList([]), items: [...(more[kind] ?? []), ...(sound[kind] ?? [])] });
  });
  await using to = transportTo(server);
  const inventory = await readInventory(to.transport, { scope: { kind: 'cluster' }, needs: needsOf(POLICY), now: NOW });
  const workload = inventory.workloads.find(({ namespace }) => namespace === 'shop') ?? assert.fail();
  const [pods, namespace] = [inventory.pods.get('shop/web') ?? [], inventory.namespaces.get('shop')];
  const { configChanges } = inventory;
  const judged = { workload, pods, namespace, injection: undefined, autoscaler: undefined, budgets: [], shortages: [] };
  const verdict = judge(judged, aBench({ policy: POLICY, configChanges }));
  return { verdict, pods, budgets: inventory.budgets.get('shop/web') };
}

describe('nothing in the namespace of a tenant changes what is read and judged of another', () => {
  const inTenant = { namespace: 'tenant' };
  const owner = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'web-abc',
    uid: 'uid-of-replicaset',
    controller: true,
  };
  const objects: Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>> = {
    'a Pod that claims to be of its ReplicaSet': {
      pods: [
        aPod('web', 'web-abc-3', {
          metadata: { ...inTenant, ownerReferences: [owner], creationTimestamp: '2020-01-01T00:00:00Z' },
        }),
      ],
    },
    'a Deployment of the same name, owned by it': {
      deployments: [
        aDeployment(
          'web',
          { metadata: { ownerReferences: [{ ...owner, kind: 'Deployment', name: 'web', uid: 'uid-web' }] } },
          'tenant',
        ),
      ],
    },
    'a PodDisruptionBudget that selects everything': {
      poddisruptionbudgets: [{ metadata: { ...inTenant, name: 'all' }, spec: { selector: {} } }],
    },
    'a ConfigMap of the same name that changes all the time': {
      configmaps: [{ metadata: { ...inTenant, name: 'settings', creationTimestamp: '2026-11-24T00:00:00Z' } }],
    },
    'names that every object has': {
      deployments: ['constructor', '__proto__'].map(name =>
        aDeployment(name, { metadata: { labels: JSON.parse('{"__proto__":"x"}') } }, 'tenant'),
      ),
      pods: [aPod('constructor', 'constructor-abc-1', { metadata: inTenant })],
    },
  };
  for (const [what, more] of Object.entries(objects)) {
    it(what, async () => assert.deepEqual(await shopWith(more), await shopWith({})));
  }
});

describe('what a tenant writes costs what it should', () => {
  it('of a million bytes of annotations next to nothing is kept, and the workload has its verdict', () => {
    const fat = 'x'.repeat(250_000);
    const keys = ['nightshift/last-restart', 'nightshift/priority', 'nightshift/restart', 'a', 'b'];
    const annotations = Object.fromEntries(keys.map(key => [key, fat]));
    const template = { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': fat } }, spec: {} };
    const workload = projectWorkload(
      aDeployment('web', { metadata: { annotations }, template }),
      'Deployment',
      new Interner(),
      {
        shapes: false,
      },
    );
    assert.ok(JSON.stringify(workload).length < 5_000);
    assert.equal(judge(aJudged({ workload }), aBench()).kind, 'restart');
  });

  it('of an image of a megabyte a few words are told', () => {
    const image = `example.test/${'x'.repeat(1 << 20)}:1`;
    const pods = Array.from({ length: 40 }, (_, index) =>
      aLivePod({ images: [{ container: 'proxy', image: `${image}${index}`, imageId: undefined }] }),
    );
    const policy = aPolicy({ stale: [{ container: 'proxy', imageNot: ['proxy:2'] }] });
    const verdict = judge(aJudged({ pods }), aBench({ policy }));
    assert.ok(
      verdict.kind === 'restart' && verdict.detail.length < 1_500,
      String('detail' in verdict && verdict.detail.length),
    );
  });
});

it('a variable that is called like what every object has is missed when it is lost', () => {
  const shape = (env: Readonly<Record<string, string>>): PodShape => ({
    containers: encodeContainers({ app: { image: { '': 'app:1' }, env } }),
    annotations: encodeValues({}),
  });
  const admission = { kind: 'admitted' as const, template: shape({ A: '1' }), pod: shape({ A: '1', B: '2' }) };
  const criteria = injectionCriteria(aPolicy({ stale: [{ injection: 'drift' }] }));
  const { kind, detail } = injectionOf(
    [aLivePod({ shape: shape({ A: '1', B: '2', constructor: '3' }) })],
    admission,
    criteria,
  );
  assert.equal(kind, 'unknown');
  assert.match(detail, /would lack what was injected into app \(constructor\)/);
});
