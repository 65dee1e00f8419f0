import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutChance } from '../../src/domain/chance.ts';
import { injectionOf, type Admission } from '../../src/domain/drift.ts';
import { keyOf, type Pod } from '../../src/domain/model.ts';
import { injectionCriteria } from '../../src/domain/policy.ts';
import { encodeContainers, encodeValues, type ContainerShape, type PodShape } from '../../src/domain/shape.ts';
import { judge } from '../../src/domain/verdict.ts';
import { wantOf } from '../../src/domain/want.ts';
import { DRIFTED } from '../admissions.ts';
import { aBench, aJudged, aPod, aPolicy, aStart, aWorkload, somePods } from '../build.ts';

/** What is no drift, and what is not known to be one: found by looking at what injectors and autoscalers really do. */

type Containers = Readonly<Record<string, ContainerShape>>;
const shape = (containers: Containers, annotations: Readonly<Record<string, string>> = {}): PodShape => ({
  containers: encodeContainers(containers),
  annotations: encodeValues(annotations),
});
const APP: ContainerShape = { image: { '': 'app:1' }, env: { LEVEL: '1' }, other: { placement: 'a container' } };
const sidecar = (image: string, placement = 'a container'): ContainerShape => ({
  image: { '': image },
  other: { placement },
});
const admitted = (pod: PodShape, template = shape({ app: APP })): Admission => ({ kind: 'admitted', template, pod });
const live = (...shapes: readonly PodShape[]): Pod[] => shapes.map(it => aPod({ shape: it }));
const criteria = (options: object = {}) => injectionCriteria(aPolicy({ stale: [{ injection: 'drift', ...options }] }));

test('a restart for one sidecar does not strip Pods of another one, whose injector is down', () => {
  // containers: [istio-proxy]; vault-agent (failurePolicy Ignore) would be lost with the restart.
  const pods = live(shape({ app: APP, 'istio-proxy': sidecar('proxy:1'), 'vault-agent': sidecar('vault:1') }));
  const now = admitted(shape({ app: APP, 'istio-proxy': sidecar('proxy:2') }));
  assert.equal(injectionOf(pods, now, criteria({ containers: ['istio-proxy'] })).kind, 'unknown');
});

test('what one of two injectors put into a container of the template and would not put there now is unknown, not drift', () => {
  // A digest or proxy-variables webhook is there; eks-pod-identity-webhook (failurePolicy Ignore) is down.
  const made = (env: Record<string, string>, mounts: Record<string, string>): PodShape =>
    shape({ app: { ...APP, env: { LEVEL: '1', ...env }, mounts } });
  const pods = live(made({ HTTP_PROXY: 'p', AWS_ROLE_ARN: 'a' }, { '/var/run/secrets/eks.amazonaws.com': 't' }));
  assert.equal(injectionOf(pods, admitted(made({ HTTP_PROXY: 'p' }, {})), criteria()).kind, 'unknown');
});

test('where two trials differ in whether it is a native sidecar, that is chance and no drift', () => {
  // Two replicas of an injector in the middle of its own upgrade.
  const one = admitted(shape({ app: APP, proxy: sidecar('proxy:1') }));
  const other = admitted(shape({ app: APP, proxy: sidecar('proxy:1', 'a native sidecar') }));
  const injection = injectionOf(
    live(shape({ app: APP, proxy: sidecar('proxy:1') })),
    withoutChance(one, other),
    criteria(),
  );
  assert.equal(injection.kind, 'same', injection.detail);
});

test('a LimitRange that came since is no injector: it sets resources, which do not count', () => {
  const now = admitted(
    shape(
      { app: { ...APP, resources: { '': 'set' } } },
      { 'kubernetes.io/limit-ranger': 'LimitRanger plugin set: cpu request for container app' },
    ),
  );
  const injection = injectionOf(live(shape({ app: APP })), now, criteria());
  assert.equal(injection.kind, 'same', injection.detail);
});

test('a VerticalPodAutoscaler that came since, or that caps something now, is no injector either', () => {
  const now = admitted(
    shape(
      { app: { ...APP, resources: { '': 'set' } } },
      { vpaUpdates: 'cpu request; cpu capped to maxAllowed', vpaObservedContainers: 'app' },
    ),
  );
  const injection = injectionOf(
    live(shape({ app: APP }, { vpaUpdates: 'cpu request', vpaObservedContainers: 'app' })),
    now,
    criteria(),
  );
  assert.equal(injection.kind, 'same', injection.detail);
});

test('an ineffective restart is forgotten when the injector gives something else, also after somebody restarted it by hand', () => {
  const policy = aPolicy({ stale: [{ injection: 'drift' }] });
  const want = wantOf(policy);
  // kubectl rollout restart: another restartedAt stands there, so that the record is not in force any more.
  const workload = aWorkload({ restartedAt: '2026-11-24T00:30:00Z', revision: 6 });
  const past = new Map([[keyOf(workload), aStart({ outcome: 'ineffective', at: '2026-10-01T01:00:00Z' })]]);
  const verdict = judge(
    aJudged({
      workload,
      pods: somePods(3),
      injection: { ...DRIFTED, resolved: { containers: 'entirely new', settings: '' } },
    }),
    aBench({ policy, want, past }),
  );
  assert.equal(verdict.kind, 'restart', JSON.stringify('why' in verdict ? verdict.why : ''));
});
