import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makePlan } from '../../src/domain/plan.ts';
import type { Verdict } from '../../src/domain/verdict.ts';
import type { Preview } from '../../src/preview.ts';
import { planJson, planText } from '../../src/terminal/plan-view.ts';
import { aLeave, anAutoscaler, anInFlight, aRestart, BEGIN, HOUR, NOW, OCCURRENCE, RUN, SWEEP, T } from '../build.ts';

const VERDICTS: readonly Verdict[] = [
  aRestart({ name: 'web', replicas: 3 }),
  aRestart({ name: 'api', replicas: 12 }),
  aRestart({ name: 'old', failedBefore: true }),
  anInFlight({ name: 'flying' }),
  aLeave('paused', { name: 'stopped' }),
  aLeave('fresh', { name: 'new' }),
  aLeave('notSelected', { name: 'other' }),
];

type PlanPreview = Preview & { readonly kind: 'plan' };

const aPreview = (verdicts = VERDICTS, given: Partial<PlanPreview> = {}): PlanPreview => ({
  kind: 'plan',
  window: { kind: 'open', occurrence: OCCURRENCE, closesAt: BEGIN + 4 * HOUR },
  plan: makePlan(verdicts, { sizes: [1, 5], place: 0, probing: false }),
  sweep: SWEEP,
  stop: undefined,
  unready: undefined,
  unseen: [],
  missing: undefined,
  unserved: [],
  strangers: [],
  skipped: [],
  ...given,
});

describe('the plan for people', () => {
  test('says what is restarted in which batch, what is awaited, and what is left and why', () => {
    assert.equal(
      planText(aPreview(), NOW),
      `Window nights is open since 2026-11-24T01:00:00Z, closes 2026-11-24T05:00:00Z.

In flight from an earlier run, awaited first:
WORKLOAD      RESTARTED AT           RUN
shop/flying   ${T}   ${RUN}

3 restarts in 2 batches (1, 2):

BATCH   NAMESPACE   NAME   REPLICAS   PLACED BY       WHY         DETAIL
1       shop        api    12         age             podTooOld   old
2       shop        web    3          age             podTooOld   old
2       shop        old    3          failed before   podTooOld   old

3 left alone: 1 fresh, 1 notSelected, 1 paused.

NAMESPACE   NAME      LEFT ALONE BECAUSE   DETAIL
shop        stopped   paused               left: paused`,
    );
  });

  for (const { because, preview, line } of [
    { because: 'nothing to restart', preview: aPreview([]), line: 'Nothing to restart.' },
    {
      because: 'when the window opens',
      preview: aPreview([], { window: { kind: 'closed', why: 'outsideWindows', opensAt: NOW + 3 * HOUR } }),
      line: 'The window is closed and opens 2026-11-24T04:10:00Z, in 3h. Then a run would do this:',
    },
    {
      because: 'that it never opens',
      preview: aPreview([], { window: { kind: 'closed', why: 'outsideWindows', opensAt: undefined } }),
      line: 'The window is closed and does not open again. Then a run would do this:',
    },
    {
      because: 'that the window is ignored',
      preview: aPreview([], { window: { kind: 'open', occurrence: OCCURRENCE, closesAt: Number.POSITIVE_INFINITY } }),
      line: 'Window nights is open since 2026-11-24T01:00:00Z, does not close.',
    },
    {
      because: 'that there is a stop',
      preview: aPreview([], { stop: 'shop/x failed' }),
      line: 'Stopped: shop/x failed. A run starts nothing until the stop ends or somebody says nightshift resume; then:',
    },
    {
      because: 'that --only names nothing',
      preview: aPreview([], { missing: 'Deployment shop/typo' }),
      line: 'There is no Deployment shop/typo.',
    },
    {
      because: 'what it waits for',
      preview: aPreview([], { unready: 'mesh/injector is not ready: 0 of 1 new Pods available' }),
      line: 'Waiting: mesh/injector is not ready: 0 of 1 new Pods available. A run starts nothing until that has changed.',
    },
    {
      because: 'which containers nobody has',
      preview: aPreview([], { unseen: ['istio-proxi'] }),
      line: 'No Pod has a container istio-proxi, which the policy names.',
    },
    {
      because: 'which kinds nobody has installed',
      preview: aPreview([], { unserved: ['Rollout'] }),
      line: 'The API server serves no Rollouts, which the policy names.',
    },
    {
      because: 'which Pods no run restarts, and why',
      preview: aPreview([], {
        strangers: [
          { controller: 'StatefulSet', pods: 30, why: 'kindNotSelected' },
          { controller: 'Job.batch', pods: 14, why: 'endByThemselves' },
          { controller: 'CloneSet.apps.kruise.io', pods: 4, why: 'unknownController' },
          { controller: 'Node', pods: 3, why: 'staticPods' },
          { controller: '', pods: 1, why: 'withoutController' },
        ],
      }),
      line:
        'No run restarts 30 Pods of StatefulSets, which select.kinds does not name; 14 Pods of Jobs, which end by themselves; ' +
        '4 Pods of CloneSet.apps.kruise.io, which nightshift does not know; 3 static Pods, which the kubelet makes; ' +
        '1 Pod without a controller, which nobody would make again.',
    },
    {
      because: 'how many Pods of others, where their controllers are many',
      preview: aPreview([], {
        strangers: Array.from({ length: 10 }, (_, index) => ({
          controller: `K${index}.example.test`,
          pods: 2,
          why: 'unknownController' as const,
        })),
      }),
      line: `No run restarts ${Array.from({ length: 8 }, (_, index) => `2 Pods of K${index}.example.test, which nightshift does not know`).join('; ')}; 4 Pods of others.`,
    },
    {
      because: 'which namespaces could not be read',
      preview: aPreview([], { skipped: [{ namespace: 'secret', why: 'forbidden' }] }),
      line: 'Namespace secret is skipped: forbidden',
    },
  ]) {
    test(`says ${because}`, () => assert.ok(planText(preview, NOW).split('\n').includes(line), planText(preview, NOW)));
  }
});

