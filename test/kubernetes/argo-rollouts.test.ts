import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { availabilityFloor, surgeOf } from '../../src/domain/rollout.ts';
import { Interner } from '../../src/kubernetes/interner.ts';
import { podTemplateOf } from '../../src/kubernetes/kinds.ts';
import { restartBody } from '../../src/kubernetes/patch.ts';
import { projectWorkload } from '../../src/kubernetes/workload-projection.ts';
import { aDeployment, type DeploymentParts, type Json } from './objects.ts';

const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';
const T = '2026-11-24T01:05:00Z';

const HEALTHY = {
  phase: 'Healthy',
  observedGeneration: '3',
  currentPodHash: 'abc',
  stableRS: 'abc',
  replicas: 3,
  updatedReplicas: 3,
  availableReplicas: 3,
};

/** As its controller leaves it when all is well. */
function aRollout({ spec = {}, status = {}, ...parts }: DeploymentParts = {}): Json {
  const canary = { replicas: 3, strategy: { canary: {} }, ...spec };
  return aDeployment('shop', { ...parts, spec: canary, status: { ...HEALTHY, ...status } });
}

const project = (parts?: DeploymentParts) => projectWorkload(aRollout(parts), 'Rollout', new Interner());

describe('a Rollout', () => {
  it('carries T in spec.restartAt, and its template stays what it is', () => {
    const [before, after] = [project(), project({ spec: { restartAt: T } })];
    assert.deepEqual([before.restartedAt, after.restartedAt], [undefined, T]);
    assert.equal(after.template, before.template);
    assert.deepEqual(restartBody({ workload: before, at: T, record: '{}' }), {
      metadata: { uid: 'uid-shop', resourceVersion: '7', annotations: { 'nightshift/last-restart': '{}' } },
      spec: { restartAt: T },
    });
  });

  it('is rolled by the annotation of kubectl, which therefore is a change of its template', () => {
    const annotated = project({ template: { metadata: { annotations: { [RESTARTED_AT]: T } } } });
    const other = project({ template: { metadata: { annotations: { [RESTARTED_AT]: '2026-11-25T01:05:00Z' } } } });
    assert.equal(annotated.restartedAt, undefined);
    assert.notEqual(annotated.template, other.template);
  });

  it('counts as its status says, where the generation is a text', () => {
    assert.deepEqual(project().status, {
      observedGeneration: 3,
      replicas: 3,
      updatedReplicas: 3,
      availableReplicas: 3,
      terminatingReplicas: undefined,
      progressing: undefined,
      replicaFailure: undefined,
    });
    for (const observedGeneration of [undefined, 3, '', '7fbd8c', '-1', '9'.repeat(40)]) {
      assert.equal(project({ status: { observedGeneration } }).status.observedGeneration, 0);
    }
  });

  it('tells of progress and of failures in conditions, as a Deployment does', () => {
    const conditions = [
      { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: 'm', lastUpdateTime: 't' },
      { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' },
    ];
    const { progressing, replicaFailure } = project({ status: { conditions } }).status;
    assert.deepEqual(progressing, { reason: 'ProgressDeadlineExceeded', message: 'm', lastUpdateTime: 't' });
    assert.equal(replicaFailure, 'exceeded quota');
  });

  it('has no numbered restarts: each generation may be one', () => {
    const annotations = { 'rollout.argoproj.io/revision': '2' };
    assert.equal(project({ metadata: { annotations, generation: 12 } }).revision, 12);
  });

  // argo-rollouts rollout/restart.go: max(maxUnavailable, 1), where shares round down.
  for (const { replicas, strategy, floor } of [
    { replicas: 1, strategy: { canary: {} }, floor: 0 },
    { replicas: 2, strategy: { canary: {} }, floor: 1 },
    { replicas: 3, strategy: { canary: { maxUnavailable: 0, maxSurge: 1 } }, floor: 2 },
    { replicas: 3, strategy: { canary: { maxUnavailable: 2 } }, floor: 1 },
    { replicas: 4, strategy: { canary: { maxUnavailable: 9 } }, floor: 0 },
    { replicas: 7, strategy: { canary: {} }, floor: 6 },
    { replicas: 8, strategy: { canary: {} }, floor: 6 },
    { replicas: 8, strategy: { canary: { maxUnavailable: '50%' } }, floor: 4 },
    { replicas: 8, strategy: { canary: { maxUnavailable: '50' } }, floor: 4 },
    { replicas: 8, strategy: { canary: { maxUnavailable: 'half' } }, floor: 7 },
    { replicas: 8, strategy: { blueGreen: { activeService: 'a' } }, floor: 6 },
    { replicas: 8, strategy: { blueGreen: { activeService: 'a', maxUnavailable: 3 } }, floor: 5 },
    { replicas: 8, strategy: undefined, floor: 6 },
  ]) {
    it(`of ${replicas} keeps ${floor} available with ${JSON.stringify(strategy)}, and adds none`, () => {
      const workload = project({ spec: { replicas, strategy } });
      assert.equal(availabilityFloor(workload.replicas, workload.strategy), floor);
      assert.equal(surgeOf(workload), 0);
    });
  }

  it('may have its template elsewhere', () => {
    const workloadRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'base' };
    const { strategy } = project({ spec: { workloadRef, template: undefined, selector: undefined } });
    assert.deepEqual(strategy, { kind: 'templateElsewhere', of: 'Deployment base' });
    assert.equal(project({ spec: { workloadRef: null } }).strategy.kind, 'rollingUpdate');
  });

  it('puts metadata of its own on the Pods that serve', () => {
    const lasting = { labels: { role: 'stable' }, annotations: { note: 'x' } };
    const template = { metadata: { labels: { app: 'shop' } }, spec: { containers: [] } };
    for (const strategy of [
      { canary: { stableMetadata: lasting, canaryMetadata: { labels: { role: 'canary' } } } },
      { blueGreen: { activeMetadata: lasting, previewMetadata: { labels: { role: 'preview' } } } },
    ]) {
      assert.deepEqual(podTemplateOf(aRollout({ spec: { strategy }, template }), 'Rollout'), {
        metadata: { labels: { app: 'shop', role: 'stable' }, annotations: { note: 'x' } },
        spec: { containers: [] },
      });
    }
    assert.deepEqual(podTemplateOf(aRollout({ template }), 'Rollout'), template);
  });
});

