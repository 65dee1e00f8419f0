import assert from 'node:assert/strict';
import { aPod as aBuiltPod, NO_NEEDS } from '../build.ts';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { KubernetesCluster } from '../../src/kubernetes/cluster.ts';
import { Interner } from '../../src/kubernetes/interner.ts';
import { ONE_WRITE } from '../../src/kubernetes/transport.ts';
import { projectWorkload } from '../../src/kubernetes/workload-projection.ts';
import type { Handler, Seen } from './fake-api-server.ts';
import { failure, fakeApiServer, reply, transportTo } from './fake-api-server.ts';
import { aDeployment, aList, aPod } from './objects.ts';

const workload = projectWorkload(aDeployment('cart'), 'Deployment', new Interner());
const PATH = '/apis/apps/v1/namespaces/shop/deployments/cart';

async function clusterOf(handler: Handler, fieldManager = 'nightshift') {
  const server = await fakeApiServer(handler);
  const to = transportTo(server);
  const { transport, clock } = to;
  const cluster = new KubernetesCluster({ transport, clock, scope: { kind: 'cluster' }, fieldManager });
  return {
    cluster,
    server,
    clock,
    async [Symbol.asyncDispose]() {
      await to[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe('a workload', () => {
  it('is read afresh', async () => {
    await using given = await clusterOf((_, response) => reply(response, 200, aDeployment('cart')));
    assert.deepEqual(await given.cluster.workload(workload), workload);
    assert.deepEqual(given.server.seen[0]?.query, {}, 'no resourceVersion=0, which a cache would answer');
  });

  it('that is not there is undefined', async () => {
    await using given = await clusterOf((_, response) => reply(response, 404, failure(404, 'not found')));
    assert.equal(await given.cluster.workload(workload), undefined);
    assert.equal(await given.cluster.ownerOfRestartedAt(workload), undefined);
  });

  it('has the Pods of its ReplicaSets, terminating ones included, terminal ones and those of others not', async () => {
    const pods = aList([
      aPod('cart', 'new'),
      aPod('cart', 'leaving', { metadata: { deletionTimestamp: '2026-11-23T01:00:00Z' } }),
      aPod('cart', 'failed', { status: { phase: 'Failed' } }),
      aPod('other', 'same-labels'),
    ]);
    await using given = await clusterOf((_, response) => reply(response, 200, pods));
    const found = await given.cluster.pods(workload, NO_NEEDS);
    assert.deepEqual(
      found.map(({ name, terminating }) => [name, terminating]),
      [
        ['new', false],
        ['leaving', true],
      ],
    );
    assert.equal(given.server.seen[0]?.path, '/api/v1/namespaces/shop/pods');
    assert.equal(given.server.seen[0].query['labelSelector'], 'app=cart');
  });

  it('is told who owns its restartedAt: the manager who wrote it last', async () => {
    const fieldsV1 = {
      'f:spec': { 'f:template': { 'f:metadata': { 'f:annotations': { 'f:kubectl.kubernetes.io/restartedAt': {} } } } },
    };
    const managedFields = [
      { manager: 'kubectl-rollout', time: '2026-11-22T01:00:00Z', fieldsV1 },
      { manager: 'nightshift', time: '2026-11-23T01:00:00Z', fieldsV1 },
      { manager: 'helm', time: '2026-11-24T01:00:00Z', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
    ];
    await using given = await clusterOf((_, response) =>
      reply(response, 200, aDeployment('cart', { metadata: { managedFields } })),
    );
    assert.equal(await given.cluster.ownerOfRestartedAt(workload), 'nightshift');
  });

  it('is told who owns the restartAt of a Rollout', async () => {
    const managedFields = [
      { manager: 'nightshift', fieldsV1: { 'f:spec': { 'f:restartAt': {} } } },
      { manager: 'argocd', fieldsV1: { 'f:spec': { 'f:template': {} } } },
    ];
    await using given = await clusterOf((_, response) =>
      reply(response, 200, aDeployment('cart', { metadata: { managedFields } })),
    );
    assert.equal(await given.cluster.ownerOfRestartedAt({ ...workload, kind: 'Rollout' }), 'nightshift');
    assert.equal(given.server.seen[0]?.path, '/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/cart');
  });
});

describe('a restart', () => {
  const order = { workload, at: '2026-11-23T01:00:00Z', record: '{"at":"2026-11-23T01:00:00Z"}' };

  it('is one merge patch, conditional on uid and version, with T and the record', async () => {
    await using given = await clusterOf((_, response) => reply(response, 200, aDeployment('cart')), 'night-crew');
    assert.deepEqual(await given.cluster.restart(order), { kind: 'accepted', workload });
    const [request] = given.server.seen;
    assert.equal(`${request?.method} ${request?.path}`, `PATCH ${PATH}`);
    assert.equal(request?.headers['content-type'], 'application/merge-patch+json');
    assert.deepEqual(request.query, { fieldManager: 'night-crew', timeout: '10s' });
    assert.deepEqual(request.body, {
      metadata: { uid: 'uid-cart', resourceVersion: '7', annotations: { 'nightshift/last-restart': order.record } },
      spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': order.at } } } },
    });
  });

  it('rewrites the record without touching anything else', async () => {
    await using given = await clusterOf((_, response) => reply(response, 200, aDeployment('cart')));
    await given.cluster.rewriteRecord(workload, 'x');
    assert.deepEqual(given.server.seen[0]?.body, {
      metadata: { uid: 'uid-cart', resourceVersion: '7', annotations: { 'nightshift/last-restart': 'x' } },
    });
  });

  const causes = (field: string) => ({ causes: [{ reason: 'FieldValueInvalid', field, message: 'immutable' }] });
  for (const [name, code, details, expected] of [
    ['409', 409, undefined, { kind: 'conflict' }],
    ['422 about metadata.uid', 422, causes('metadata.uid'), { kind: 'conflict' }],
    ['422 about something else', 422, causes('spec.template'), { kind: 'denied', message: 'no (HTTP 422)' }],
    ['422 without a cause', 422, undefined, { kind: 'denied', message: 'no (HTTP 422)' }],
    ['404', 404, undefined, { kind: 'gone' }],
    ['400', 400, undefined, { kind: 'denied', message: 'no (HTTP 400)' }],
    ['413', 413, undefined, { kind: 'denied', message: 'no (HTTP 413)' }],
    [
      '401',
      401,
      undefined,
      { kind: 'unanswered', message: 'it does not accept our credentials (HTTP 401)', retryAfter: undefined },
    ],
    ['408', 408, undefined, { kind: 'unanswered', message: 'no (HTTP 408)', retryAfter: undefined }],
    ['429', 429, { retryAfterSeconds: 3 }, { kind: 'unanswered', message: 'no (HTTP 429)', retryAfter: 3000 }],
    ['500', 500, undefined, { kind: 'unanswered', message: 'no (HTTP 500)', retryAfter: undefined }],
    ['504', 504, undefined, { kind: 'unanswered', message: 'no (HTTP 504)', retryAfter: undefined }],
    ['a redirect', 302, undefined, { kind: 'unanswered', message: 'no (HTTP 302)', retryAfter: undefined }],
  ] as const) {
    it(`answered with ${name} is ${expected.kind}`, async () => {
      await using given = await clusterOf((_, response) => reply(response, code, failure(code, 'no', details)));
      assert.deepEqual(await given.cluster.restart(order), expected);
      assert.deepEqual(given.clock.pauses, []);
    });
  }

  it('that gets no answer in time is unanswered', async () => {
    const arrived = Promise.withResolvers<void>();
    await using given = await clusterOf(() => arrived.resolve());
    const restart = given.cluster.restart(order);
    await arrived.promise;
    given.clock.pass(ONE_WRITE.deadline);
    assert.deepEqual(await restart, { kind: 'unanswered', message: 'no answer within 12 s', retryAfter: undefined });
  });

  const permission = { verb: 'patch', resource: 'deployments.apps', namespace: 'shop' };
  const review = (allowed: unknown) => (response: ServerResponse) => reply(response, 201, { status: { allowed } });
  for (const [name, answer, expected] of [
    ['RBAC says no', review(false), { kind: 'forbidden', permission }],
    ['RBAC says yes', review(true), { kind: 'denied', message: 'no (HTTP 403)' }],
    [
      'RBAC cannot be asked',
      (response: ServerResponse) => reply(response, 400, failure(400, 'x')),
      { kind: 'unanswered' },
    ],
    ['RBAC says nothing', review(undefined), { kind: 'unanswered' }],
  ] as const) {
    it(`answered with 403 is ${expected.kind} when ${name}`, async () => {
      await using given = await clusterOf(({ method }, response) =>
        method === 'PATCH' ? reply(response, 403, failure(403, 'no')) : answer(response),
      );
      assert.partialDeepStrictEqual(await given.cluster.restart(order), expected);
      const [, question] = given.server.seen;
      assert.equal(question?.path, '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews');
      assert.partialDeepStrictEqual(question.body, {
        spec: {
          resourceAttributes: {
            verb: 'patch',
            group: 'apps',
            resource: 'deployments',
            namespace: 'shop',
            name: 'cart',
          },
        },
      });
    });
  }

  it('answered with 403 by an authorizer that lets it through now has no answer: it did not know us yet', async () => {
    const words =
      'deployments.apps "cart" is forbidden: User "u" cannot patch resource "deployments" in API group "apps"';
    await using given = await clusterOf(({ method }, response) =>
      method === 'PATCH' ? reply(response, 403, failure(403, words)) : review(true)(response),
    );
    assert.equal((await given.cluster.restart(order)).kind, 'unanswered');
  });
});

describe('Pods that wait for a node', () => {
  it('are counted no further than asked, by their metadata', async () => {
    const requests: Seen[] = [];
    await using to = await clusterOf((request, response) => {
      requests.push(request);
      reply(response, 200, aList([aPod('a'), aPod('b'), aPod('c')]));
    });
    assert.equal(await to.cluster.unscheduledPods(3), 3);
    const [seen] = requests;
    assert.equal(seen?.path, '/api/v1/pods');
    assert.deepEqual(seen?.query, { fieldSelector: 'spec.nodeName=,status.phase=Pending', limit: '3' });
    assert.match(String(seen?.headers['accept']), /PartialObjectMetadataList/);
  });
});

it('a restart that makes an object larger than etcd takes is denied: no repeat would change that', async () => {
  const words = 'etcdserver: request is too large';
  await using to = await clusterOf((_, response) => reply(response, 500, failure(500, words)));
  const answer = await to.cluster.restart({ workload, at: '2026-11-23T01:00:00Z', record: '{}' });
  assert.deepEqual(answer, { kind: 'denied', message: `${words} (HTTP 500)` });
});

describe('an eviction', () => {
  const pod = aBuiltPod({ name: 'cart-1', uid: 'uid-1' });
  const budget = {
    kind: 'Status',
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: { causes: [{ reason: 'DisruptionBudget', message: 'The disruption budget cart needs 2 healthy pods' }] },
  };
  const several = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';

  it('names the Pod by its uid, and leaves it the time for its end', async () => {
    await using given = await clusterOf((_, response) => reply(response, 201, { kind: 'Status' }));
    assert.deepEqual(await given.cluster.evict(workload, pod), { kind: 'accepted' });
    const [seen] = given.server.seen;
    assert.equal(`${seen?.method} ${seen?.path}`, 'POST /api/v1/namespaces/shop/pods/cart-1/eviction');
    assert.deepEqual(seen?.body, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: 'cart-1', namespace: 'shop' },
      deleteOptions: { preconditions: { uid: 'uid-1' } },
    });
  });

  for (const [what, status, body, answer] of [
    ['of a Pod that is gone', 404, failure(404, 'not found'), { kind: 'changed' }],
    ['of another Pod of that name', 409, failure(409, 'the UID in the precondition'), { kind: 'changed' }],
    [
      'against a budget',
      429,
      budget,
      { kind: 'blocked', message: 'The disruption budget cart needs 2 healthy pods', retryAfter: undefined },
    ],
    [
      'while the server has too much to do',
      429,
      failure(429, 'too many requests'),
      { kind: 'unanswered', message: 'too many requests (HTTP 429)', retryAfter: undefined },
    ],
    ['of a Pod of two budgets', 500, failure(500, several), { kind: 'never', message: `${several} (HTTP 500)` }],
    ['that the guard refuses', 422, failure(422, 'no'), { kind: 'denied', message: 'no (HTTP 422)' }],
    [
      'while etcd is away',
      500,
      failure(500, 'etcd'),
      { kind: 'unanswered', message: 'etcd (HTTP 500)', retryAfter: undefined },
    ],
  ] as const) {
    it(`${what} is ${answer.kind}`, async () => {
      await using given = await clusterOf((_, response) => reply(response, status, body));
      assert.deepEqual(await given.cluster.evict(workload, pod), answer);
    });
  }

  it('that RBAC forbids is told as that right', async () => {
    await using given = await clusterOf(({ path }, response) =>
      path.includes('selfsubjectaccessreviews')
        ? reply(response, 201, { status: { allowed: false } })
        : reply(response, 403, failure(403, 'User "x" cannot create resource')),
    );
    assert.deepEqual(await given.cluster.evict(workload, pod), {
      kind: 'forbidden',
      permission: { verb: 'create', resource: 'pods/eviction', namespace: 'shop' },
    });
    assert.partialDeepStrictEqual(given.server.seen.at(-1)?.body, {
      spec: { resourceAttributes: { subresource: 'eviction' } },
    });
  });
});

for (const [what, message, kind] of [
  ['a test that fails', 'the server rejected our request due to an error in our request', 'conflict'],
  ['a webhook', 'admission webhook "x.example.com" denied the request: no', 'denied'],
] as const) {
  it(`a Pod more than wanted that is not taken back because of ${what} is a ${kind} one`, async () => {
    const status = { kind: 'Status', status: 'Failure', reason: 'Invalid', message, details: {}, code: 422 };
    await using given = await clusterOf((_, response) => reply(response, 422, status));
    const answer = await given.cluster.scaleBack({ workload: { ...workload, record: 'x' }, replicas: 4, record: 'y' });
    assert.equal(answer.kind, kind);
  });
}

it('another number of replicas goes out with its record, and on condition of both', async () => {
  await using given = await clusterOf((_, response) => reply(response, 200, aDeployment('cart')));
  await given.cluster.rescale({ workload, replicas: 4, record: '{"at":"T"}' });
  const { uid, resourceVersion } = workload;
  assert.deepEqual(given.server.seen[0]?.body, {
    metadata: { uid, resourceVersion, annotations: { 'nightshift/last-restart': '{"at":"T"}' } },
    spec: { replicas: 4 },
  });
});
