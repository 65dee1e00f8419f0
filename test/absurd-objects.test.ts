import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { assess } from '../src/domain/assessment.ts';
import { EMPTY } from '../src/domain/checkpoint.ts';
import { keyOf } from '../src/domain/model.ts';
import { needsOf } from '../src/domain/policy.ts';
import { readInventory } from '../src/kubernetes/inventory.ts';
import { OutOfReach } from '../src/ports.ts';
import { planJson, planText } from '../src/terminal/plan-view.ts';
import { aPolicy, BEGIN, BY, HOUR, NOW, OCCURRENCE } from './build.ts';
import { absurd } from './kubernetes/absurd.ts';
import { fakeApiServer, reply, transportTo } from './kubernetes/fake-api-server.ts';
import { aDeployment, aPod } from './kubernetes/objects.ts';

/** Whatever the objects of a cluster are, what is sound among them is restarted, and the rest is left with a reason. */

const POLICY = aPolicy({
  stale: [
    { podOlderThan: '7d' },
    { container: 'app', imageNot: ['app:2'] },
    { configChanged: { volumes: true, secrets: false } },
  ],
  availability: { unhealthy: 'allow', downtime: 'allow' },
});
const OLD = { creationTimestamp: '2026-01-01T00:00:00Z' };
const aResourceQuota = (namespace: string) => ({
  metadata: { name: 'compute', namespace },
  spec: { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'NotIn', values: ['x'] }] } },
  status: { hard: { pods: '9', 'requests.cpu': '4' }, used: { pods: '3', 'requests.cpu': '500m' } },
});
const anAutoscaler = (namespace: string, name: string) => ({
  metadata: { name, namespace },
  spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name }, minReplicas: 2, maxReplicas: 9 },
  status: { lastScaleTime: '2026-11-24T01:09:00Z', currentReplicas: 2, desiredReplicas: 2 },
});
const SOUND = {
  namespaces: [{ metadata: { name: 'shop' } }],
  deployments: [aDeployment('web')],
  pods: ['web-abc-1', 'web-abc-2'].map(name => aPod('web', name, { metadata: OLD })),
  poddisruptionbudgets: [
    { metadata: { name: 'web', namespace: 'shop' }, spec: { selector: { matchLabels: { app: 'web' } } } },
  ],
  configmaps: [{ metadata: { name: 'settings', namespace: 'shop', ...OLD } }],
  resourcequotas: [aResourceQuota('shop')],
  horizontalpodautoscalers: [anAutoscaler('shop', 'web')],
};
/** Of each kind one more, which is fit to be restarted until something in it is replaced. */
const RECORD = JSON.stringify({
  at: '2026-11-24T01:05:00Z',
  by: BY,
  run: 'r',
  sweep: 's',
  why: 'podTooOld',
  want: 'w',
  template: 't',
});
const ODD = {
  namespaces: {
    metadata: { name: 'odd', labels: { team: 'a' }, annotations: { 'nightshift/restart': 'x' } },
    status: { phase: 'Active' },
  },
  deployments: aDeployment(
    'odd',
    {
      metadata: {
        annotations: {
          'nightshift/last-restart': RECORD,
          'nightshift/priority': '1',
          'deployment.kubernetes.io/revision': '3',
        },
      },
      template: {
        metadata: {
          labels: { app: 'odd' },
          annotations: { 'kubectl.kubernetes.io/restartedAt': '2026-11-24T01:05:00Z' },
        },
      },
      status: {
        conditions: [
          { type: 'Progressing', reason: 'x', status: 'True' },
          { type: 'ReplicaFailure', status: 'True' },
        ],
      },
    },
    'odd',
  ),
  pods: aPod('odd', 'odd-abc-1', {
    metadata: { ...OLD, namespace: 'odd', annotations: { a: 'b' } },
    spec: {
      volumes: [{ name: 'v', configMap: { name: 'settings' } }],
      priorityClassName: 'burst',
      containers: [
        {
          name: 'app',
          image: 'app:1',
          envFrom: [{ configMapRef: { name: 'settings' } }],
          resources: { requests: { cpu: '100m' }, limits: { memory: '1Gi' } },
        },
      ],
    },
    status: {
      containerStatuses: [
        { name: 'app', imageID: 'app@sha256:x', restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff' } } },
      ],
    },
  }),
  poddisruptionbudgets: {
    metadata: { name: 'odd', namespace: 'odd' },
    spec: { selector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['odd'] }] } },
  },
  resourcequotas: aResourceQuota('odd'),
  horizontalpodautoscalers: anAutoscaler('odd', 'odd'),
  configmaps: {
    metadata: {
      name: 'settings',
      namespace: 'odd',
      managedFields: [{ time: '2026-11-01T00:00:00Z', fieldsV1: { 'f:data': {} } }],
    },
  },
};
type Lists = Readonly<Record<string, unknown>>;

