import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commonCauses } from '../src/domain/causes.ts';
import { parseCron } from '../src/domain/cron.ts';
import { parseDuration } from '../src/domain/duration.ts';
import { globMatches } from '../src/domain/glob.ts';
import { imageMatches, parseImagePattern } from '../src/domain/image.ts';
import { parseInstant } from '../src/domain/instant.ts';
import { parsePolicy } from '../src/domain/policy.ts';
import { printable } from '../src/domain/problem.ts';
import { parseQuantity } from '../src/domain/quantity.ts';
import { parseRecord } from '../src/domain/record.ts';
import { parseSelector } from '../src/domain/selector.ts';
import { selectorText } from '../src/kubernetes/workload-projection.ts';
import { aPolicy, aRestart } from './build.ts';

/** What is read of names, annotations, images and policies takes four times as long when it is four times as long. */

const SIZE = 4_000;

/** Whatever else the machine does only ever adds: the fastest of a few count, and of more while these look slow. */
const TIMES = { least: 3, most: 40 };

function time(work: () => unknown): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

const causes = (detail: string) =>
  commonCauses({ batches: [[{ ...aRestart(), why: 'containerImage', detail }]], left: [] });
const policy = (change: (document: Record<string, unknown>) => unknown) =>
  parsePolicy(JSON.stringify(change({ ...aPolicyDocument })));
const aPolicyDocument = {
  apiVersion: 'nightshift/v1alpha1',
  kind: 'RestartPolicy',
  windows: { allow: [{ opens: '0 1 * * *', lasts: '4h' }] },
  stale: [{ podOlderThan: '7d' }],
};

/** Each line stands for nine of the line before: what a reader that follows aliases never comes to the end of. */
const laughs = (lines: number): string =>
  Array.from(
    { length: lines },
    (_, line) =>
      `k${line}: &k${line} [${Array(9)
        .fill(line === 0 ? 'ha' : `*k${line - 1}`)
        .join(',')}]`,
  ).join('\n');

/** What would be slow if anything went back and forth in it, and who reads it. */
const HOSTILE: Readonly<Record<string, (n: number) => () => unknown>> = {
  'a glob of many stars': n => () => globMatches(`${'*a'.repeat(200)}*b`, 'a'.repeat(n)),
  'a glob that fits nearly everywhere': n => () =>
    globMatches(`*${'a'.repeat(60)}b*c`, `${'a'.repeat(60)}c`.repeat(n / 60)),
  'an image of colons': n => () => imageMatches('a/*:1', { image: `${':'.repeat(n)}/x`, imageId: undefined }),
  'an image of slashes': n => () => imageMatches('*a/b*:1*', { image: '/'.repeat(n), imageId: '@'.repeat(n) }),
  'an image pattern of colons': n => () => parseImagePattern(`${':'.repeat(n)}/x`),
  'an image pattern of stars': n => () => parseImagePattern(`${'*/'.repeat(n)}:`),
  'a label selector of one word': n => () => parseSelector(`${'a'.repeat(n)}!`),
  'a label selector of dots': n => () => parseSelector(`${'a.'.repeat(n)}/b`),
  'a label selector of dashes': n => () => parseSelector(`a in (${'a-'.repeat(n)})`),
  'a duration of digits': n => () => parseDuration(`${'1'.repeat(n)}x`),
  'a cron expression of commas': n => () => parseCron(`${'1,'.repeat(n)} * * * *`),
  'an instant of digits': n => () => parseInstant(`2026-01-01T00:00:00.${'1'.repeat(n)}x`),
  'a quantity of digits': n => () => parseQuantity(`${'1'.repeat(n)}.${'1'.repeat(n)}`),
  'a detail of digits': n => () => causes('1'.repeat(n)),
  'a detail of addresses': n => () => causes('1.1.1.1:'.repeat(n)),
  'a detail of dots': n => () => causes('1.'.repeat(n)),
  'a record of brackets': n => () => parseRecord('['.repeat(n)),
  'control characters': n => () => printable('\u001b[31m'.repeat(n)),
  'a selector of many labels': n => () =>
    selectorText({ matchLabels: Object.fromEntries(Array.from({ length: n / 10 }, (_, index) => [`k${index}`, 'v'])) }),
  'a policy of unknown keys': n => () =>
    policy(document => ({
      ...document,
      ...Object.fromEntries(Array.from({ length: n / 100 }, (_, index) => [`key${index}`, 1])),
    })),
  'a YAML text of brackets': n => () => parsePolicy('['.repeat(n)),
  'a YAML text of aliases that stand for aliases': n => () => parsePolicy(laughs(n / 100)),
  'a YAML text in one piece': n => () => parsePolicy(`kind: ${'x'.repeat(n)}`),
  'a policy with one long key': n => () => policy(document => ({ ...document, ['wundows'.repeat(n / 7)]: 1 })),
  'a policy of many windows': n => () =>
    policy(document => ({
      ...document,
      windows: { allow: Array.from({ length: n / 500 }, () => ({ opens: '0 1 * * *', lasts: '1h' })) },
    })),
};

describe('time grows no faster than the text', () => {
  aPolicy();
  for (const [what, work] of Object.entries(HOSTILE)) {
    it(`of ${what}`, () => {
      work(SIZE / 4)();
      let [short, long] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      for (let times = 1; times <= TIMES.most; times++) {
        short = Math.min(short, time(work(SIZE)));
        long = Math.min(long, time(work(4 * SIZE)));
        // Sixteen times were quadratic; the milliseconds are for what is done before a clock can tell.
        if (times >= TIMES.least && long < 10 * short + 5) return;
      }
      assert.fail(`${short.toFixed(2)} ms, four times as much ${long.toFixed(2)} ms`);
    });
  }
});
