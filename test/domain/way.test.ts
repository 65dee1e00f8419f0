import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Strategy } from '../../src/domain/model.ts';
import { mayEvict, mayReplace } from '../../src/domain/policy.ts';
import { addedBy, promisedBy, wayOf } from '../../src/domain/way.ts';
import { aPolicy, aWorkload, type GivenWorkload } from '../build.ts';

const ROLLING = (maxSurge: number | string, maxUnavailable: number | string): Strategy => ({
  kind: 'rollingUpdate',
  maxSurge,
  maxUnavailable,
});
const RECREATE: Strategy = { kind: 'recreate' };
const ON_DELETE: Strategy = { kind: 'onDelete' };
const SETS = { select: { kinds: ['StatefulSet'] } };
const MAY_REPLACE = { restart: { mayReplace: true } };

interface Case {
  readonly title: string;
  readonly given?: GivenWorkload;
  readonly document?: Readonly<Record<string, unknown>>;
  readonly criterion?: 'auto' | 'rollout' | 'replace' | 'evict';
  /** The way, or what stands in its way. */
  readonly goes: string | RegExp;
}

const CASES: readonly Case[] = [
  { title: 'an ordinary Deployment', goes: 'rollout' },
  { title: 'Pods that only a deletion makes anew', given: { strategy: ON_DELETE }, document: SETS, goes: 'evict' },
  {
    title: 'Pods below a partition',
    given: { strategy: { kind: 'partitioned', partition: 2 } },
    document: SETS,
    goes: 'evict',
  },
  {
    title: 'the same under a policy of rollouts',
    given: { strategy: ON_DELETE },
    document: { restart: { way: 'rollout' } },
    goes: /OnDelete/,
  },
  {
    title: 'Recreate, which is left as long as nobody allows a second Pod',
    given: { strategy: RECREATE },
    goes: 'rollout',
  },
  {
    title: 'Recreate where a spare Pod is allowed',
    given: { strategy: RECREATE, replicas: 1 },
    document: MAY_REPLACE,
    goes: 'replace',
  },
  {
    title: 'a single replica without surge where a spare Pod is allowed',
    given: { strategy: ROLLING(0, 1), replicas: 1 },
    document: MAY_REPLACE,
    goes: 'replace',
  },
  {
    title: 'three replicas without surge, which are never all gone',
    given: { strategy: ROLLING(0, 1) },
    document: MAY_REPLACE,
    goes: 'rollout',
  },
  {
    title: 'Recreate whose owner allows downtime',
    given: { strategy: RECREATE, downtimeAllowed: true },
    document: MAY_REPLACE,
    goes: 'rollout',
  },
  { title: 'an annotation', given: { way: 'evict' }, document: MAY_REPLACE, goes: 'evict' },
  { title: 'a Rollout', given: { kind: 'Rollout', strategy: ROLLING(0, 1) }, goes: 'rollout' },
  {
    title: 'a Rollout of one Pod where a spare Pod is allowed, which its controller would not make',
    given: { kind: 'Rollout', strategy: ROLLING(0, 1), replicas: 1 },
    document: MAY_REPLACE,
    goes: 'rollout',
  },
  {
    title: 'evictions of a Rollout, which are for its controller',
    given: { kind: 'Rollout', strategy: ROLLING(0, 1), way: 'evict' },
    document: MAY_REPLACE,
    goes: /its own controller evicts the Pods of a Rollout/,
  },
  {
    title: 'a Rollout whose template is elsewhere',
    given: { kind: 'Rollout', strategy: { kind: 'templateElsewhere', of: 'Deployment base' } },
    goes: /its Pod template is that of Deployment base/,
  },
  {
    title: 'an annotation before the criterion and the policy',
    given: { way: 'rollout' },
    document: { restart: { way: 'replace' } },
    criterion: 'evict',
    goes: 'rollout',
  },
  {
    title: 'the criterion before the policy',
    document: { restart: { way: 'replace' } },
    criterion: 'evict',
    goes: 'evict',
  },
  { title: 'what the policy says', document: { restart: { way: 'replace' } }, goes: 'replace' },
  {
    title: 'an annotation of auto under a policy of evictions',
    given: { way: 'auto' },
    document: { restart: { way: 'evict' } },
    goes: 'rollout',
  },
  { title: 'an annotation that the policy has no rights for', given: { way: 'replace' }, goes: /restart\.mayReplace/ },
  {
    title: 'the same of evictions',
    given: { way: 'evict' },
    goes: /restart\.way/,
  },
  {
    title: 'a StatefulSet, which can have no spare Pod',
    given: { kind: 'StatefulSet', way: 'replace' },
    document: MAY_REPLACE,
    goes: /only a Deployment/,
  },
  {
    title: 'a word that nobody knows',
    given: { way: 'reboot' },
    goes: /says "reboot", expected is auto, rollout, replace, evict/,
  },
];

describe('the way of', () => {
  for (const { title, given, document, criterion, goes } of CASES) {
    test(`${title} is ${goes}`, () => {
      const choice = wayOf(aWorkload(given), criterion, aPolicy(document));
      if (typeof goes === 'string') assert.equal(choice.kind === 'way' && choice.way, goes);
      else assert.match(choice.kind === 'impossible' ? choice.detail : choice.way, goes);
    });
  }
});

describe('what a way promises to stay available', () => {
  for (const [way, replicas, strategy, floor] of [
    ['rollout', 4, ROLLING('25%', '25%'), 3],
    ['replace', 1, RECREATE, 1],
    ['replace', 4, ROLLING(0, 2), 4],
    ['evict', 1, ON_DELETE, 0],
    ['evict', 3, ON_DELETE, 2],
    ['evict', 4, ROLLING(1, 0), 3],
    ['evict', 10, ROLLING(0, 3), 7],
    ['evict', 4, RECREATE, 3],
    ['evict', 4, ROLLING('25%', '100%'), 1],
  ] as const) {
    test(`is ${floor} of ${replicas} by ${way} with ${JSON.stringify(strategy)}`, () =>
      assert.equal(promisedBy(way, replicas, strategy), floor));
  }
});

test('a rollout adds its surge, a replacement one Pod and an eviction none', () => {
  const workload = { replicas: 10, strategy: ROLLING('25%', 0) };
  assert.deepEqual([addedBy('rollout', workload), addedBy('replace', workload), addedBy('evict', workload)], [3, 1, 0]);
});

describe('what a policy may do', () => {
  const AGE = { podOlderThan: '7d' };
  for (const [document, evicts, replaces] of [
    [{}, false, false],
    [SETS, true, false],
    [{ ...SETS, restart: { way: 'rollout' } }, false, false],
    [{ restart: { way: 'rollout' } }, false, false],
    [{ restart: { way: 'rollout' }, stale: [{ ...AGE, way: 'evict' }] }, true, false],
    [{ restart: { way: 'replace' } }, true, true],
    [{ restart: { mayReplace: true } }, true, true],
    [{ restart: { way: 'rollout', mayReplace: true } }, true, true],
    [{ stale: [AGE, { container: 'p', imageNot: ['p:2'], way: 'replace' }] }, true, true],
  ] as const) {
    test(`with ${JSON.stringify(document)}: evictions ${evicts}, spare Pods ${replaces}`, () => {
      const policy = aPolicy(document);
      assert.deepEqual([mayEvict(policy), mayReplace(policy)], [evicts, replaces]);
    });
  }
});
