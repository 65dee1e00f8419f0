import assert from 'node:assert/strict';
import { withoutChance } from '../../src/domain/chance.ts';
import { describe, test } from 'node:test';
import { injectionOf, lostSince, newestReplicaSet, type Admission } from '../../src/domain/drift.ts';
import type { Pod } from '../../src/domain/model.ts';
import { isSameWant, wantFor } from '../../src/domain/want.ts';
import { injectionCriteria } from '../../src/domain/policy.ts';
import { encodeContainers, encodeValues, type ContainerShape, type PodShape } from '../../src/domain/shape.ts';
import { aPod, aPolicy, BEGIN, SECOND } from '../build.ts';

type Containers = Readonly<Record<string, ContainerShape>>;

const shape = (containers: Containers, annotations: Readonly<Record<string, string>> = {}): PodShape => ({
  containers: encodeContainers(containers),
  annotations: encodeValues(annotations),
});

const APP: ContainerShape = {
  image: { '': 'app:1' },
  env: { LEVEL: '1' },
  resources: { '': 'r1' },
  other: { placement: 'a container' },
};
const proxy = (version: number, more: ContainerShape = {}): ContainerShape => ({
  image: { '': `proxy:${version}` },
  args: { args: 'a' },
  env: { MESH: 'm' },
  resources: { '': 'small' },
  mounts: { '/etc/istio': 'config' },
  other: { placement: 'a container' },
  ...more,
});
const TEMPLATE = shape({ app: APP });
const admitted = (pod: PodShape): Admission => ({ kind: 'admitted', template: TEMPLATE, pod });
const live = (...shapes: readonly PodShape[]): Pod[] => shapes.map(it => aPod({ shape: it }));
const criteria = (options: object = {}) => injectionCriteria(aPolicy({ stale: [{ injection: 'drift', ...options }] }));
const compare = (pods: readonly Pod[], admission: Admission, options: object = {}) =>
  injectionOf(pods, admission, criteria(options));
const detailOf = (...given: Parameters<typeof compare>): string => {
  const injection = compare(...given);
  return injection.kind === 'same' ? 'same' : `${injection.kind}: ${injection.detail}`;
};

const NOW = admitted(shape({ app: APP, proxy: proxy(2) }, { 'injector/status': 's2' }));
const FRESH = shape({ app: APP, proxy: proxy(2) }, { 'injector/status': 's2' });

describe('Pods that have what a new one would get are the same', () => {
  for (const [what, pod] of [
    ['to the letter', FRESH],
    [
      'but for annotations of others, such as a network plugin',
      shape({ app: APP, proxy: proxy(2) }, { 'injector/status': 's2', 'cni/ip': '10.0.0.1' }),
    ],
    [
      'but for resources of a container of the template, which an autoscaler sets',
      shape({ app: { ...APP, resources: { '': 'r9' } }, proxy: proxy(2) }, { 'injector/status': 's2' }),
    ],
    [
      'but for an image that somebody set on the Pod itself',
      shape({ app: { ...APP, image: { '': 'app:hotfix' } }, proxy: proxy(2) }, { 'injector/status': 's2' }),
    ],
  ] as const) {
    test(what, () => assert.equal(detailOf(live(pod), NOW), 'same'));
  }
});

