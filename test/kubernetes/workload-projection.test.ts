import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Interner } from '../../src/kubernetes/interner.ts';
import {
  projectNamespace,
  projectWorkload,
  selectorText,
  templateHash as hashOf,
  unpacked,
} from '../../src/kubernetes/workload-projection.ts';
import { absurd } from './absurd.ts';
import type { DeploymentParts } from './objects.ts';
import { aDeployment } from './objects.ts';

const project = (parts: DeploymentParts) => projectWorkload(aDeployment('cart', parts), 'Deployment', new Interner());
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';
const templateHash = (template: unknown): string => hashOf(template, 'Deployment');

describe('a workload', () => {
  it('is what the Deployment says', () => {
    const workload = project({
      metadata: {
        annotations: {
          'nightshift/priority': '10',
          'nightshift/last-restart': '{}',
          'deployment.kubernetes.io/revision': '12',
        },
      },
      template: { metadata: { annotations: { [RESTARTED_AT]: '2026-11-22T01:00:00Z' } } },
      status: {
        terminatingReplicas: 1,
        conditions: [
          { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable' },
          { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable', message: 'm', lastUpdateTime: 't' },
          { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' },
        ],
      },
    });
    const { podTemplate, ...others } = workload;
    assert.deepEqual(podTemplate && unpacked(podTemplate), {
      metadata: { annotations: { [RESTARTED_AT]: '2026-11-22T01:00:00Z' } },
      spec: { containers: [{ name: 'app', image: 'app:1' }] },
    });
    assert.deepEqual(others, {
      kind: 'Deployment',
      namespace: 'shop',
      name: 'cart',
      uid: 'uid-cart',
      resourceVersion: '7',
      generation: 3,
      labels: { app: 'cart' },
      optedOut: false,
      downtimeAllowed: false,
      way: undefined,
      priority: '10',
      record: '{}',
      owner: undefined,
      deleting: false,
      paused: false,
      replicas: 2,
      strategy: { kind: 'rollingUpdate', maxSurge: '25%', maxUnavailable: '25%' },
      selector: 'app=cart',
      restartedAt: '2026-11-22T01:00:00Z',
      template: workload.template,
      revision: 12,
      awaits: undefined,
      status: {
        observedGeneration: 3,
        replicas: 2,
        updatedReplicas: 2,
        availableReplicas: 2,
        terminatingReplicas: 1,
        progressing: { reason: 'NewReplicaSetAvailable', message: 'm', lastUpdateTime: 't' },
        replicaFailure: 'exceeded quota',
      },
    });
  });

  for (const [name, parts, expected] of [
    [
      'opted out by an annotation of its own',
      { metadata: { annotations: { 'nightshift/restart': 'never' } } },
      { optedOut: true },
    ],
    [
      'opted out by its Pod template',
      { template: { metadata: { annotations: { 'nightshift/restart': 'never' } } } },
      { optedOut: true },
    ],
    [
      'not opted out by another word',
      { metadata: { annotations: { 'nightshift/restart': 'Never' } } },
      { optedOut: false },
    ],
    ['being deleted', { metadata: { deletionTimestamp: '2026-11-22T03:00:00Z' } }, { deleting: true }],
    ['paused', { spec: { paused: true } }, { paused: true }],
    ['of one replica by default', { spec: { replicas: undefined } }, { replicas: 1 }],
    ['of zero replicas', { spec: { replicas: 0 } }, { replicas: 0 }],
    ['recreated', { spec: { strategy: { type: 'Recreate' } } }, { strategy: { kind: 'recreate' } }],
    [
      'rolled by counts',
      { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } } },
      { strategy: { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 1 } },
    ],
    [
      'rolled by default',
      { spec: { strategy: undefined } },
      { strategy: { kind: 'rollingUpdate', maxSurge: '25%', maxUnavailable: '25%' } },
    ],
    [
      'without a revision',
      { metadata: { annotations: { 'deployment.kubernetes.io/revision': 'x' } } },
      { revision: 0 },
    ],
  ] as const) {
    it(`is ${name}`, () => {
      assert.partialDeepStrictEqual(project(parts), expected);
    });
  }

  it('leaves open what an older API server does not serve, and counts nothing where it says nothing', () => {
    assert.deepEqual(projectWorkload({}, 'Deployment', new Interner()).status, {
      observedGeneration: 0,
      replicas: 0,
      updatedReplicas: 0,
      availableReplicas: 0,
      terminatingReplicas: undefined,
      progressing: undefined,
      replicaFailure: undefined,
    });
  });

  it('has no replica failure once the condition is false', () => {
    const conditions = [{ type: 'ReplicaFailure', status: 'False', message: 'old' }];
    assert.equal(project({ status: { conditions } }).status.replicaFailure, undefined);
  });
});

describe('the hash of a Pod template', () => {
  const template = (annotations?: unknown, image = 'app:1') => ({
    metadata: { labels: { a: '1', b: '2' }, ...(annotations === undefined ? {} : { annotations }) },
    spec: { containers: [{ name: 'app', image }] },
  });

  it('is eight hex digits', () => {
    assert.match(templateHash(template()), /^[0-9a-f]{8}$/);
  });

  for (const [name, same] of [
    ['restartedAt is set', template({ [RESTARTED_AT]: '2026-11-22T01:00:00Z' })],
    ['restartedAt is nonsense', template({ [RESTARTED_AT]: 1700000000 })],
    ['annotations are empty', template({})],
    ['annotations are null', { ...template(), metadata: { labels: { a: '1', b: '2' }, annotations: null } }],
    [
      'an older API server sends a null',
      { ...template(), metadata: { creationTimestamp: null, labels: { a: '1', b: '2' } } },
    ],
    ['keys come in another order', { spec: template().spec, metadata: { labels: { b: '2', a: '1' } } }],
  ] as const) {
    it(`stays the same when ${name}`, () => {
      assert.equal(templateHash(same), templateHash(template()));
    });
  }

  for (const [name, other] of [
    ['an image changes', template(undefined, 'app:2')],
    ['another annotation comes', template({ [RESTARTED_AT]: '2026-11-22T01:00:00Z', other: 'x' })],
    ['there is none', undefined],
  ] as const) {
    it(`changes when ${name}`, () => {
      assert.notEqual(templateHash(other), templateHash(template()));
    });
  }

  it('changes with the order of a list', () => {
    const containers = [{ name: 'a' }, { name: 'b' }];
    assert.notEqual(
      templateHash({ spec: { containers } }),
      templateHash({ spec: { containers: containers.toReversed() } }),
    );
  });
});

describe('a selector', () => {
  for (const [selector, expected] of [
    [{ matchLabels: { app: 'cart', tier: 'web' } }, 'app=cart,tier=web'],
    [{ matchExpressions: [{ key: 'tier', operator: 'In', values: ['web', 'api'] }] }, 'tier in (web,api)'],
    [{ matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['db'] }] }, 'tier notin (db)'],
    [{ matchExpressions: [{ key: 'tier', operator: 'Exists' }] }, 'tier'],
    [{ matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] }, '!tier'],
    [{ matchLabels: { app: 'x' }, matchExpressions: [{ key: 'y', operator: 'Exists' }] }, 'app=x,y'],
    [{ matchExpressions: [{ key: 'y', operator: 'Like' }] }, ''],
    [undefined, ''],
  ] as const) {
    it(`${JSON.stringify(selector)} is spelled "${expected}"`, () => {
      assert.equal(selectorText(selector), expected);
    });
  }
});

