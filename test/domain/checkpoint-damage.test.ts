import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from '../../src/domain/checkpoint.ts';
import { aCheckpoint, aStart, aSweep, T } from '../build.ts';

/** Whatever happens to the text, it is refused or says what it said: never something else. */

/** In the middle of a large night: 5,000 workloads, 200 failures, everything there is. */
const BUSY: Checkpoint = aCheckpoint({
  hold: { run: '20261124T011000Z-beef', pod: { name: 'nightshift-29400000-abcde', uid: 'f00d' } },
  sweep: aSweep({
    total: 5000,
    remaining: 2300,
    counts: { restarted: 2500, failed: 200 },
    rolloutSeconds: Array.from({ length: 25 }, (_, index) => 40 + index / 10),
    ineffectiveInRow: 1,
    deniedInRow: 2,
  }),
  stop: { at: T, why: 'failures', detail: 'shop/web failed: imagePull', want: 'ab12cd34' },
  starts: Array.from({ length: 250 }, (_, index) =>
    aStart({
      workload: `team-${index % 50}/service-with-a-long-name-${index}`,
      ...(index < 200 ? { outcome: 'failed' } : {}),
    }),
  ),
  runs: Array.from({ length: 12 }, (_, index) => ({
    run: `20261124T0${index % 10}1000Z-beef`,
    began: T,
    ended: T,
    exitCode: 3,
    summary: 'a long summary, '.repeat(60),
  })),
});
const TEXT = encodeCheckpoint(BUSY);
const VALUE = decodeCheckpoint(TEXT);

/** The refusal, or undefined when the text says the same as before; anything else fails. */
function refusal(text: string): string | undefined {
  const decoded = decodeCheckpoint(text);
  if (decoded.kind === 'unusable') return decoded.problem;
  assert.deepEqual(decoded, VALUE, `read as something else: ${text.slice(0, 200)}`);
  return undefined;
}

/** Mulberry32: the same damage each time. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('a checkpoint stays below 16 KiB at 5,000 workloads with 200 failures, and forgets nobody who is under way', () => {
  assert.ok(Buffer.byteLength(TEXT) <= 16 * 1024, `${Buffer.byteLength(TEXT)} bytes`);
  assert.ok(VALUE.kind === 'checkpoint');
  const underWay = VALUE.checkpoint.starts.filter(({ outcome }) => outcome === undefined);
  assert.equal(underWay.length, 50);
});

test('every truncation is refused, with a reason', () => {
  for (let length = 0; length < TEXT.trimEnd().length; length++) {
    assert.match(refusal(TEXT.slice(0, length)) ?? '', /not JSON/, `of ${length} characters`);
  }
});

test('ten thousand random corruptions are refused or change nothing', () => {
  const random = randomFrom(20261124);
  const pick = (count: number): number => Math.floor(random() * count);
  const alphabet = '{}[]",:0123456789abcdefTZ \\ntrue-e+.\u0000é';
  const damages: readonly ((text: string) => string)[] = [
    text => replaced(text, pick(text.length), 1, alphabet[pick(alphabet.length)] ?? ''),
    text => replaced(text, pick(text.length), 1, ''),
    text => replaced(text, pick(text.length), 0, alphabet[pick(alphabet.length)] ?? ''),
    text => replaced(text, pick(text.length), pick(40), ''),
    // A line twice, a line less, two lines in each other's place.
    text => lined(text, lines => lines.splice(pick(lines.length), 0, lines[pick(lines.length)] ?? '')),
    text => lined(text, lines => lines.splice(pick(lines.length), 1)),
    text =>
      lined(text, lines => {
        const [a, b] = [pick(lines.length), pick(lines.length)];
        [lines[a], lines[b]] = [lines[b] ?? '', lines[a] ?? ''];
      }),
    text => text.replace(/\d+/g, digits => (random() < 0.02 ? String(Number(digits) + 1) : digits)),
  ];
  let refused = 0;
  for (let time = 0; time < 10_000; time++) {
    const damage = damages[time % damages.length];
    if (refusal(damage?.(TEXT) ?? '') !== undefined) refused++;
  }
  assert.ok(refused > 9_000, `${refused} were refused`);
});

test('a text of another kind is refused, with a reason', () => {
  for (const text of ['', 'null', '[]', '1', '"{}"', '{}', 'true', '{"version":1}', `${TEXT}${TEXT}`, '\u0000']) {
    assert.ok((refusal(text) ?? '').length > 5, text.slice(0, 40));
  }
  assert.match(
    refusal(TEXT.replace('"version": 1', '"version": 2')) ?? '',
    /version 2, this nightshift knows version 1/,
  );
  assert.match(refusal(' '.repeat(65 * 1024)) ?? '', /larger than 64 KiB/);
});

const replaced = (text: string, at: number, length: number, by: string): string =>
  text.slice(0, at) + by + text.slice(at + length);

function lined(text: string, change: (lines: string[]) => void): string {
  const lines = text.split('\n');
  change(lines);
  return lines.join('\n');
}
