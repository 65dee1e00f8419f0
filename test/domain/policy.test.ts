import assert from 'node:assert/strict';
import { wantOf } from '../../src/domain/want.ts';
import { test } from 'node:test';
import { parseCron } from '../../src/domain/cron.ts';
import {
  formatProblem,
  namespaceSelected,
  type Policy,
  parsePolicy,
  samePolicy,
  workloadSelected,
} from '../../src/domain/policy.ts';
import { FULL_POLICY, plus, SMALL_POLICY, swap } from './policy-build.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function policyOf(text: string): Policy {
  const parsed = parsePolicy(text);
  if (parsed.kind === 'valid') return parsed.policy;
  return assert.fail(parsed.problems.map(formatProblem).join('\n'));
}

const localTime = (year: number, month: number, day: number) => ({ year, month, day, hour: 0, minute: 0, second: 0 });

const DEFAULTS = {
  order: [],
  ready: [],
  restart: { way: 'auto', mayReplace: false },
  availability: { downtime: 'skip', unhealthy: 'skip' },
  batches: { sizes: [1, 5, 20], pause: MINUTE, inFlight: { workloads: 10, pods: 100, perNamespace: 3 } },
  rollout: { timeout: 10 * MINUTE, soak: 30 * SECOND },
  onFailure: { stopAfter: 1, resume: 'nextWindow', undo: false, retryAfter: 20 * HOUR },
} as const;

test('a policy that says everything becomes plain values', () => {
  assert.deepEqual(policyOf(FULL_POLICY), {
    windows: {
      timeZone: 'Europe/Berlin',
      allow: [{ name: 'weeknights', opens: parseCron('0 1 * * 1-5'), lasts: 4 * HOUR }],
      deny: [
        { kind: 'recurring', name: 'month-end', opens: parseCron('0 0 28 * *'), lasts: 3 * DAY },
        { kind: 'once', name: 'year-end freeze', from: localTime(2026, 12, 20), until: localTime(2027, 1, 6) },
      ],
    },
    select: {
      kinds: ['Deployment', 'DaemonSet'],
      namespaces: {
        include: ['team-*'],
        exclude: ['*-legacy'],
        labels: [{ kind: 'in', key: 'istio-injection', values: ['enabled'] }],
      },
      workloads: {
        labels: [{ kind: 'in', key: 'tier', values: ['api', 'web'] }],
        exclude: [{ namespace: 'shop', name: 'old-*' }],
        owners: ['Kafka.kafka.strimzi.io'],
      },
    },
    stale: [
      { kind: 'podOlderThan', age: 7 * DAY },
      {
        kind: 'containerImage',
        container: 'istio-proxy',
        imageNot: ['docker.io/istio/proxyv2:1.24.2', 'docker.io/istio/proxyv2:1.24.2-distroless'],
      },
      { kind: 'injection', containers: ['istio-proxy'], fields: ['args', 'image'], mayLack: ['istio-init'] },
      { kind: 'configChanged', volumes: false, secrets: true },
    ],
    ...DEFAULTS,
    order: [
      { kind: 'label', label: 'tier', values: ['web', 'api'] },
      { kind: 'namespaces', namespaces: ['team-a', 'team-*'] },
    ],
    ready: [{ deployment: { namespace: 'istio-system', name: 'istiod' } }],
  });
});

test('everything but windows.allow and stale has its documented default', () => {
  assert.deepEqual(policyOf(SMALL_POLICY), {
    windows: { timeZone: 'UTC', allow: [{ name: 'nights', opens: parseCron('0 1 * * *'), lasts: 4 * HOUR }], deny: [] },
    select: {
      kinds: ['Deployment'],
      namespaces: { include: ['*'], exclude: [], labels: [] },
      workloads: { labels: [], exclude: [], owners: [] },
    },
    stale: [{ kind: 'podOlderThan', age: 7 * DAY }],
    ...DEFAULTS,
  });
});

