import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { formatRecord, ownRecord, parseRecord } from '../../src/domain/record.ts';
import { aRecord, aRestarted, BY, T } from '../build.ts';

describe('the record on a workload', () => {
  test('is compact JSON with its parts in the order of the design', () => {
    assert.equal(
      formatRecord(aRecord({ want: '12345678', before: '2026-10-01T01:00:00Z' })),
      `{"at":"${T}","by":"${BY}","run":"20261124T011000Z-beef","sweep":"2026-11-24T01:00:00Z","why":"podTooOld",` +
        '"want":"12345678","template":"template-1","before":"2026-10-01T01:00:00Z"}',
    );
  });

  for (const { what, record } of [
    { what: 'without an outcome', record: aRecord() },
    { what: 'of a failure', record: aRecord({ outcome: 'failed', reason: 'imagePull' }) },
    { what: 'of an ineffective restart', record: aRecord({ outcome: 'ineffective', why: 'containerImage' }) },
    { what: 'with what stood there before', record: aRecord({ before: '1700000000' }) },
    { what: 'with whatever stood there before', record: aRecord({ before: 'x'.repeat(50_000) }) },
    { what: 'of the longest names', record: aRecord({ by: `${'n'.repeat(63)}/${'c'.repeat(253)}` }) },
  ]) {
    test(`${what} reads back as it was written`, () => assert.deepEqual(parseRecord(formatRecord(record)), record));
  }

  const { at: _, ...withoutTime } = aRecord();
  for (const { what, annotation } of [
    { what: 'nothing', annotation: undefined },
    { what: 'an empty text', annotation: '' },
    { what: 'no JSON', annotation: 'restarted by hand' },
    { what: 'half a record', annotation: formatRecord(aRecord()).slice(0, -5) },
    { what: 'a list', annotation: `[${formatRecord(aRecord())}]` },
    { what: 'null', annotation: 'null' },
    { what: 'a record without its time', annotation: JSON.stringify(withoutTime) },
    { what: 'a reason that nobody knows', annotation: JSON.stringify({ ...aRecord(), why: 'boredom' }) },
    { what: 'an outcome that is never written', annotation: JSON.stringify({ ...aRecord(), outcome: 'restarted' }) },
    { what: 'a number for a text', annotation: JSON.stringify({ ...aRecord(), at: 7 }) },
  ]) {
    test(`is none where there is ${what}`, () => assert.equal(parseRecord(annotation), undefined));
  }

  test('never throws, whatever somebody wrote there', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), text => {
        assert.doesNotThrow(() => parseRecord(text));
      }),
      { seed: 3, numRuns: 300 },
    );
  });
});

describe('a restart is ours', () => {
  for (const { because, workload, ours } of [
    { because: 'while T stands in the template that was judged', workload: aRestarted(), ours: true },
    { because: 'unless another checkpoint did it', workload: aRestarted({}, { by: 'ops/other' }), ours: false },
    { because: 'unless somebody restarted it since', workload: aRestarted({ restartedAt: `${T}x` }), ours: false },
    { because: 'unless T was removed', workload: aRestarted({ restartedAt: undefined }), ours: false },
    {
      because: 'unless something else in the template changed since',
      workload: { ...aRestarted(), template: 'template-2' },
      ours: false,
    },
    { because: 'unless the record was removed', workload: aRestarted({ record: undefined }), ours: false },
    { because: 'unless the record is damaged', workload: aRestarted({ record: '{' }), ours: false },
    { because: 'whichever run it was', workload: aRestarted({}, { run: 'another' }), ours: true },
    { because: 'whichever sweep it was', workload: aRestarted({}, { sweep: 'another' }), ours: true },
    { because: 'also when it failed', workload: aRestarted({}, { outcome: 'failed' }), ours: true },
  ]) {
    test(because, () => assert.equal(ownRecord(workload, BY) !== undefined, ours));
  }
});