describe('what a Rollout awaits', () => {
  const steps = [{ setWeight: 34 }, { pause: {} }, { setWeight: 67 }];
  const canary = { strategy: { canary: { steps } } };
  const blueGreen = { strategy: { blueGreen: { activeService: 'a' } } };
  const active = { blueGreen: { activeSelector: 'abc' } };
  const of = (parts: DeploymentParts) => project(parts).awaits;

  for (const { because, awaits, ...parts } of [
    { because: 'is nothing when it is healthy', awaits: undefined },
    { because: 'is nothing when it was restarted', spec: { restartAt: T }, status: { restartedAt: T } },
    {
      because: 'is nothing when it was restarted by a time in another zone',
      spec: { restartAt: '2026-11-24T02:05:00+01:00' },
      status: { restartedAt: T },
    },
    {
      because: 'is nothing for Pods that are unavailable: the counters tell',
      status: { phase: 'Progressing', message: 'updated replicas are still becoming available', availableReplicas: 2 },
    },
    {
      because: 'is nothing for Pods that are missing: the counters tell',
      status: { phase: 'Progressing', message: 'more replicas need to be updated', updatedReplicas: 2 },
    },
    {
      because: 'is nothing for Pods to be removed: the counters tell',
      status: { phase: 'Progressing', message: 'old replicas are pending termination', replicas: 5 },
    },
    { because: 'is nothing when blue is active and healthy', spec: blueGreen, status: active },
    {
      because: 'is its restart, while its controller has not brought it to an end',
      spec: { restartAt: T },
      status: { phase: 'Progressing', message: 'rollout is restarting' },
      awaits: `its restart of ${T} is under way`,
    },
    {
      because: 'is its restart, too, when another one ended before',
      spec: { restartAt: T },
      status: { restartedAt: '2026-11-01T01:00:00Z' },
      awaits: `its restart of ${T} is under way`,
    },
    {
      because: 'is somebody, when its update was aborted',
      status: { abort: true, phase: 'Degraded', message: 'RolloutAborted: no', stableRS: 'old', updatedReplicas: 0 },
      awaits: 'its update was aborted: RolloutAborted: no',
    },
    {
      because: 'is somebody, when its canary is paused at a step',
      spec: canary,
      status: {
        phase: 'Paused',
        message: 'CanaryPauseStep',
        stableRS: 'old',
        currentStepIndex: 1,
        pauseConditions: [{ reason: 'CanaryPauseStep', startTime: T }],
      },
      awaits: 'its canary update (step 2 of 3) is paused: CanaryPauseStep',
    },
    {
      because: 'is the end of its canary, when that goes on by itself',
      spec: canary,
      status: {
        phase: 'Progressing',
        message: 'more replicas need to be updated',
        stableRS: 'old',
        currentStepIndex: 3,
      },
      awaits: 'its canary update (step 3 of 3) is under way: more replicas need to be updated',
    },
    {
      because: 'is the end of a canary without steps',
      status: { phase: 'Progressing', message: 'waiting for all steps to complete', stableRS: 'old' },
      awaits: 'its canary update is under way: waiting for all steps to complete',
    },
    {
      because: 'is the first time that it is stable',
      status: { phase: 'Progressing', message: 'more replicas need to be updated', stableRS: undefined },
      awaits: 'its canary update is under way: more replicas need to be updated',
    },
    {
      because: 'is somebody, when green waits to be promoted',
      spec: blueGreen,
      status: {
        ...active,
        phase: 'Paused',
        message: 'BlueGreenPause',
        currentPodHash: 'new',
        pauseConditions: [{ reason: 'BlueGreenPause', startTime: T }],
      },
      awaits: 'its blue-green update is paused: BlueGreenPause',
    },
    {
      because: 'is the switch to green',
      spec: blueGreen,
      status: { blueGreen: { activeSelector: 'old' }, phase: 'Progressing', message: 'active service cutover pending' },
      awaits: 'its blue-green update is under way: active service cutover pending',
    },
    {
      because: 'is a spec that can be carried out',
      status: { phase: 'Degraded', conditions: [{ type: 'InvalidSpec', status: 'True', message: 'no such Service' }] },
      awaits: 'Argo Rollouts does not take its spec: no such Service',
    },
    {
      because: 'is what its controller says, where all else is well',
      status: { phase: 'Degraded', message: 'ProgressDeadlineExceeded: m' },
      awaits: 'it is Degraded: ProgressDeadlineExceeded: m',
    },
    {
      because: 'is a controller that tells a phase',
      status: { phase: undefined },
      awaits: 'it is without a phase: ',
    },
  ] as readonly (DeploymentParts & { readonly because: string; readonly awaits?: string | undefined })[]) {
    it(because, () => assert.equal(of(parts), awaits));
  }
});