const world = fc.record({
  namespaces: absurd(ODD.namespaces),
  deployments: absurd(ODD.deployments),
  pods: fc.tuple(fc.constant(ODD.pods), absurd(ODD.pods)),
  poddisruptionbudgets: absurd(ODD.poddisruptionbudgets),
  resourcequotas: absurd(ODD.resourcequotas),
  horizontalpodautoscalers: absurd(ODD.horizontalpodautoscalers),
  configmaps: absurd(ODD.configmaps),
});

/** What the plan says of a cluster that answers with these lists. */
async function planOf(transport: Parameters<typeof readInventory>[0]) {
  const inventory = await readInventory(transport, { scope: { kind: 'cluster' }, needs: needsOf(POLICY), now: NOW });
  const circumstances = {
    policy: POLICY,
    occurrence: OCCURRENCE,
    by: BY,
    now: NOW,
    only: undefined,
    injections: new Map(),
  };
  const { plan, checkpoint } = assess(inventory, EMPTY, circumstances);
  const window = { kind: 'open' as const, occurrence: OCCURRENCE, closesAt: BEGIN + HOUR };
  const more = {
    stop: undefined,
    unready: undefined,
    unseen: [],
    unserved: [],
    strangers: [],
    skipped: [],
    missing: undefined,
  };
  const preview = { kind: 'plan' as const, window, plan, sweep: checkpoint.sweep?.id ?? null, ...more };
  assert.equal(typeof planText(preview, NOW), 'string');
  assert.equal(typeof JSON.stringify(planJson(preview)), 'string');
  return { plan, inventory };
}

describe('a cluster with absurd objects', () => {
  it('has its sound workloads restarted, and of the others none that lacks what a restart needs', async () => {
    let lists: Lists = {};
    const kindOf = (path: string) => path.split('/').at(-1) ?? '';
    await using server = await fakeApiServer(({ path }, response) => reply(response, 200, lists[kindOf(path)]));
    await using to = transportTo(server);
    let restarts = 0;
    await fc.assert(
      fc.asyncProperty(world, async odd => {
        const items = (kind: keyof typeof ODD) => ({
          kind: 'List',
          metadata: {},
          items: [odd[kind], ...SOUND[kind]].flat(),
        });
        lists = {
          namespaces: items('namespaces'),
          deployments: items('deployments'),
          pods: items('pods'),
          poddisruptionbudgets: items('poddisruptionbudgets'),
          resourcequotas: items('resourcequotas'),
          horizontalpodautoscalers: items('horizontalpodautoscalers'),
          configmaps: items('configmaps'),
        };
        const { plan, inventory } = await planOf(to.transport);
        const chosen = plan.batches.flat();
        assert.ok(
          chosen.some(({ workload }) => keyOf(workload) === 'shop/web'),
          'the sound one',
        );
        assert.equal(chosen.length + plan.left.length + plan.inFlight.length, inventory.workloads.length);
        for (const { why, detail } of [...chosen, ...plan.left]) assert.ok(why.length > 0 && detail.length > 0, why);
        for (const { workload, oldestPod, replicaSet } of chosen) {
          const { namespace, name, uid, resourceVersion, replicas } = workload;
          assert.ok(
            [namespace, name, uid, resourceVersion].every(text => text !== ''),
            JSON.stringify(workload),
          );
          assert.ok(inventory.namespaces.has(namespace) && replicas > 0 && oldestPod > 0, keyOf(workload));
          assert.ok((inventory.pods.get(keyOf(workload)) ?? []).length >= workload.status.replicas, replicaSet.name);
        }
        restarts += chosen.length - 1;
      }),
      { seed: 20261126, numRuns: 80 },
    );
    assert.ok(restarts > 5, `${restarts} of the odd ones were sound after all`);
  });

  for (const answer of [
    {},
    [],
    null,
    'text',
    5,
    { kind: 'Status', status: 'Success' },
    { kind: 'DeploymentList', items: {} },
  ]) {
    it(`is none when the API server answers a list with ${JSON.stringify(answer)}: that ends the run with a sentence`, async () => {
      await using server = await fakeApiServer((_, response) => reply(response, 200, JSON.stringify(answer)));
      await using to = transportTo(server);
      await assert.rejects(planOf(to.transport), (error: unknown) => {
        assert.ok(error instanceof OutOfReach, String(error));
        assert.match(error.message, /is no list/);
        return true;
      });
    });
  }
});
