import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { dataChangedAt, readConfigChanges, readsOf } from '../../src/kubernetes/config.ts';
import { NO_NEEDS } from '../build.ts';
import { absurd } from './absurd.ts';
import { fakeApiServer, reply, transportTo } from './fake-api-server.ts';
import { aList, aPod, type Json } from './objects.ts';

const NEEDS = { ...NO_NEEDS, config: true };
const ALL = { ...NEEDS, volumes: true, secrets: true };

const SPEC: Json = {
  initContainers: [
    { name: 'init', env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'by-init', key: 'a' } } }] },
  ],
  containers: [
    {
      name: 'app',
      env: [
        { name: 'PLAIN', value: '1' },
        { name: 'B', valueFrom: { configMapKeyRef: { name: 'by-env', key: 'b' } } },
        { name: 'C', valueFrom: { secretKeyRef: { name: 'by-env', key: 'c' } } },
      ],
      envFrom: [{ configMapRef: { name: 'by-env-from' } }, { secretRef: { name: 'by-env-from' } }],
      volumeMounts: [
        { name: 'file', mountPath: '/etc/file', subPath: 'a' },
        { name: 'folder', mountPath: '/etc/folder' },
        { name: 'secret-file', mountPath: '/etc/s', subPathExpr: '$(B)' },
        { name: 'kube-api-access-abcde', mountPath: '/var/run/secrets' },
      ],
    },
  ],
  volumes: [
    { name: 'file', configMap: { name: 'by-file' } },
    {
      name: 'folder',
      projected: { sources: [{ configMap: { name: 'by-folder' } }, { secret: { name: 'by-folder' } }] },
    },
    { name: 'secret-file', secret: { secretName: 'by-file' } },
    { name: 'kube-api-access-abcde', projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }] } },
  ],
};
const pod = aPod('cart', 'x', { spec: SPEC });

describe('what a Pod reads when it starts', () => {
  it('are the ConfigMaps of its variables and of the files that are mounted one by one', () => {
    assert.deepEqual(readsOf(pod, NEEDS), [
      'configmap/by-env',
      'configmap/by-env-from',
      'configmap/by-file',
      'configmap/by-init',
    ]);
  });

  it('are Secrets and folders, too, where these count, but never the token of its account', () => {
    const more = new Set(readsOf(pod, ALL)).difference(new Set(readsOf(pod, NEEDS)));
    assert.deepEqual(
      [...more],
      ['configmap/by-folder', 'secret/by-env', 'secret/by-env-from', 'secret/by-file', 'secret/by-folder'],
    );
  });

  it('is something, whatever the object', () => {
    fc.assert(fc.property(absurd(pod), object => void readsOf(object, ALL)));
  });
});

const entry = (time: string, fieldsV1: Json) => ({ manager: 'm', time, fieldsV1 });
const DATA = { 'f:data': { 'f:a': {} } };

describe('the data of a ConfigMap changed', () => {
  const changed = (metadata: Json) => new Date(dataChangedAt({ metadata })).toISOString().slice(0, 10);
  const creationTimestamp = '2026-11-01T00:00:00Z';

  it('when a manager of it wrote last, whoever wrote other fields since', () => {
    const managedFields = [
      entry('2026-11-02T00:00:00Z', DATA),
      entry('2026-11-03T00:00:00Z', { 'f:binaryData': { 'f:b': {} } }),
      entry('2026-11-04T00:00:00Z', { 'f:metadata': { 'f:labels': {} } }),
    ];
    assert.equal(changed({ creationTimestamp, managedFields }), '2026-11-03');
  });

  it('when it was created, as far as anybody knows', () => {
    assert.equal(changed({ creationTimestamp }), '2026-11-01');
    assert.equal(changed({ creationTimestamp, managedFields: [entry('never', DATA)] }), '2026-11-01');
  });

  it('some time, whatever the object', () => {
    fc.assert(fc.property(absurd(pod), object => assert.ok(Number.isFinite(dataChangedAt(object)))));
  });
});

it('only metadata is asked for, and Secrets only where they count', async () => {
  await using server = await fakeApiServer((_, response) =>
    reply(
      response,
      200,
      aList([{ metadata: { namespace: 'shop', name: 'a', creationTimestamp: '2026-11-01T00:00:00Z' } }]),
    ),
  );
  await using to = transportTo(server);
  assert.equal((await readConfigChanges(to.transport, '', NO_NEEDS)).size, 0);
  assert.equal(server.seen.length, 0);
  const at = Date.parse('2026-11-01T00:00:00Z');
  assert.deepEqual([...(await readConfigChanges(to.transport, '', NEEDS))], [['configmap/shop/a', at]]);
  assert.deepEqual(
    [...(await readConfigChanges(to.transport, 'shop', ALL)).keys()],
    ['configmap/shop/a', 'secret/shop/a'],
  );
  assert.deepEqual(
    server.seen.map(({ path }) => path),
    ['/api/v1/configmaps', '/api/v1/namespaces/shop/configmaps', '/api/v1/namespaces/shop/secrets'],
  );
  for (const { headers } of server.seen) assert.match(headers.accept ?? '', /as=PartialObjectMetadataList/);
});
