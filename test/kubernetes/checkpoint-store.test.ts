import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigMapCheckpoint } from '../../src/kubernetes/checkpoint-store.ts';
import { NotPermitted } from '../../src/ports.ts';
import type { Handler } from './fake-api-server.ts';
import { failure, fakeApiServer, reply, transportTo, meaningIt } from './fake-api-server.ts';

const stored = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'checkpoint', namespace: 'night', uid: 'u', resourceVersion: '7', labels: { helm: 'yes' } },
  data: { 'checkpoint.json': 'old', other: 'kept' },
  field: 'of a later version',
};

async function storeOf(handler: Handler) {
  const server = await fakeApiServer(handler);
  const to = transportTo(server);
  const options = { transport: to.transport, namespace: 'night', name: 'checkpoint', fieldManager: 'nightshift' };
  return {
    store: new ConfigMapCheckpoint(options),
    server,
    async [Symbol.asyncDispose]() {
      await to[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe('the checkpoint', () => {
  it('is known by namespace and name', async () => {
    await using given = await storeOf(() => {});
    assert.equal(given.store.identity, 'night/checkpoint');
  });

  for (const [name, code, body, expected] of [
    ['found', 200, stored, { kind: 'found', text: 'old', resourceVersion: '7' }],
    [
      'empty before the first run',
      200,
      { metadata: { resourceVersion: '1' } },
      { kind: 'found', text: undefined, resourceVersion: '1' },
    ],
    ['missing', 404, failure(404, 'not found'), { kind: 'missing' }],
  ] as const) {
    it(`is ${name}`, async () => {
      await using given = await storeOf((_, response) => reply(response, code, body));
      assert.deepEqual(await given.store.read(), expected);
      assert.equal(given.server.seen[0]?.path, '/api/v1/namespaces/night/configmaps/checkpoint');
    });
  }

  it('goes back as a whole, with one key and the version replaced', async () => {
    await using given = await storeOf(({ method }, response) =>
      reply(response, 200, method === 'GET' ? stored : { ...stored, metadata: { resourceVersion: '9' } }),
    );
    await given.store.read();
    assert.deepEqual(await given.store.write('new', '8'), { kind: 'saved', resourceVersion: '9' });
    const put = given.server.seen[1];
    assert.equal(put?.method, 'PUT');
    assert.deepEqual(put.query, { fieldManager: 'nightshift', timeout: '10s' });
    assert.deepEqual(put.body, {
      ...stored,
      metadata: { ...stored.metadata, resourceVersion: '8' },
      data: { 'checkpoint.json': 'new', other: 'kept' },
    });
    assert.deepEqual(await given.store.write('newer', '9'), { kind: 'saved', resourceVersion: '9' });
  });

  it('gets its first text into a ConfigMap without data', async () => {
    await using given = await storeOf((_, response) => reply(response, 200, { metadata: { resourceVersion: '1' } }));
    await given.store.read();
    await given.store.write('first', '1');
    assert.partialDeepStrictEqual(given.server.seen[1]?.body, { data: { 'checkpoint.json': 'first' } });
  });

  for (const [code, expected] of [
    [409, { kind: 'conflict' }],
    [404, { kind: 'missing' }],
    [429, { kind: 'unanswered', message: 'no (HTTP 429)', retryAfter: 2000 }],
    [500, { kind: 'unanswered', message: 'no (HTTP 500)', retryAfter: 2000 }],
    [422, { kind: 'unanswered', message: 'no (HTTP 422)', retryAfter: 2000 }],
  ] as const) {
    it(`whose save is answered with ${code} is ${expected.kind}, without a second attempt`, async () => {
      await using given = await storeOf(({ method }, response) =>
        method === 'GET'
          ? reply(response, 200, stored)
          : reply(response, code, failure(code, 'no'), { 'retry-after': '2' }),
      );
      await given.store.read();
      assert.deepEqual(await given.store.write('new', '7'), expected);
      assert.equal(given.server.seen.length, 2);
    });
  }

  it('that an API server refuses which knows no rights yet has no answer', async () => {
    await using given = await storeOf(({ method }, response) =>
      method === 'GET' ? reply(response, 200, stored) : reply(response, 403, failure(403, 'no')),
    );
    await given.store.read();
    assert.equal((await given.store.write('new', '7')).kind, 'unanswered');
  });

  it('that must not be saved names the missing right', async () => {
    await using given = await storeOf(
      meaningIt(({ method }, response) =>
        method === 'GET' ? reply(response, 200, stored) : reply(response, 403, failure(403, 'no')),
      ),
    );
    await given.store.read();
    await assert.rejects(given.store.write('new', '7'), (error: Error) => {
      assert.ok(error instanceof NotPermitted);
      assert.deepEqual(error.permission, { verb: 'update', resource: 'configmaps', namespace: 'night' });
      return true;
    });
  });
});

describe('the Pod of another run', () => {
  const pod = (status: unknown, uid = 'p-1') => ({ metadata: { name: 'p', uid }, status });
  const ended = { containerStatuses: [{ name: 'worker', state: { terminated: { exitCode: 137 } } }] };
  const beside = { containerStatuses: [...ended.containerStatuses, { name: 'nightshift', state: { running: {} } }] };
  for (const [name, code, body, expected] of [
    ['runs', 200, pod({ phase: 'Running', containerStatuses: [{ state: { running: {} } }] }), 'running'],
    ['has not begun', 200, pod({ phase: 'Pending' }), 'running'],
    ['has succeeded', 200, pod({ phase: 'Succeeded' }), 'terminated'],
    ['has failed', 200, pod({ phase: 'Failed' }), 'terminated'],
    ['lives longer than its container', 200, pod({ phase: 'Running', ...ended }), 'terminated'],
    ['runs beside a sidecar that has ended', 200, pod({ phase: 'Running', ...beside }), 'running'],
    ['is gone', 404, failure(404, 'not found'), 'vanished'],
    ['has a namesake', 200, pod({ phase: 'Running' }, 'p-2'), 'vanished'],
    ['may not be seen', 403, failure(403, 'no'), 'vanished'],
  ] as const) {
    it(`is ${expected} when it ${name}`, async () => {
      await using given = await storeOf(meaningIt((_, response) => reply(response, code, body)));
      assert.equal(await given.store.holder({ name: 'p', uid: 'p-1' }), expected);
      assert.equal(given.server.seen[0]?.path, '/api/v1/namespaces/night/pods/p');
    });
  }
});
