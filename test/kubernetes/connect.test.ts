import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConnectOptions } from '../../src/kubernetes/connect.ts';
import { connect } from '../../src/kubernetes/connect.ts';
import { textAt } from '../../src/kubernetes/json.ts';
import type { FakeApiServer, Handler } from './fake-api-server.ts';
import { failure, fakeApiServer, kubeconfigFile, reply } from './fake-api-server.ts';
import { PatientClock } from './patient-clock.ts';

async function connected(handler: Handler, options: Partial<ConnectOptions> = {}) {
  const server: FakeApiServer = await fakeApiServer(handler);
  const kubeconfig = kubeconfigFile(server.folder, server.url);
  const kubernetes = connect({ kubeconfig, env: {}, clock: new PatientClock(), checkpoint: 'checkpoint', ...options });
  return {
    kubernetes,
    server,
    async [Symbol.asyncDispose]() {
      await kubernetes.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe('a connection', () => {
  it('sends nothing until it is asked to, and counts what it sends', async () => {
    await using given = await connected((_, response) => reply(response, 404, failure(404, 'not found')));
    assert.equal(given.server.seen.length, 0);
    assert.equal(given.kubernetes.server, `${given.server.url}/`);
    await given.kubernetes.checkpointStore.read();
    assert.deepEqual([...given.kubernetes.requests], [['get configmaps', 1]]);
  });

  it('keeps its checkpoint in the namespace of the context, unless told otherwise', async () => {
    await using given = await connected(() => {});
    assert.equal(given.kubernetes.namespace, 'night');
    assert.equal(given.kubernetes.checkpointStore.identity, 'night/checkpoint');
    await using other = await connected(() => {}, { namespace: 'day' });
    assert.equal(other.kubernetes.checkpointStore.identity, 'day/checkpoint');
  });

  it('reads a key of a ConfigMap, or says what is missing', async () => {
    await using given = await connected(({ path }, response) =>
      path.endsWith('/policy')
        ? reply(response, 200, { data: { 'policy.yaml': 'text' } })
        : reply(response, 404, failure(404, 'not found')),
    );
    const { readConfigMapKey } = given.kubernetes;
    assert.equal(await readConfigMapKey('night', 'policy', 'policy.yaml'), 'text');
    await assert.rejects(readConfigMapKey('night', 'policy', 'other'), {
      message: 'the ConfigMap night/policy has no key "other"',
    });
    await assert.rejects(readConfigMapKey('night', 'none', 'other'), { message: 'there is no ConfigMap night/none' });
  });
});

describe('an Event', () => {
  const event = {
    namespace: 'shop',
    regarding: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart', uid: 'u' },
    type: 'Warning',
    reason: 'RestartFailed',
    message: 'image cannot be pulled',
  } as const;

  it('is created about its object', async () => {
    await using given = await connected((_, response) => reply(response, 201, {}), { instance: 'pod-1' });
    assert.equal(await given.kubernetes.events.create(event), undefined);
    const [request] = given.server.seen;
    assert.equal(`${request?.method} ${request?.path}`, 'POST /api/v1/namespaces/shop/events');
    assert.deepEqual(request?.body, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace: 'shop', generateName: 'cart.' },
      involvedObject: { ...event.regarding, namespace: 'shop' },
      type: 'Warning',
      reason: 'RestartFailed',
      message: 'image cannot be pulled',
      source: { component: 'nightshift' },
      reportingComponent: 'nightshift',
      reportingInstance: 'pod-1',
      firstTimestamp: '2026-11-23T01:00:00Z',
      lastTimestamp: '2026-11-23T01:00:00Z',
      count: 1,
    });
  });

  it('that cannot be created is no exception, and not tried again', async () => {
    await using given = await connected((_, response) => reply(response, 500, failure(500, 'no')));
    assert.equal(await given.kubernetes.events.create(event), 'no (HTTP 500)');
    assert.equal(given.server.seen.length, 1);
  });

  it('is cut to what the API server takes', async () => {
    await using given = await connected((_, response) => reply(response, 201, {}));
    const regarding = { ...event.regarding, name: 'n'.repeat(253) };
    await given.kubernetes.events.create({ ...event, regarding, message: 'm'.repeat(5000) });
    const body = given.server.seen[0]?.body;
    assert.equal(textAt(body, 'message')?.length, 1024);
    assert.ok((textAt(body, 'metadata', 'generateName') ?? '').length + 5 <= 253);
  });
});
