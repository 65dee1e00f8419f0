import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { decodeCheckpoint, EMPTY, encodeCheckpoint, type Checkpoint } from '../../src/domain/checkpoint.ts';
import { formatInstant } from '../../src/domain/instant.ts';
import { aCheckpoint, aStart, aSweep, BEGIN, MINUTE, SWEEP, T, WANT } from '../build.ts';

const KIB = 1024;

/** A sweep in the middle: everything that a checkpoint can say is said. */
const REAL = aCheckpoint({
  hold: { run: 'run-3', pod: { name: 'nightshift-29394123-x7x2p', uid: '6f1a' } },
  sweep: aSweep({
    total: 40,
    remaining: 12,
    counts: { restarted: 26, failed: 1 },
    rolloutSeconds: [41, 38.5],
    deniedInRow: 1,
  }),
  occurrence: { name: 'nights', opensAt: SWEEP, failures: 1, done: 26 },
  stop: { at: T, why: 'failures', detail: 'shop/api failed: imagePull: äöü "quoted"\n', want: WANT },
  starts: [
    aStart({ outcome: 'restarted' }),
    aStart({ workload: 'shop/api', outcome: 'failed' }),
    aStart({ workload: 'b/c' }),
  ],
  runs: [
    { run: 'run-1', began: SWEEP, ended: T, exitCode: 0, summary: '26 restarted', ignoredWindow: true },
    { run: 'run-2', began: SWEEP, ended: T, exitCode: 3, summary: '1 failed' },
  ],
});
const TEXT = encodeCheckpoint(REAL);

function decoded(text: string | undefined): Checkpoint {
  const result = decodeCheckpoint(text);
  return result.kind === 'checkpoint' ? result.checkpoint : assert.fail(result.problem);
}

function problemOf(text: string): string {
  const result = decodeCheckpoint(text);
  return result.kind === 'unusable' ? result.problem : assert.fail('it was read');
}

/** The JSON changed as a hand or another version would do it. */
const edited = (change: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ ...JSON.parse(TEXT), ...change });

describe('a checkpoint', () => {
  for (const [what, checkpoint] of [
    ['of a first run', EMPTY],
    ['of an open sweep', aCheckpoint()],
    ['in the middle of a sweep', REAL],
  ] as const) {
    test(`${what} reads back as it was written`, () => {
      assert.deepEqual(decoded(encodeCheckpoint(checkpoint)), checkpoint);
    });
  }

  test('from before refusals were counted still reads, for its checksum is what it was', () => {
    const before = `{"version":1,"save":{"run":"the run before","number":8},"hold":null,"want":"11112222",
      "sweep":{"id":"2026-11-24T01:00:00Z","total":0,"remaining":0,"counts":{},"rolloutSeconds":[],"ineffectiveInRow":0,"reverts":1},
      "occurrence":{"name":"nights","opensAt":"2026-11-24T01:00:00Z","failures":0,"done":0},
      "stop":null,"starts":[],"runs":[],"checksum":"d81d30487652f738"}`;
    assert.deepEqual(decoded(before).sweep, aSweep({ reverts: 1 }));
  });

  test('that is not there is the one of a first run', () => assert.deepEqual(decoded(undefined), EMPTY));

  test('is JSON with a line for each part, start and run, so that a person can read it', () => {
    const lines = TEXT.split('\n');
    for (const key of ['version', 'save', 'hold', 'sweep', 'occurrence', 'stop', 'starts', 'runs']) {
      assert.equal(lines.filter(line => line.startsWith(`  "${key}": `)).length, 1, key);
    }
    assert.equal(lines.filter(line => line.includes('"workload":')).length, REAL.starts.length);
    assert.equal(lines.filter(line => line.includes('"exitCode":')).length, REAL.runs.length);
  });

  test('is the same whatever the order of the keys', () => {
    const reversed = Object.fromEntries(Object.entries(JSON.parse(TEXT)).toReversed());
    assert.deepEqual(decoded(JSON.stringify(reversed)), REAL);
  });
});

