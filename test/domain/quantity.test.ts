import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { formatQuantity, ONE, parseQuantity } from '../../src/domain/quantity.ts';

const GI = 1024n ** 3n * ONE;

describe('a quantity', () => {
  for (const [text, amount] of [
    ['0', 0n],
    ['1', ONE],
    ['100m', ONE / 10n],
    ['1500m', (3n * ONE) / 2n],
    ['0.5', ONE / 2n],
    ['.5', ONE / 2n],
    ['5.', 5n * ONE],
    ['+1', ONE],
    ['-1', -ONE],
    ['1n', 1n],
    ['1u', 1_000n],
    ['1k', 1_000n * ONE],
    ['1M', 1_000_000n * ONE],
    ['2E', 2_000_000_000_000_000_000n * ONE],
    ['1Gi', GI],
    ['1.5Gi', (3n * GI) / 2n],
    ['0.1Gi', GI / 10n],
    ['0.000000001Gi', 1_073_741_824n],
    ['128974848', 128_974_848n * ONE],
    ['129e6', 129_000_000n * ONE],
    ['129M', 129_000_000n * ONE],
    ['2e3', 2_000n * ONE],
    ['2E3', 2_000n * ONE],
    ['1e-3', ONE / 1_000n],
    // What is smaller than a billionth is one, as in Kubernetes.
    ['0.1n', 1n],
    ['1e-30', 1n],
    ['-1e-30', -1n],
    // And what is too large is the largest, if only with a binary suffix.
    ['8Ei', (2n ** 63n - 1n) * ONE],
    ['99999999999999999999Ki', (2n ** 63n - 1n) * ONE],
    ['9223372036854775808', 2n ** 63n * ONE],
    ['1e99', 10n ** 99n * ONE],
  ] as const) {
    test(`${text} is ${amount} billionths`, () => assert.equal(parseQuantity(text), amount));
  }

  for (const text of [
    '',
    '.',
    '-',
    'm',
    'Gi',
    '1 Gi',
    '1Kii',
    '1ki',
    '1K',
    '1e',
    '1e3Ki',
    '1e3.5',
    '1e100',
    '0x1',
    'NaN',
    '1_000',
  ]) {
    test(`${JSON.stringify(text)} is none`, () => assert.equal(parseQuantity(text), undefined));
  }

  test('is a quantity or none, whatever the text', () => {
    fc.assert(fc.property(fc.string(), text => void parseQuantity(text)));
  });
});

describe('for people', () => {
  for (const [amount, resource, up, down] of [
    ['500m', 'requests.cpu', '500m', '500m'],
    ['0.0005', 'cpu', '1m', '0'],
    ['4', 'limits.cpu', '4', '4'],
    ['1', 'pods', '1', '1'],
    ['0.5', 'pods', '1', '0'],
    ['0', 'requests.memory', '0', '0'],
    ['128Mi', 'memory', '128Mi', '128Mi'],
    ['1536Mi', 'limits.memory', '1.5Gi', '1.5Gi'],
    ['1G', 'memory', '953.68Mi', '953.67Mi'],
    ['100', 'memory', '100', '100'],
    ['10Gi', 'requests.ephemeral-storage', '10Gi', '10Gi'],
    ['2', 'requests.nvidia.com/gpu', '2', '2'],
    ['4Mi', 'hugepages-2Mi', '4Mi', '4Mi'],
    ['-100m', 'cpu', '-100m', '-100m'],
    ['2Ei', 'memory', '2Ei', '2Ei'],
  ] as const) {
    test(`${amount} of ${resource} is ${up}, or at least ${down}`, () => {
      const parsed = parseQuantity(amount) ?? assert.fail();
      assert.deepEqual([formatQuantity(parsed, resource, 'up'), formatQuantity(parsed, resource, 'down')], [up, down]);
    });
  }

  test('what is needed never looks like less, and what is left never like more', () => {
    const amounts = fc.bigInt({ min: 0n, max: 2n ** 60n * ONE });
    fc.assert(
      fc.property(amounts, fc.constantFrom('cpu', 'memory', 'pods'), (amount, resource) => {
        const [up, down] = (['up', 'down'] as const).map(round =>
          parseQuantity(formatQuantity(amount, resource, round)),
        );
        assert.ok((up ?? -1n) >= amount && (down ?? amount + 1n) <= amount);
      }),
    );
  });
});