const BY_ROLLOUT = { way: 'rollout', because: '' };

test('the plan for machines is documented: names, kinds, reasons, ways and replicas', () => {
  const stopped = {
    stop: 'shop/x failed',
    skipped: [{ namespace: 'secret', why: 'forbidden' }],
    strangers: [{ controller: 'Job.batch', pods: 2, why: 'endByThemselves' as const }],
  };
  const entry = (name: string, why = 'podTooOld', detail = 'old') => ({
    namespace: 'shop',
    name,
    kind: 'Deployment',
    why,
    detail,
  });
  assert.deepEqual(JSON.parse(JSON.stringify(planJson(aPreview(VERDICTS, stopped)))), {
    version: 1,
    window: { kind: 'open', name: 'nights', opensAt: '2026-11-24T01:00:00Z', closesAt: '2026-11-24T05:00:00Z' },
    sweep: SWEEP,
    ...stopped,
    unready: null,
    unseen: [],
    unserved: [],
    inFlight: [{ namespace: 'shop', name: 'flying', kind: 'Deployment', at: T, run: RUN }],
    batches: [
      [{ ...entry('api'), replicas: 12, ...BY_ROLLOUT, placedBy: 'age' }],
      [
        { ...entry('web'), replicas: 3, ...BY_ROLLOUT, placedBy: 'age' },
        { ...entry('old'), replicas: 3, ...BY_ROLLOUT, placedBy: 'failed before' },
      ],
    ],
    left: [
      entry('new', 'fresh', 'left: fresh'),
      entry('other', 'notSelected', 'left: notSelected'),
      entry('stopped', 'paused', 'left: paused'),
    ],
  });
});

describe('what an autoscaler may change', () => {
  for (const [because, autoscaler, replicas, told] of [
    ['is nothing where there is none', undefined, '3', undefined],
    ['is shown behind the replicas', anAutoscaler(), '3 (2-10)', { lastScaled: '2026-11-24T00:10:00Z' }],
    ['is shown where it never did', anAutoscaler({ lastScaled: undefined }), '3 (2-10)', { lastScaled: null }],
    [
      'is shown with when it did, where that is not long ago',
      anAutoscaler({ lastScaled: NOW - 130_500 }),
      '3 (2-10, scaled 2m10s ago)',
      { lastScaled: '2026-11-24T01:07:49Z' },
    ],
    [
      'is shown without a future',
      anAutoscaler({ lastScaled: NOW + 1 }),
      '3 (2-10, scaled 0s ago)',
      { lastScaled: '2026-11-24T01:10:00Z' },
    ],
  ] as const) {
    test(because, () => {
      const preview = aPreview([aRestart({ autoscaler })]);
      assert.ok(planText(preview, NOW).includes(`web    ${replicas.padEnd(8)}   podTooOld`), planText(preview, NOW));
      const json = JSON.parse(JSON.stringify(planJson(preview)));
      const expected = told && { name: 'web', min: 2, max: 10, ...told };
      assert.deepEqual(json.batches[0][0].autoscaler, expected);
    });
  }
});

test('one cause of many is told once, above the restarts and among what is left', () => {
  const detail = 'proxy runs proxy:1, a new Pod gets proxy:2';
  const drifted = ['a', 'b', 'c'].map(name => ({ ...aRestart({ name }), why: 'injectionDrift' as const, detail }));
  const unknown = ['x', 'y', 'z'].map(name => ({ ...aLeave('unknown', { name }), detail: 'nobody answers\u0007' }));
  const text = planText(aPreview([...drifted, aRestart({ name: 'old' }), ...unknown]), NOW);
  assert.equal(text.split(detail).length, 2, text);
  assert.match(text, /\n3 of them, injectionDrift: proxy runs proxy:1, a new Pod gets proxy:2\.\n/);
  assert.match(text, /shop +b +3 +injectionDrift +as above\n/);
  assert.match(text, /shop +x and 2 more +unknown +nobody answers/);
  assert.ok(!text.includes('\u0007'));
});
