import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { forbiddenByBudget, type Budget, type Counted } from '../../src/domain/budget.ts';
import type { Way } from '../../src/domain/model.ts';
import { aWorkload, type GivenWorkload } from '../build.ts';

const counted = (expected: number, allowed = expected): Counted => ({ expected, allowed, isFailing: false });
const FOUR = { name: 'shop/quorum', counted: counted(4) };
const STATEFUL: GivenWorkload = {
  kind: 'StatefulSet',
  replicas: 4,
  strategy: { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 1 },
};

interface Case {
  readonly way: Way;
  readonly budgets: readonly Budget[];
  readonly given?: GivenWorkload;
  readonly says?: RegExp;
}

const judged = ({ way, budgets, given = STATEFUL }: Case): string =>
  forbiddenByBudget(aWorkload(given), { way, budgets })?.detail ?? '';

describe('evictions are', () => {
  const two = [
    { name: 'shop/a', beside: 'shop/b' },
    { name: 'shop/b', beside: 'shop/a' },
  ];
  const sick: GivenWorkload = { ...STATEFUL, status: { availableReplicas: 3 } };
  for (const [what, { says = /^$/, ...given }] of Object.entries<Case>({
    'tried without a budget': { way: 'evict', budgets: [] },
    'never made where there are two': { way: 'evict', budgets: two, says: /shop\/a and shop\/b select the same Pod/ },
    'tried where two have different Pods': { way: 'evict', budgets: [{ name: 'shop/a' }, { name: 'shop/b' }] },
    'tried where some are sick, for that may be cured so': {
      way: 'evict',
      budgets: [{ ...FOUR, maxUnavailable: 0 }],
      given: sick,
    },
    'never made where its controller cannot count them': {
      way: 'evict',
      budgets: [{ name: 'shop/a', maxUnavailable: 1, counted: { expected: 0, allowed: 0, isFailing: true } }],
      says: /shop\/a allows no eviction: its controller cannot count its Pods/,
    },
    'tried where one may be missing': { way: 'evict', budgets: [{ ...FOUR, maxUnavailable: 1 }] },
    'never made where none may be': {
      way: 'evict',
      budgets: [{ ...FOUR, maxUnavailable: 0 }],
      says: /shop\/quorum allows no eviction, however/,
    },
    'tried by a percentage, which rounds up': { way: 'evict', budgets: [{ ...FOUR, maxUnavailable: '1%' }] },
    'never made where 76 % of four are four': {
      way: 'evict',
      budgets: [{ ...FOUR, minAvailable: '76%' }],
      says: /allows no eviction/,
    },
    'never made where more are asked for than there are': {
      way: 'evict',
      budgets: [{ ...FOUR, minAvailable: 5 }],
      says: /allows no eviction/,
    },
    'tried where the budget spans other workloads': {
      way: 'evict',
      budgets: [{ name: 'shop/all', counted: counted(9), minAvailable: 4 }],
    },
    'tried where nobody has counted its Pods yet': {
      way: 'evict',
      budgets: [{ ...FOUR, counted: counted(0), minAvailable: 4 }],
    },
    'tried where its controller has said nothing yet': {
      way: 'evict',
      budgets: [{ name: 'shop/a', maxUnavailable: 0 }],
    },
    'tried where the budget says nothing that is known': { way: 'evict', budgets: [FOUR] },
    'tried where what it says is no number': { way: 'evict', budgets: [{ ...FOUR, minAvailable: 'all' }] },
    'tried with one Pod more, which may be missing': { way: 'replace', budgets: [{ ...FOUR, minAvailable: 4 }] },
    'never made with one Pod more, where all have to be there': {
      way: 'replace',
      budgets: [{ ...FOUR, minAvailable: '100%' }],
      says: /allows no eviction/,
    },
  })) {
    test(what, () => assert.match(judged(given), says));
  }
});

describe('a rollout of a StatefulSet', () => {
  const all = [{ ...FOUR, minAvailable: 4 }];
  for (const [what, { says = /^$/, ...given }] of Object.entries<Case>({
    'takes what its quorum can do without': { way: 'rollout', budgets: [{ ...FOUR, minAvailable: 3 }] },
    'takes no more than that': {
      way: 'rollout',
      budgets: all,
      says: /its rollout takes 1 at a time, and PodDisruptionBudget shop\/quorum lets 0 be missing/,
    },
    'takes none while others of its quorum are missing': {
      way: 'rollout',
      budgets: [{ name: 'shop/all', counted: counted(7, 0), minAvailable: 5 }],
      says: /shop\/all lets 0 be missing now/,
    },
    'takes no more at once than that': {
      way: 'rollout',
      budgets: [{ ...FOUR, maxUnavailable: 1 }],
      given: { ...STATEFUL, strategy: { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 2 } },
      says: /takes 2 at a time, and PodDisruptionBudget shop\/quorum lets 1 be missing/,
    },
    'keeps each of its budgets': {
      way: 'rollout',
      budgets: [{ name: 'shop/a', counted: counted(4), minAvailable: 3 }, ...all],
      says: /shop\/quorum lets 0/,
    },
    'takes none while nobody has counted': {
      way: 'rollout',
      budgets: [{ name: 'shop/quorum', minAvailable: 1 }],
      says: /shop\/quorum has not been counted yet/,
    },
    'may take it where it says itself that it may be down': {
      way: 'rollout',
      budgets: all,
      given: { ...STATEFUL, downtimeAllowed: true },
    },
    'of a Deployment takes no notice, as with kubectl': { way: 'rollout', budgets: all, given: { replicas: 4 } },
  })) {
    test(what, () => assert.match(judged(given), says));
  }
});