describe('Pods have drifted when a new one would get', () => {
  const old = (container: ContainerShape, annotations = { 'injector/status': 's2' }) =>
    live(shape({ app: APP, proxy: container }, annotations));
  for (const [what, pods, detail] of [
    ['another image', old(proxy(1)), 'proxy runs proxy:1, a new Pod gets proxy:2'],
    ['other arguments', old(proxy(2, { args: { args: 'b' } })), 'proxy has another command (args)'],
    ['another value of a variable', old(proxy(2, { env: { MESH: 'n' } })), 'proxy has another environment (MESH)'],
    ['a variable more', old(proxy(2, { env: {} })), 'proxy has another environment (MESH)'],
    ['a variable less', old(proxy(2, { env: { MESH: 'm', OLD: 'x' } })), 'proxy has another environment (OLD)'],
    ['other resources', old(proxy(2, { resources: {} })), 'proxy has another resources'],
    [
      'something else mounted',
      old(proxy(2, { mounts: { '/etc/istio': 'x' } })),
      'proxy has another mount (/etc/istio)',
    ],
    [
      'another probe',
      old(proxy(2, { other: { placement: 'a container', readinessProbe: 'p' } })),
      'proxy has another setting (readinessProbe)',
    ],
    ['a native sidecar', old(proxy(1, { other: { placement: 'a native sidecar' } })), 'proxy would be a container'],
    ['another annotation', old(proxy(2), { 'injector/status': 's1' }), 'another annotation (injector/status)'],
    ['a sidecar at all', live(shape({ app: APP })), 'proxy is missing'],
  ] as const) {
    test(what, () => assert.equal(detailOf(pods, NOW).replace('drifted: ', '').split('; ')[0], detail));
  }

  test('a variable in a container of the template', () => {
    const now = admitted(shape({ app: { ...APP, env: { LEVEL: '1', INJECTED: '2' } } }));
    assert.equal(
      detailOf(live(shape({ app: { ...APP, env: { LEVEL: '1', INJECTED: '1' } } })), now),
      'drifted: app has another environment (INJECTED)',
    );
  });

  test('an image in a container of the template, when admission makes it', () => {
    const now = admitted(shape({ app: { ...APP, image: { '': 'app@sha256:2' } } }));
    assert.match(
      detailOf(live(shape({ app: { ...APP, image: { '': 'app@sha256:1' } } })), now),
      /app runs app@sha256:1/,
    );
  });

  test('and one such Pod is enough', () => {
    const [stale] = old(proxy(1));
    assert.ok(stale !== undefined);
    assert.equal(compare([...live(FRESH, FRESH), stale], NOW).kind, 'drifted');
  });
});

describe('nothing is known, and nothing restarted, when', () => {
  test('a new Pod would lack a container: its injector may be down', () => {
    const down = admitted(shape({ app: APP }));
    assert.match(detailOf(live(FRESH), down), /^unknown: a Pod created now would lack proxy, which its Pods have/);
  });

  test('one would lack a container that only one of the Pods has', () => {
    assert.equal(compare(live(shape({ app: APP }), FRESH), admitted(shape({ app: APP }))).kind, 'unknown');
  });

  test('admission would leave a container of the template alone, and made something of it before', () => {
    const pods = live(shape({ app: { ...APP, env: { LEVEL: '1', AGENT: 'a' } } }));
    const lack = /^unknown: a Pod created now would lack what was injected into app, which its Pods have/;
    for (const options of [{}, { containers: ['app'] }, { fields: ['image'] }]) {
      assert.match(detailOf(pods, admitted(TEMPLATE), options), lack);
    }
    assert.equal(compare(pods, admitted(TEMPLATE), { containers: ['proxy'] }).kind, 'unknown');
    assert.equal(compare(pods, admitted(TEMPLATE), { mayLack: ['app'] }).kind, 'drifted');
  });

  test('the Pod was refused', () => {
    const refused = { kind: 'refused', message: 'failed calling webhook' } as const;
    assert.equal(detailOf(live(FRESH), refused), 'unknown: a Pod cannot be tried: failed calling webhook');
  });
});

describe('of the options', () => {
  const old = live(shape({ app: APP, init: proxy(1), proxy: proxy(1) }, { 'injector/status': 's1' }));
  const now = admitted(shape({ app: APP, proxy: proxy(2) }, { 'injector/status': 's2' }));

  test('containers says whose drift counts, and leaves annotations out', () => {
    const given = (container: string) => ({ mayLack: ['init'], containers: [container] });
    assert.equal(detailOf(old, now, given('proxy')), 'drifted: proxy runs proxy:1, a new Pod gets proxy:2');
    assert.equal(detailOf(old, now, given('app')), 'same');
  });

  test('mayLack says what is meant to be gone, whichever containers count', () => {
    assert.equal(compare(old, now).kind, 'unknown');
    assert.equal(compare(old, now, { containers: ['proxy'] }).kind, 'unknown');
    assert.equal(compare(old, now, { mayLack: ['proxy'] }).kind, 'unknown');
    assert.equal(compare(old, now, { mayLack: ['init'] }).kind, 'drifted');
  });

  test('fields says which count, in every container', () => {
    const pods = live(shape({ app: { ...APP, resources: { '': 'r2' } }, proxy: proxy(1) }));
    assert.equal(detailOf(pods, NOW, { fields: ['resources'] }), 'drifted: app has another resources');
    assert.equal(detailOf(pods, NOW, { fields: ['args', 'env'] }), 'same');
    assert.equal(
      detailOf(old, now, { containers: ['proxy'], fields: ['annotations'], mayLack: ['init'] }),
      'drifted: another annotation (injector/status)',
    );
  });
});

