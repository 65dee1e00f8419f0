import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Interner } from '../../src/kubernetes/interner.ts';
import { isTerminal, projectPod, controlledBy } from '../../src/kubernetes/pod-projection.ts';
import { absurd } from './absurd.ts';
import type { Json, PodParts } from './objects.ts';
import { aPod } from './objects.ts';
import { NO_NEEDS } from '../build.ts';

const project = (parts: PodParts) => projectPod(aPod('cart', 'cart-abc-1', parts), new Interner(), NO_NEEDS);

describe('a Pod', () => {
  it('is what the API says, with init containers and containers', () => {
    const pod = project({
      metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'T' } },
      spec: {
        initContainers: [{ name: 'istio-proxy', image: 'proxy:1', restartPolicy: 'Always' }],
        containers: [{ name: 'app', image: 'app:1' }],
      },
    });
    assert.deepEqual(pod, {
      name: 'cart-abc-1',
      uid: '',
      ready: false,
      createdAt: Date.parse('2026-11-22T03:00:00Z'),
      restartedAt: 'T',
      terminating: false,
      images: [
        { container: 'istio-proxy', image: 'proxy:1', imageId: undefined },
        { container: 'app', image: 'app:1', imageId: undefined },
      ],
      replicaSet: { name: 'cart-abc', uid: '' },
      shape: undefined,
      reads: [],
      troubles: [],
    });
  });

  it('shares its list of images with the others of its template', () => {
    const interner = new Interner();
    const [a, b] = ['a', 'b'].map(name => projectPod(aPod('cart', name), interner, NO_NEEDS));
    assert.equal(a?.images, b?.images);
  });

  it('is terminating once somebody has asked to delete it', () => {
    assert.equal(project({ metadata: { deletionTimestamp: '2026-11-22T03:00:00Z' } }).terminating, true);
  });

  for (const [phase, terminal] of [
    ['Pending', false],
    ['Running', false],
    ['Unknown', false],
    ['Succeeded', true],
    ['Failed', true],
  ] as const) {
    it(`${terminal ? 'is' : 'is not'} terminal when it is ${phase}`, () => {
      assert.equal(isTerminal(aPod('cart', 'x', { status: { phase } })), terminal);
    });
  }
});

describe('the workload of a Pod', () => {
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'cart-abc', controller: true };
  const labels = { 'pod-template-hash': 'abc' };
  const ownedBy = (kind: string) => ({ ownerReferences: [{ ...owner, kind }], labels });
  const CART = { kind: 'Deployment', name: 'cart' };
  for (const [name, metadata, expected] of [
    ['the Deployment of its ReplicaSet, without the hash', { ownerReferences: [owner], labels }, CART],
    [
      'found among other owners',
      { ownerReferences: [{ ...owner, name: 'x', controller: false }, owner], labels },
      CART,
    ],
    ['unknown when the ReplicaSet was adopted', { ownerReferences: [{ ...owner, name: 'legacy' }], labels }, undefined],
    ['unknown without a hash', { ownerReferences: [owner], labels: {} }, undefined],
    [
      'unknown when the owner is no controller',
      { ownerReferences: [{ ...owner, controller: false }], labels },
      undefined,
    ],
    ['its StatefulSet', ownedBy('StatefulSet'), { kind: 'StatefulSet', name: 'cart-abc' }],
    ['its DaemonSet', ownedBy('DaemonSet'), { kind: 'DaemonSet', name: 'cart-abc' }],
    [
      'the Rollout of its ReplicaSet, by the label of its controller',
      { ownerReferences: [owner], labels: { 'rollouts-pod-template-hash': 'abc' } },
      { kind: 'Rollout', name: 'cart' },
    ],
    [
      'the Rollout, whatever else calls itself a hash',
      { ownerReferences: [owner], labels: { 'rollouts-pod-template-hash': 'abc', 'pod-template-hash': 'x' } },
      { kind: 'Rollout', name: 'cart' },
    ],
    [
      'unknown when the ReplicaSet of a Rollout has another name',
      { ownerReferences: [owner], labels: { 'rollouts-pod-template-hash': 'x' } },
      undefined,
    ],
    ['unknown for what claims to be of a Rollout', ownedBy('Rollout'), undefined],
    ['unknown for a Job', ownedBy('Job'), undefined],
    ['unknown for what claims to be of a Deployment', ownedBy('Deployment'), undefined],
    ['unknown for a bare Pod', { ownerReferences: undefined, labels }, undefined],
  ] as const) {
    it(`is ${name}`, () => {
      assert.deepEqual(controlledBy(aPod('cart', 'x', { metadata })), expected);
    });
  }
});