describe('a checkpoint is refused', () => {
  for (const [because, text, problem] of [
    ['when it is empty', '', /not JSON/],
    ['when it is no JSON', 'sweep: 3', /not JSON/],
    ['when it is a list', '[]', /not a JSON object/],
    ['when it is null', 'null', /not a JSON object/],
    ['when it has no version', '{}', /version/],
    ['when its version is newer, which it names', edited({ version: 2 }), /version 2.*knows version 1/],
    ['when its version is newer, whatever else it says', '{"version":7,"sweeps":[]}', /version 7/],
    ['when its version is no number', edited({ version: '1' }), /version/],
    ['when its version is older than any', edited({ version: 0 }), /version/],
    ['when a part is missing', edited({ starts: undefined }), /starts/],
    ['when a part is of another kind', edited({ sweep: [] }), /sweep/],
    ['when a count is negative', edited({ save: { run: 'run-3', number: -1 } }), /save\.number/],
    ['when an outcome is unknown', edited({ starts: [{ ...aStart(), outcome: 'vanished' }] }), /starts\.0\.outcome/],
    ['when it was edited by hand', edited({ stop: null }), /checksum/],
    ['when its checksum is missing', edited({ checksum: undefined }), /checksum/],
    ['when it is larger than it can ever be', `${TEXT}${' '.repeat(64 * KIB)}`, /larger than 64 KiB/],
  ] as const) {
    test(because, () => assert.match(problemOf(text), problem));
  }

  test('wherever it is cut off', () => {
    const end = TEXT.trimEnd().length;
    for (let length = 0; length < end; length++) problemOf(TEXT.slice(0, length));
    assert.deepEqual(decoded(TEXT.slice(0, end)), REAL);
  });
});

/** One way to damage a text. */
const damage = fc.oneof(
  fc.record({ at: fc.nat(), gone: fc.integer({ min: 1, max: 40 }), put: fc.constant('') }),
  fc.record({ at: fc.nat(), gone: fc.constant(0), put: fc.string({ minLength: 1, maxLength: 10 }) }),
  fc.record({ at: fc.nat(), gone: fc.constant(1), put: fc.constantFrom(...'0123456789abcdefTZ:-,{}[]" '.split('')) }),
  fc.record({ at: fc.nat(), gone: fc.constant(0), put: fc.nat(TEXT.length).map(from => TEXT.slice(from, from + 60)) }),
);

test('a damaged checkpoint is refused, or means the same as before', () => {
  fc.assert(
    fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), damages => {
      let text = TEXT;
      for (const { at, gone, put } of damages) {
        const from = at % text.length;
        text = text.slice(0, from) + put + text.slice(from + gone);
      }
      const result = decodeCheckpoint(text);
      if (result.kind === 'checkpoint') assert.deepEqual(result.checkpoint, REAL);
    }),
    { seed: 3, numRuns: 3000 },
  );
});

test('any text at all is refused without an exception', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map(json => `{"version":1,"sweep":${json}}`),
      ),
      text => {
        assert.equal(decodeCheckpoint(text).kind, 'unusable');
      },
    ),
    { seed: 3, numRuns: 1000 },
  );
});

describe('a checkpoint does not grow with the cluster', () => {
  const name = (index: number): string => `${'n'.repeat(63)}/${String(index).padStart(5, '0')}${'w'.repeat(248)}`;
  const many = (count: number, outcome?: 'restarted' | 'failed') =>
    Array.from({ length: count }, (_, index) =>
      aStart({ workload: name(index), ...(outcome === undefined ? {} : { outcome }) }),
    );
  const runs = Array.from({ length: 30 }, (_, index) => ({
    run: `run-${index}`,
    began: SWEEP,
    ended: formatInstant(BEGIN + index * MINUTE),
    exitCode: 3,
    summary: 'x'.repeat(2000),
  }));
  const size = (checkpoint: Checkpoint): number => Buffer.byteLength(encodeCheckpoint(checkpoint));

  test('500 starts of the longest names, 200 failures and 30 runs are under 16 KiB', () => {
    const starts = [...many(300, 'restarted'), ...many(200, 'failed')];
    const detail = 'ä'.repeat(5000);
    const checkpoint = aCheckpoint({ starts, runs, stop: { at: T, why: 'failures', detail, want: WANT } });
    assert.ok(size(checkpoint) <= 16 * KIB, `${size(checkpoint)} bytes`);
    assert.ok(decoded(encodeCheckpoint(checkpoint)).starts.length > 0);
  });

  test('with ordinary names the last 100 starts and the last ten runs are kept', () => {
    const starts = Array.from({ length: 150 }, (_, index) =>
      aStart({ workload: `shop/w${index}`, outcome: 'restarted' }),
    );
    const short = runs.map(run => ({ ...run, summary: 'ok' }));
    const kept = decoded(encodeCheckpoint(aCheckpoint({ starts, runs: short })));
    assert.deepEqual(kept.starts, starts.slice(-100));
    assert.deepEqual(kept.runs, short.slice(-10));
  });

  test('a start without an outcome is never forgotten, for the next run has to find it', () => {
    const unfinished = aStart({ workload: 'shop/first' });
    const starts = [unfinished, ...many(200, 'restarted')];
    assert.deepEqual(decoded(encodeCheckpoint(aCheckpoint({ starts, runs }))).starts[0], unfinished);
  });

  test('of what has to go, the oldest starts go first', () => {
    const starts = many(100, 'restarted');
    const kept = decoded(encodeCheckpoint(aCheckpoint({ starts }))).starts;
    assert.ok(kept.length > 20 && kept.length < 100, `${kept.length}`);
    assert.deepEqual(kept, starts.slice(-kept.length));
  });
});
