import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatProblem, parsePolicy } from '../../src/domain/policy.ts';
import { FULL_POLICY } from './policy-build.ts';

const SEED = 20261123;

/** Whatever the text, the answer is a policy or at least one problem that a person can act on. */
function isAnswered(text: string): void {
  const parsed = parsePolicy(text);
  if (parsed.kind === 'valid') return;
  assert.ok(parsed.problems.length > 0);
  const lines = text.split(/\r\n|\n|\r/).length;
  for (const problem of parsed.problems) {
    assert.ok(problem.line >= 1 && problem.line <= lines && problem.column >= 1, formatProblem(problem));
    assert.doesNotMatch(problem.expected, /^invalid input|undefined|^$/i, 'our words, not those of zod');
    assert.doesNotMatch(formatProblem(problem), /[\p{Cc}\u2028\u2029\u202e]/u);
  }
}

const junk = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(...'{}[]:,-?#&*!|>\'"%@` \n\tab0~<='.split('')), maxLength: 20 }),
  fc.constantFrom(
    'null',
    '~',
    '{}',
    '[]',
    '-1',
    '0',
    '1e9',
    '.nan',
    'yes',
    'true',
    '"',
    '!!str x',
    '&a x',
    '*a',
    '<<: x',
  ),
);

test('a policy with a piece replaced by junk is answered', () => {
  const place = fc.nat({ max: FULL_POLICY.length });
  fc.assert(
    fc.property(place, fc.nat({ max: 30 }), junk, (at, length, piece) => {
      isAnswered(FULL_POLICY.slice(0, at) + piece + FULL_POLICY.slice(at + length));
    }),
    { seed: SEED, numRuns: 60 },
  );
});

test('a policy with a value replaced by junk is answered', () => {
  const values = [...FULL_POLICY.matchAll(/(?<=: )[^{[\n]+?(?=,| }|\n)/g)];
  fc.assert(
    fc.property(fc.constantFrom(...values), junk, ({ index, 0: value }, piece) => {
      isAnswered(FULL_POLICY.slice(0, index) + piece + FULL_POLICY.slice(index + value.length));
    }),
    { seed: SEED, numRuns: 60 },
  );
});

test('junk alone is answered', () => {
  fc.assert(
    fc.property(fc.array(junk, { maxLength: 8 }), pieces => isAnswered(pieces.join(''))),
    {
      seed: SEED,
      numRuns: 60,
    },
  );
});

test('any JSON under the keys of a policy is answered', () => {
  const keys = fc.constantFrom(
    'apiVersion',
    'windows',
    'allow',
    'deny',
    'stale',
    'select',
    'namespaces',
    'include',
    'name',
  );
  const { tree } = fc.letrec<{ tree: unknown }>(tie => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.dictionary(keys, tie('tree'), { maxKeys: 5 }),
      fc.array(tie('tree'), { maxLength: 3 }),
    ),
  }));
  fc.assert(
    fc.property(tree, value => isAnswered(JSON.stringify(value))),
    { seed: SEED, numRuns: 60 },
  );
});