describe('the troubles of a Pod', () => {
  const waiting = (name: string, reason: string, more: Json = {}) => ({
    name,
    state: { waiting: { reason, message: `${reason} of ${name}` } },
    ...more,
  });
  const trouble = (container: string, reason: string, more: Json = {}) => ({
    kind: 'waiting',
    container,
    init: false,
    reason,
    message: `${reason} of ${container}`,
    exitCode: undefined,
    restarts: 0,
    ...more,
  });
  const unschedulable = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' };
  const crashed = { lastState: { terminated: { exitCode: 3 } } };
  const init = (name: string, state: Json) => ({ initContainerStatuses: [{ name, state }] });

  for (const [name, status, expected] of [
    [
      'none while containers are created',
      { containerStatuses: [waiting('app', 'ContainerCreating'), waiting('b', 'PodInitializing')] },
      [],
    ],
    ['none while it runs', { containerStatuses: [{ name: 'app', state: { running: {} } }] }, []],
    ['that no node takes it', { conditions: [unschedulable] }, [{ kind: 'unschedulable', message: '0/3 nodes' }]],
    ['none once a node has taken it', { conditions: [{ ...unschedulable, status: 'True' }] }, []],
    ['none while a scheduling gate holds it', { conditions: [{ ...unschedulable, reason: 'SchedulingGated' }] }, []],
    [
      'an image that cannot be pulled',
      { containerStatuses: [waiting('app', 'ImagePullBackOff')] },
      [trouble('app', 'ImagePullBackOff')],
    ],
    [
      'a crash loop with its exit code',
      { containerStatuses: [waiting('app', 'CrashLoopBackOff', crashed)] },
      [trouble('app', 'CrashLoopBackOff', { exitCode: 3 })],
    ],
    [
      'a failing init container between two tries',
      init('setup', { terminated: { exitCode: 2, message: 'no db' } }),
      [trouble('setup', 'Error', { init: true, exitCode: 2, message: 'no db' })],
    ],
    [
      'a container between two crashes, while it runs',
      { containerStatuses: [{ name: 'app', ready: false, restartCount: 2, state: { running: {} }, ...crashed }] },
      [trouble('app', 'Error', { exitCode: 3, message: '', restarts: 2 })],
    ],
    [
      'none of a container that crashed once and is ready',
      { containerStatuses: [{ name: 'app', ready: true, restartCount: 1, state: { running: {} }, ...crashed }] },
      [],
    ],
    ['none of an init container that is done', init('setup', { terminated: { exitCode: 0 } }), []],
    [
      'a crash loop of an init container',
      init('setup', { waiting: { reason: 'CrashLoopBackOff' } }),
      [trouble('setup', 'CrashLoopBackOff', { init: true, message: '' })],
    ],
    [
      'a native sidecar, which is no init container',
      init('istio-proxy', { waiting: { reason: 'ErrImagePull' } }),
      [trouble('istio-proxy', 'ErrImagePull', { message: '' })],
    ],
    [
      'all of them in the order in which containers start',
      {
        containerStatuses: [waiting('app', 'CreateContainerConfigError')],
        initContainerStatuses: [waiting('setup', 'CrashLoopBackOff')],
        conditions: [unschedulable],
      },
      [
        { kind: 'unschedulable', message: '0/3 nodes' },
        trouble('setup', 'CrashLoopBackOff', { init: true }),
        trouble('app', 'CreateContainerConfigError'),
      ],
    ],
  ] as const) {
    it(`are ${name}`, () => {
      const spec = { initContainers: [{ name: 'istio-proxy', restartPolicy: 'Always' }, { name: 'setup' }] };
      assert.deepEqual(project({ spec, status }).troubles, expected);
    });
  }
});

it('no absurd Pod makes a projection throw', () => {
  const status = {
    conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }],
    initContainerStatuses: [{ name: 'a', state: { terminated: { exitCode: 1 } } }],
    containerStatuses: [{ name: 'b', state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: {} }],
  };
  fc.assert(
    fc.property(absurd(aPod('cart', 'x', { status })), object => {
      const pod = projectPod(object, new Interner(), NO_NEEDS);
      assert.ok(Number.isFinite(pod.createdAt));
      assert.ok(pod.images.every(({ container, image }) => typeof container === 'string' && typeof image === 'string'));
      controlledBy(object);
      isTerminal(object);
    }),
  );
});

it('the image that a node says it runs is told for native sidecars, too', () => {
  const pod = project({
    spec: {
      initContainers: [{ name: 'proxy', image: 'proxy:1', restartPolicy: 'Always' }],
      containers: [{ name: 'app', image: 'app:1' }],
    },
    status: {
      initContainerStatuses: [{ name: 'proxy', imageID: 'proxy@sha256:1' }],
      containerStatuses: [{ name: 'app', imageID: '' }],
    },
  });
  assert.deepEqual(
    pod.images.map(({ imageId }) => imageId),
    ['proxy@sha256:1', undefined],
  );
});