describe('a namespace', () => {
  for (const [name, object, expected] of [
    [
      'plain',
      { metadata: { name: 'shop', labels: { team: 'a' } } },
      { name: 'shop', labels: { team: 'a' }, optedOut: false, deleting: false },
    ],
    ['opted out', { metadata: { name: 'shop', annotations: { 'nightshift/restart': 'never' } } }, { optedOut: true }],
    ['being deleted', { metadata: { name: 'shop' }, status: { phase: 'Terminating' } }, { deleting: true }],
  ] as const) {
    it(`is ${name}`, () => {
      assert.partialDeepStrictEqual(projectNamespace(object, new Interner()), expected);
    });
  }
});

it('no absurd object makes a projection throw', () => {
  fc.assert(
    fc.property(absurd(aDeployment('cart')), object => {
      const workload = projectWorkload(object, 'Deployment', new Interner());
      assert.equal(typeof workload.name, 'string');
      assert.ok(Number.isFinite(workload.replicas) && Number.isFinite(workload.status.updatedReplicas));
      assert.ok(Object.values(workload.labels).every(value => typeof value === 'string'));
      projectNamespace(object, new Interner());
    }),
  );
});

it('a workload has the owner that is its controller, by kind and group', () => {
  const owners = (...ownerReferences: readonly object[]) => project({ metadata: { ownerReferences } }).owner;
  const kafka = { apiVersion: 'kafka.strimzi.io/v1beta2', kind: 'Kafka', name: 'events', controller: true };
  assert.deepEqual(owners({ ...kafka, controller: false }, kafka), { kind: 'Kafka.kafka.strimzi.io', name: 'events' });
  assert.deepEqual(owners({ ...kafka, apiVersion: 'v1', kind: 'Node' }), { kind: 'Node', name: 'events' });
  assert.equal(owners({ ...kafka, controller: undefined }), undefined);
  assert.deepEqual(owners({ controller: true }), { kind: '', name: '' });
});