const AS_JSON = JSON.stringify({
  apiVersion: 'nightshift/v1alpha1',
  kind: 'RestartPolicy',
  windows: { allow: [{ name: 'end of month', opens: '0 1 28-31 * *', lasts: '1h' }] },
  stale: [{ podOlderThan: '1d' }],
});

const ACCEPTED: readonly (readonly [why: string, text: string])[] = [
  ['an opening as long as the gap to the next', swap('4h', '24h')],
  ['a deny without a gap', swap('stale:', '  deny: [{ name: x, opens: "0 0 * * *", lasts: 1d }]\nstale:')],
  ['no pause and no soak', plus('batches: { pause: 0s }', 'rollout: { soak: 0s }')],
  ['a soak a second shorter than the timeout', plus('rollout: { timeout: 31s }')],
  [
    'empty sections',
    plus('select: {}', 'batches: { inFlight: {} }', 'rollout: {}', 'onFailure: {}', 'availability: {}'),
  ],
  [
    'a minute of one freeze',
    swap('stale:', '  deny: [{ name: x, from: 2026-12-20T18:00, until: 2026-12-20T18:01 }]\nstale:'),
  ],
  ['a policy that is written as JSON', AS_JSON],
  ['an old name of a zone', swap('  allow', '  timeZone: Asia/Calcutta\n  allow')],
  ['a zone by its offset from Greenwich', swap('  allow', '  timeZone: Etc/GMT+2\n  allow')],
  [
    'a kube- Namespace by name',
    plus('select: { namespaces: { include: ["*", kube-system], exclude: [kube-public] } }'),
  ],
  [
    'two lists of images that share one',
    swap('podOlderThan: 7d', '{ container: p, imageNot: [a:1, a:2] }\n  - { container: p, imageNot: [a:2] }'),
  ],
  [
    'the same list for two containers',
    swap('podOlderThan: 7d', '{ container: p, imageNot: [a:1] }\n  - { container: q, imageNot: [a:2] }'),
  ],
  [
    'an image by digest',
    swap('podOlderThan: 7d', `{ container: p, imageNot: ["r.example:5000/a/b@sha256:${'0'.repeat(64)}"] }`),
  ],
  ['drift of any container', swap('podOlderThan: 7d', 'injection: drift')],
  ['a change of any configuration', swap('podOlderThan: 7d', 'configChanged: {}')],
  [
    'two lists of images that may share one',
    swap('podOlderThan: 7d', '{ container: p, imageNot: ["a:1.*"] }\n  - { container: p, imageNot: ["a:1.2", "a:2"] }'),
  ],
  ['an anchor that nobody uses', swap('podOlderThan: 7d', '&old podOlderThan: 7d')],
  ['an explicit end and Windows line ends', `---\n${SMALL_POLICY}...\n`.replaceAll('\n', '\r\n')],
  ['a byte order mark', `\uFEFF${SMALL_POLICY}`],
];

for (const [why, text] of ACCEPTED) {
  test(`${why} is accepted`, () => {
    policyOf(text);
  });
}

const NAMESPACES: readonly { select: string; yes?: readonly string[]; no?: readonly string[] }[] = [
  { select: '{}', yes: ['default', 'team-a'], no: ['kube-system', 'kube-public'] },
  { select: '{ include: [kube-system] }', yes: ['kube-system'], no: ['kube-public', 'default'] },
  { select: '{ include: ["*", kube-system] }', yes: ['kube-system', 'default', 'kubeflow'], no: ['kube-public'] },
  { select: '{ include: ["*-system"] }', yes: ['istio-system'], no: ['kube-system'] },
  { select: '{ include: [team-*], exclude: ["*-legacy"] }', yes: ['team-a'], no: ['team-a-legacy', 'a'] },
  { select: '{ include: [kube-system], exclude: [kube-*] }', no: ['kube-system'] },
  { select: '{ labels: mesh=on }', yes: ['on-1'], no: ['off-1', 'kube-on-1'] },
];

