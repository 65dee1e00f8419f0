import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { annotationsOf, containersOf } from '../../src/domain/shape.ts';
import { Interner } from '../../src/kubernetes/interner.ts';
import { projectShape } from '../../src/kubernetes/pod-shape.ts';
import { absurd } from './absurd.ts';
import { aPod, type Json } from './objects.ts';

const shapeOf = (spec: Json, metadata: Json = {}) =>
  projectShape(aPod('cart', 'x', { spec, metadata }), new Interner());
const CONTAINER = { name: 'app', image: 'app:1', env: [{ name: 'A', value: '1' }] };

describe('the shape of a Pod', () => {
  it('has for each container its image, and a digest for everything else', () => {
    const shape = shapeOf({
      initContainers: [
        { name: 'init', image: 'init:1' },
        { name: 'proxy', image: 'proxy:1', restartPolicy: 'Always' },
      ],
      containers: [
        { ...CONTAINER, command: ['run'], resources: { limits: { cpu: '1' } }, ports: [{ containerPort: 80 }] },
      ],
    });
    const containers = containersOf(shape);
    assert.deepEqual([...containers.keys()], ['init', 'proxy', 'app']);
    assert.deepEqual(
      [...containers.values()].map(({ image, other }) => [image?.[''], other?.['placement']]),
      [
        ['init:1', 'an init container'],
        ['proxy:1', 'a native sidecar'],
        ['app:1', 'a container'],
      ],
    );
    const { args, env, resources, other } = containers.get('app') ?? {};
    assert.deepEqual(
      [args, env, resources, other].map(values => Object.keys(values ?? {})),
      [['command'], ['A'], [''], ['ports', 'placement']],
    );
  });

  it('has no value of a variable or an annotation in it', () => {
    const env = [{ name: 'PASSWORD', value: 'TOP-SECRET' }];
    const shape = shapeOf(
      { containers: [{ ...CONTAINER, env, args: ['TOP-SECRET'] }] },
      { annotations: { a: 'TOP-SECRET' } },
    );
    assert.doesNotMatch(JSON.stringify(shape), /TOP-SECRET/);
    assert.deepEqual(Object.keys(annotationsOf(shape)), ['a']);
  });

  it('is the same whatever the token volume is called, and whether it is there', () => {
    const spec = (name: string) => ({
      volumes: [{ name, projected: { sources: [] } }],
      containers: [
        { ...CONTAINER, volumeMounts: [{ name, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }] },
      ],
    });
    const plain = shapeOf({ containers: [CONTAINER] });
    assert.deepEqual(shapeOf(spec('kube-api-access-ab1cd')), shapeOf(spec('kube-api-access-x9z8y')));
    assert.deepEqual(shapeOf(spec('kube-api-access-ab1cd')).containers, plain.containers);
  });

  it('tells volumes apart by what they are, not by their names', () => {
    const spec = (name: string, configMap: string) => ({
      volumes: [{ name, configMap: { name: configMap } }],
      containers: [{ ...CONTAINER, volumeMounts: [{ name, mountPath: '/etc/x' }] }],
    });
    assert.deepEqual(shapeOf(spec('a', 'one')), shapeOf(spec('b', 'one')));
    assert.notDeepEqual(shapeOf(spec('a', 'one')), shapeOf(spec('a', 'two')));
  });

  it('does not depend on the order of keys, nor on what is empty', () => {
    const one = shapeOf({ containers: [{ ...CONTAINER, resources: {}, args: [] }] });
    const { name, ...rest } = CONTAINER;
    assert.deepEqual(one, shapeOf({ containers: [{ ...rest, name, resources: null }] }));
  });

  it('is shared by the Pods of one template', () => {
    const interner = new Interner();
    const [a, b] = ['a', 'b'].map(name => projectShape(aPod('cart', name), interner));
    assert.equal(a?.containers, b?.containers);
  });

  it('is something, whatever the object', () => {
    fc.assert(fc.property(absurd(aPod('cart')), object => void projectShape(object, new Interner())));
  });

  it('is something, whatever its ReplicaSet is called: anybody may name an owner', () => {
    const pod = aPod('cart', 'x', {
      spec: { containers: [CONTAINER], hostNetwork: true, terminationGracePeriodSeconds: 1 },
    });
    const name = fc.oneof(fc.constantFrom('"', '{', ',', ':', '\\', '1', 'true', 'null', 'e'), fc.string());
    fc.assert(
      fc.property(name, name, (...[called, uid]) => {
        assert.deepEqual([...containersOf(projectShape(pod, new Interner(), [called, uid])).keys()], ['app']);
      }),
    );
  });
});

it('a ReplicaSet that admission writes into a Pod is the same one after a restart', () => {
  const shapeIn = (name: string, uid: string) => {
    const env = [{ name: 'OWNER', value: `k8s.replicaset.name=${name},uid=${uid}` }];
    const pod = aPod('cart', 'x', {
      spec: { containers: [{ ...CONTAINER, env }] },
      metadata: { annotations: { 'injector/owner': name } },
    });
    return projectShape(pod, new Interner(), [name, uid]);
  };
  assert.deepEqual(shapeIn('cart-abc', 'uid-1'), shapeIn('cart-xyz', 'uid-2'));
});
