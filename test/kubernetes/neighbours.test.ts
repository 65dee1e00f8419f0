import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { NO_NEEDS } from '../build.ts';
import { Interner } from '../../src/kubernetes/interner.ts';
import { projectPod } from '../../src/kubernetes/pod-projection.ts';
import { aPod, type Json } from './objects.ts';

/**
 * All Pods of a cluster share one interner, and whoever has a namespace writes its Pods as they like. What is read of a
 * Pod must be the same whoever came before it.
 */

const NEEDS = { ...NO_NEEDS, shapes: true, config: true, volumes: true, secrets: true };
const VARIABLES = ['one', 'two'].map(name => ({ configMapRef: { name } }));
const SPEC = {
  containers: [{ name: 'app', image: 'app:1', env: [{ name: 'EMPTY', value: '' }], envFrom: VARIABLES }],
  volumes: [{ name: 'kube-api-access-ab1cd', projected: { sources: [] } }],
};
const owner = (name: string, uid: string) => [
  { apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid, controller: true },
];
const VICTIM = aPod('cart', 'cart-abc-1', {
  spec: SPEC,
  metadata: { ownerReferences: owner('cart-abc', 'uid-of-cart') },
});

/** The key under which the interner keeps the containers of the victim. */
const keyOf = ({ containers, volumes }: typeof SPEC): string =>
  createHash('sha256')
    .update(JSON.stringify({ containers, volumes }).replaceAll(/"kube-api-access-[a-z0-9]+"/g, 'TOKEN'))
    .digest('base64');

const hostile = (parts: { readonly spec?: Json; readonly metadata?: Json }) =>
  aPod('web', 'web-abc-1', { ...parts, metadata: { namespace: 'tenant', ...parts.metadata } });

describe('a Pod is read as it is, also after one of another namespace', () => {
  const neighbours = {
    'that claims its ReplicaSet under another name': hostile({
      metadata: { ownerReferences: owner('web-abc', 'uid-of-cart') },
    }),
    'that is annotated with what its containers are kept under': hostile({
      metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': keyOf(SPEC) } },
    }),
    'that reads a ConfigMap whose name is two': hostile({
      spec: {
        containers: [{ name: 'app', image: 'app:1', envFrom: [{ configMapRef: { name: 'one\nconfigmap/two' } }] }],
      },
    }),
    'that has a token volume where the other has nothing': hostile({
      spec: {
        ...SPEC,
        containers: [{ ...SPEC.containers[0], env: [{ name: 'EMPTY', value: 'kube-api-access-ab1cd' }] }],
      },
    }),
    'whose containers are called like what every object has': hostile({
      spec: {
        containers: ['__proto__', 'constructor', 'toString'].map(name => ({
          name,
          image: 'evil:1',
          env: [{ name, value: 'x' }],
        })),
      },
      metadata: {
        annotations: JSON.parse('{"__proto__":"x","constructor":"x"}'),
        labels: JSON.parse('{"__proto__":"x","pod-template-hash":"abc"}'),
      },
    }),
  };
  for (const [what, neighbour] of Object.entries(neighbours)) {
    it(what, () => {
      const interner = new Interner();
      projectPod(neighbour, interner, NEEDS);
      assert.deepEqual(projectPod(VICTIM, interner, NEEDS), projectPod(VICTIM, new Interner(), NEEDS));
      assert.equal(Object.getPrototypeOf({}), Object.prototype);
      assert.deepEqual(Object.keys(Object.prototype), []);
    });
  }
});
