import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { containersOf } from '../../src/domain/shape.ts';
import { NotPermitted } from '../../src/ports.ts';
import { Interner } from '../../src/kubernetes/interner.ts';
import { tryPod } from '../../src/kubernetes/trial.ts';
import { projectWorkload } from '../../src/kubernetes/workload-projection.ts';
import type { Handler } from './fake-api-server.ts';
import { failure, fakeApiServer, reply, transportTo, REVIEWS } from './fake-api-server.ts';
import { aDeployment } from './objects.ts';

const TEMPLATE = {
  metadata: { labels: { app: 'cart' }, annotations: { note: 'x' } },
  spec: { containers: [{ name: 'app', image: 'app:1' }], serviceAccountName: 'cart' },
};
const workload = projectWorkload(aDeployment('cart', { template: TEMPLATE }), 'Deployment', new Interner());
const PODS = '/api/v1/namespaces/shop/pods';

async function trying(handler: Handler, tried = workload) {
  await using server = await fakeApiServer(handler);
  await using to = transportTo(server);
  const admission = await tryPod(to, { workload: tried, replicaSet: { name: 'cart-abc', uid: 'uid-rs' } });
  return { admission, seen: server.seen.filter(({ path }) => path === PODS) };
}

describe('a Pod that is tried', () => {
  it('is a dry run of what the ReplicaSet would send', async () => {
    const injected = {
      ...TEMPLATE,
      spec: { containers: [...TEMPLATE.spec.containers, { name: 'proxy', image: 'proxy:2' }] },
    };
    const { admission, seen } = await trying((_, response) => reply(response, 201, injected));
    assert.ok(admission.kind === 'admitted');
    assert.deepEqual([...containersOf(admission.template).keys()], ['app']);
    assert.deepEqual([...containersOf(admission.pod).keys()], ['app', 'proxy']);
    assert.deepEqual([seen.length, seen[0]?.method, seen[0]?.query['dryRun']], [1, 'POST', 'All']);
    assert.deepEqual(seen[0]?.body, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        namespace: 'shop',
        generateName: 'cart-abc-',
        annotations: { note: 'x' },
        labels: { app: 'cart', 'pod-template-hash': 'abc' },
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'cart-abc', uid: 'uid-rs', controller: true },
        ],
      },
      spec: TEMPLATE.spec,
    });
  });

  it('of a Rollout has the label of its ReplicaSets', async () => {
    const rollout = projectWorkload(aDeployment('cart', { template: TEMPLATE }), 'Rollout', new Interner());
    const { seen } = await trying((_, response) => reply(response, 201, TEMPLATE), rollout);
    assert.partialDeepStrictEqual(seen[0]?.body, {
      metadata: {
        generateName: 'cart-abc-',
        labels: { app: 'cart', 'rollouts-pod-template-hash': 'abc' },
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'cart-abc', uid: 'uid-rs' }],
      },
    });
  });

  const quota = 'pods "cart-abc-x" is forbidden: exceeded quota';
  it('and is refused by a quota is refused', async () => {
    const { admission } = await trying(({ path }, response) =>
      path === REVIEWS
        ? reply(response, 201, { status: { allowed: true } })
        : reply(response, 403, failure(403, quota)),
    );
    assert.deepEqual(admission, { kind: 'refused', message: `${quota} (HTTP 403)` });
  });

  it('without the right to do so ends with that', async () => {
    const handler: Handler = ({ path }, response) =>
      path === REVIEWS
        ? reply(response, 201, { status: { allowed: false } })
        : reply(response, 403, failure(403, 'forbidden'));
    await assert.rejects(trying(handler), (error: Error) => {
      assert.ok(error instanceof NotPermitted);
      assert.deepEqual(error.permission, { verb: 'create', resource: 'pods', namespace: 'shop' });
      return true;
    });
  });

  for (const [what, status, message] of [
    ['a webhook that is down', 500, 'failed calling webhook "x": connection refused'],
    ['a webhook that supports no dry run', 400, 'admission webhook "x" does not support dry run'],
    ['a Pod that is invalid', 422, 'spec.containers: Required value'],
    ['a namespace that is being deleted', 404, 'namespaces "shop" not found'],
  ] as const) {
    it(`meets ${what} once, and tells its words`, async () => {
      const { admission, seen } = await trying((_, response) => reply(response, status, failure(status, message)));
      assert.deepEqual(admission, { kind: 'refused', message: `${message} (HTTP ${status})` });
      assert.equal(seen.length, 1);
    });
  }

  it('is tried again while the server is busy, three times at most', async () => {
    let left = 2;
    const busy: Handler = (_, response) =>
      left-- > 0 ? reply(response, 429, failure(429, 'busy')) : reply(response, 201, TEMPLATE);
    assert.equal((await trying(busy)).admission.kind, 'admitted');
    const { admission, seen } = await trying((_, response) => reply(response, 503, failure(503, 'away')));
    assert.deepEqual([admission.kind, seen.length], ['refused', 3]);
  });
});
