import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { KINDS, keyOf } from '../../src/domain/model.ts';
import { availabilityFloor } from '../../src/domain/rollout.ts';
import { Interner } from '../../src/kubernetes/interner.ts';
import { at } from '../../src/kubernetes/json.ts';
import { kindOf, podTemplateOf, resourceOf } from '../../src/kubernetes/kinds.ts';
import { projectPod } from '../../src/kubernetes/pod-projection.ts';
import { pathOf } from '../../src/kubernetes/resource.ts';
import { projectWorkload, unpacked } from '../../src/kubernetes/workload-projection.ts';
import { NO_NEEDS } from '../build.ts';
import { absurd } from './absurd.ts';
import { aDeployment, aPod, type DeploymentParts, type Json } from './objects.ts';

const aStatefulSet = ({ spec = {}, ...parts }: DeploymentParts = {}): Json =>
  aDeployment('db', { ...parts, spec: { strategy: undefined, ...spec } });

const aDaemonSet = (spec: Json = {}, status: Json = {}): Json => ({
  ...aStatefulSet({ spec: { replicas: undefined, ...spec } }),
  status: {
    observedGeneration: 3,
    desiredNumberScheduled: 10,
    currentNumberScheduled: 9,
    updatedNumberScheduled: 8,
    numberAvailable: 7,
    ...status,
  },
});

const rollingUpdate = (bounds: Json) => ({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: bounds } });

describe('a StatefulSet', () => {
  const project = (parts?: DeploymentParts) => projectWorkload(aStatefulSet(parts), 'StatefulSet', new Interner());

  it('replaces one Pod at a time, unless told otherwise', () => {
    assert.deepEqual(project().strategy, { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 1 });
    const two = project({ spec: rollingUpdate({ maxUnavailable: 2 }) });
    assert.deepEqual(two.strategy, { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 2 });
    // One at least, however small the share.
    assert.equal(availabilityFloor(3, project({ spec: rollingUpdate({ maxUnavailable: '10%' }) }).strategy), 2);
  });

  it('keeps Pods below a partition, and all of them with OnDelete', () => {
    assert.deepEqual(project({ spec: rollingUpdate({ partition: 2 }) }).strategy, {
      kind: 'partitioned',
      partition: 2,
    });
    assert.deepEqual(project({ spec: { updateStrategy: { type: 'OnDelete' } } }).strategy, { kind: 'onDelete' });
    assert.equal(project({ spec: rollingUpdate({ partition: 0 }) }).strategy.kind, 'rollingUpdate');
  });

  it('has no numbered templates: each generation may be another one', () => {
    assert.equal(project({ metadata: { generation: 12 } }).revision, 12);
    for (const generation of [-3, 1.5, 1e300]) assert.equal(project({ metadata: { generation } }).revision, 0);
  });

  it('has its claims as volumes in the Pods that it makes, in the place of volumes of the same name', () => {
    const claims = [{ metadata: { name: 'data' } }];
    const volumes = [
      { name: 'data', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
    ];
    const object = aStatefulSet({ spec: { volumeClaimTemplates: claims }, template: { spec: { volumes } } });
    const expected = [
      { name: 'tmp', emptyDir: {} },
      { name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } },
    ];
    assert.deepEqual(at(podTemplateOf(object, 'StatefulSet'), 'spec', 'volumes'), expected);
    const { podTemplate } = projectWorkload(object, 'StatefulSet', new Interner());
    assert.deepEqual(podTemplate && at(unpacked(podTemplate), 'spec', 'volumes'), expected);
  });

  it('has Pods of one shape, but for their names', () => {
    const shapeOf = (name: string) =>
      projectPod(
        aPod('db', name, {
          metadata: { ownerReferences: [{ kind: 'StatefulSet', name: 'db', uid: 'u', controller: true }] },
          spec: {
            containers: [{ name: 'app', image: 'app:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
            volumes: [{ name: 'data', persistentVolumeClaim: { claimName: `data-${name}` } }],
          },
        }),
        new Interner(),
        { ...NO_NEEDS, shapes: true },
      ).shape;
    assert.deepEqual(shapeOf('db-0'), shapeOf('db-12'));
  });
});

describe('a DaemonSet', () => {
  const project = (spec?: Json, status?: Json) =>
    projectWorkload(aDaemonSet(spec, status), 'DaemonSet', new Interner());

  it('has a Pod on each node that it is meant for', () => {
    const { replicas, status } = project();
    assert.equal(replicas, 10);
    assert.deepEqual(
      [status.replicas, status.updatedReplicas, status.availableReplicas, status.observedGeneration],
      [9, 8, 7, 3],
    );
    assert.equal(project({}, { desiredNumberScheduled: undefined }).replicas, 0);
  });

  it('leaves one node at a time without, unless told otherwise; shares of the nodes round up', () => {
    assert.deepEqual(project().strategy, { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 1 });
    assert.deepEqual(project(rollingUpdate({ maxUnavailable: '15%' })).strategy, {
      kind: 'rollingUpdate',
      maxSurge: 0,
      maxUnavailable: 2,
    });
    assert.deepEqual(project(rollingUpdate({ maxSurge: '1%', maxUnavailable: 0 })).strategy, {
      kind: 'rollingUpdate',
      maxSurge: 1,
      maxUnavailable: 0,
    });
    assert.deepEqual(project({ updateStrategy: { type: 'OnDelete' } }).strategy, { kind: 'onDelete' });
  });
});

describe('kinds', () => {
  it('are served where the API server has them', () => {
    const paths = KINDS.map(kind => pathOf({ verb: 'get', resource: resourceOf(kind), namespace: 'shop', name: 'x' }));
    assert.deepEqual(paths, [
      '/apis/apps/v1/namespaces/shop/deployments/x',
      '/apis/apps/v1/namespaces/shop/statefulsets/x',
      '/apis/apps/v1/namespaces/shop/daemonsets/x',
      '/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/x',
    ]);
    assert.deepEqual(KINDS.map(kindOf), [...KINDS]);
    assert.equal(kindOf('Job'), undefined);
  });

  it('tell namesakes apart', () => {
    const keys = KINDS.map(kind => keyOf({ kind, namespace: 'shop', name: 'x' }));
    assert.deepEqual(keys, ['shop/x', 'shop/x (StatefulSet)', 'shop/x (DaemonSet)', 'shop/x (Rollout)']);
  });

  it('are read from anything without an exception', () => {
    fc.assert(
      fc.property(absurd(aDaemonSet()), fc.constantFrom(...KINDS), (object, kind) => {
        const { replicas, status, strategy } = projectWorkload(object, kind, new Interner());
        assert.ok(Number.isFinite(replicas) && Number.isFinite(status.replicas));
        assert.ok(Number.isFinite(availabilityFloor(replicas, strategy)));
      }),
    );
  });
});