for (const { select, yes = [], no = [] } of NAMESPACES) {
  test(`namespaces: ${select} selects what it names`, () => {
    const policy = policyOf(plus(`select: { namespaces: ${select} }`));
    const selected = (name: string) =>
      namespaceSelected(policy, { name, labels: { mesh: name.includes('on-') ? 'on' : 'off' } });
    for (const name of yes) assert.equal(selected(name), true, name);
    for (const name of no) assert.equal(selected(name), false, name);
  });
}

test('workloads are selected by labels, without those that are excluded by Namespace and name', () => {
  const policy = policyOf(plus('select: { workloads: { labels: tier=web, exclude: [shop/old-*, "*-test/*"] } }'));
  const selected = (namespace: string, name: string, tier = 'web') =>
    workloadSelected(policy, { namespace, name, labels: { tier } });
  assert.equal(selected('shop', 'web'), true);
  assert.equal(selected('shop', 'web', 'api'), false);
  assert.equal(selected('shop', 'old-web'), false);
  assert.equal(selected('blog', 'old-web'), true);
  assert.equal(selected('shop-test', 'web'), false);
  assert.equal(selected('shop', 'test-web'), true);
});

const wantFor = (...criteria: readonly string[]): string =>
  wantOf(policyOf(swap('  - podOlderThan: 7d', criteria.map(criterion => `  - ${criterion}`).join('\n'))));

const PROXY = '{ container: istio-proxy, imageNot: ["p:1", "p:2"] }';

test('what is wanted has one hash however it is written', () => {
  assert.match(wantFor('podOlderThan: 7d'), /^[0-9a-f]{8}$/);
  assert.equal(wantFor('podOlderThan: 7d'), wantFor('podOlderThan: 168h'));
  assert.equal(wantFor('podOlderThan: 7d', PROXY), wantFor(PROXY, 'podOlderThan: 7d'));
  assert.equal(wantFor(PROXY), wantFor('{ imageNot: ["p:2", "p:1", "p:2"], container: istio-proxy }'));
  assert.equal(wantOf(policyOf(SMALL_POLICY)), wantOf(policyOf(plus('batches: { sizes: [2] }'))));
});

test('another want has another hash', () => {
  const wants = [
    wantFor('podOlderThan: 7d'),
    wantFor('podOlderThan: 8d'),
    wantFor(PROXY),
    wantFor(PROXY, 'podOlderThan: 7d'),
    wantFor(PROXY.replace('p:2', 'p:3')),
    wantFor(PROXY.replace('istio-proxy', 'linkerd-proxy')),
    wantFor('{ container: istio-proxy, imageNot: ["p:1"] }'),
  ];
  assert.equal(new Set(wants).size, wants.length);
});

test('the hash of a want outlives releases, because records carry it', () => {
  const { stale } = policyOf(FULL_POLICY);
  assert.equal(wantOf({ stale: stale.slice(0, 2) }), '6bf424d2');
  assert.equal(wantOf({ stale }), '8cd5da46');
});

test('policies are compared by what they say', () => {
  const small = policyOf(SMALL_POLICY);
  assert.equal(samePolicy(small, policyOf(`# with a comment\n${SMALL_POLICY}`)), true);
  assert.equal(samePolicy(small, policyOf(plus('rollout: { soak: 30s, timeout: 600s }'))), true);
  assert.equal(samePolicy(small, policyOf(plus('rollout: { soak: 31s }'))), false);
  assert.equal(samePolicy(small, policyOf(swap('0 1 * * *', '0 2 * * *'))), false);
});

test('kinds are those that are named, once each and always in the same order', () => {
  const kindsOf = (text: string) => policyOf(plus(`select: { kinds: [${text}] }`)).select.kinds;
  assert.deepEqual(kindsOf('DaemonSet, Deployment, DaemonSet'), ['Deployment', 'DaemonSet']);
  assert.deepEqual(kindsOf('StatefulSet'), ['StatefulSet']);
});
