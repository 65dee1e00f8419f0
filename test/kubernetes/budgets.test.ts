import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { budgetsOf, projectBudget } from '../../src/kubernetes/budgets.ts';
import { absurd } from './absurd.ts';
import type { Json } from './objects.ts';

const budget = (selector: Json | undefined) =>
  projectBudget({ metadata: { namespace: 'shop', name: 'quorum' }, spec: { selector } });
const selects = (selector: Json | undefined, labels: Record<string, string>, namespace = 'shop') => {
  const projected = budget(selector);
  return projected !== undefined && budgetsOf(new Map([['shop', [projected]]]), namespace, labels).length > 0;
};

describe('a PodDisruptionBudget selects', () => {
  for (const [what, selector, labels, yes] of [
    ['Pods with its labels', { matchLabels: { app: 'a' } }, { app: 'a', tier: 'x' }, true],
    ['no Pods with others', { matchLabels: { app: 'a' } }, { app: 'b' }, false],
    ['by expressions', { matchExpressions: [{ key: 'app', operator: 'In', values: ['a', 'b'] }] }, { app: 'b' }, true],
    ['by absence', { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] }, { app: 'b' }, false],
    ['by other values', { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }] }, { app: 'b' }, true],
    ['by presence', { matchExpressions: [{ key: 'app', operator: 'Exists' }] }, {}, false],
    ['everything with an empty selector', {}, { app: 'b' }, true],
    ['nothing without a selector', undefined, { app: 'b' }, false],
    ['by what is known where an operator is not', { matchExpressions: [{ key: 'app', operator: 'New' }] }, {}, true],
  ] as const satisfies readonly (readonly [string, Json | undefined, Record<string, string>, boolean])[]) {
    it(what, () => assert.equal(selects(selector, labels), yes));
  }

  it('with what it allows, and what its controller has counted', () => {
    const metadata = { namespace: 'shop', name: 'quorum', generation: 2 };
    const projected = (spec: Json, status?: Json) =>
      projectBudget({ metadata, spec: { selector: {}, ...Object(spec) }, status })?.budget;
    const nothing = { name: 'shop/quorum', counted: undefined, minAvailable: undefined, maxUnavailable: undefined };
    const status = { observedGeneration: 2, expectedPods: 3, disruptionsAllowed: 1 };
    const counted = { expected: 3, allowed: 1, isFailing: false };
    assert.deepEqual(projected({ minAvailable: 2 }, status), { ...nothing, minAvailable: 2, counted });
    assert.deepEqual(projected({}, { ...status, observedGeneration: 1 }), nothing);
    const conditions = [{ type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed' }];
    assert.equal(projected({}, { observedGeneration: 2, conditions })?.counted?.isFailing, true);
    assert.deepEqual(projected({ maxUnavailable: '30%' }), { ...nothing, maxUnavailable: '30%' });
    assert.deepEqual(projected({}), nothing);
  });

  it('only in its namespace', () => {
    assert.equal(selects({}, {}, 'bank'), false);
  });

  it('something or nothing, whatever the object', () => {
    fc.assert(
      fc.property(
        absurd({ metadata: {}, spec: { selector: { matchExpressions: [{}] } } }),
        object => void projectBudget(object),
      ),
    );
  });
});