describe('what Pods have lost since they were tried', () => {
  const bare = shape({ app: APP });
  const ofTemplate = shape({ app: { ...APP, env: { LEVEL: '1', AGENT: 'a' } } });
  for (const [what, tried, made, lost] of [
    ['is nothing when they got it', NOW, FRESH, []],
    ['is nothing when they got something newer', NOW, shape({ app: APP, proxy: proxy(3) }), []],
    ['is a container that they do not have', NOW, bare, ['proxy']],
    ['is what was put into a container of the template', admitted(ofTemplate), bare, ['what was injected into app']],
    ['is nothing where nothing was to be had', admitted(bare), bare, []],
    ['is not known where the trial was refused', { kind: 'refused', message: '' } as const, bare, []],
  ] as const) {
    test(what, () => assert.deepEqual(lostSince(tried, live(made), criteria()), lost));
  }
});

describe('chance', () => {
  const random = (value: string, name = 'NONCE') =>
    shape(
      { app: APP, proxy: proxy(2, { env: { MESH: 'm', [name]: value } }) },
      { 'injector/status': 's2', 'injector/at': value },
    );

  test('is what differs between two trials, and counts for nothing', () => {
    const once = admitted(random('1'));
    assert.equal(compare(live(random('0')), once).kind, 'drifted');
    assert.equal(compare(live(random('0')), withoutChance(once, admitted(random('2')))).kind, 'same');
  });

  test('does not hide what differs for a reason', () => {
    const both = withoutChance(admitted(random('1')), admitted(random('2')));
    const old = shape(
      { app: APP, proxy: proxy(1, { env: { MESH: 'm', NONCE: '0' } }) },
      { 'injector/status': 's2', 'injector/at': '0' },
    );
    assert.equal(detailOf(live(old), both), 'drifted: proxy runs proxy:1, a new Pod gets proxy:2');
  });

  test('that takes a container away leaves nothing known', () => {
    const both = withoutChance(NOW, admitted(shape({ app: APP })));
    assert.equal(compare(live(FRESH), both).kind, 'unknown');
  });

  test('a second trial that is refused is what is believed', () => {
    assert.equal(withoutChance(NOW, { kind: 'refused', message: 'no' }).kind, 'refused');
  });
});

describe('what is wanted of a workload', () => {
  const resolved = (admission: Admission) => wantFor('want', compare(live(FRESH), admission));

  test('is the same while a new Pod would get the same, and another one after an upgrade', () => {
    assert.equal(resolved(NOW), resolved(admitted(FRESH)));
    assert.notEqual(
      resolved(NOW),
      resolved(admitted(shape({ app: APP, proxy: proxy(3) }, { 'injector/status': 's2' }))),
    );
  });

  test('does not depend on the live Pods', () => {
    assert.equal(wantFor('want', compare([], NOW)), resolved(NOW));
  });

  test('is that of the criteria alone where nobody asks, or nobody knows', () => {
    assert.equal(wantFor('want', undefined), 'want');
    assert.equal(wantFor('want', { kind: 'unknown', detail: '' }), 'want');
  });

  for (const [recorded, now, same] of [
    ['a', 'a', true],
    ['a', 'b', false],
    ['a.1.1', 'a.1.2', true],
    ['a.1.1', 'a.2.1', false],
    ['a.1.1', 'a', true],
    ['b.1.1', 'a', false],
    ['a', 'a.1.1', true],
  ] as const) {
    test(`${recorded} then and ${now} now are ${same ? 'the same' : 'not the same'}`, () => {
      assert.equal(isSameWant(recorded, now), same);
    });
  }
});

test('the next Pod would be of the ReplicaSet of the newest', () => {
  const pods = [3, 1, 2].map(age =>
    aPod({ createdAt: BEGIN - age * SECOND, replicaSet: { name: `web-${age}`, uid: '' } }),
  );
  assert.equal(newestReplicaSet(pods).name, 'web-1');
});
