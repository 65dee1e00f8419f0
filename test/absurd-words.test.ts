import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { decodeCheckpoint, encodeCheckpoint } from '../src/domain/checkpoint.ts';
import { parseDuration } from '../src/domain/duration.ts';
import { imageMatches, parseImagePattern } from '../src/domain/image.ts';
import { formatRecord } from '../src/domain/record.ts';
import { makePlan } from '../src/domain/plan.ts';
import { parseSelector, selectorMatches } from '../src/domain/selector.ts';
import { judge } from '../src/domain/verdict.ts';
import { Interner } from '../src/kubernetes/interner.ts';
import { projectNamespace, projectWorkload } from '../src/kubernetes/workload-projection.ts';
import { aBench, aCheckpoint, aJudged, aPolicy, aRecord, aStart, BY, NOW } from './build.ts';
import { aDeployment } from './kubernetes/objects.ts';

/** Words that anybody writes: a policy's, an annotation's, an image's. Each is understood or refused with a reason. */

const SEED = 20261126;
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'never',
    'allow',
    '-1',
    '1e9',
    'NaN',
    '{}',
    '[]',
    'null',
    'true',
  ),
  fc.constantFrom('9999-12-31T23:59:59Z', '+275760-09-13T00:00:00Z', '0000-00-00T00:00:00Z', '2026-02-30T00:00:00Z'),
  fc.string({ unit: fc.constantFrom(...'!=,()<> abc/.:@*-_'.split('')), maxLength: 40 }),
  fc.constant('x'.repeat(10_000)),
);
const check = (property: fc.IProperty<[string]>) => fc.assert(property, { seed: SEED, numRuns: 150 });

describe('whatever the text', () => {
  it('a duration is one of at most 366 days, or none', () => {
    check(
      fc.property(anyText, text => {
        const duration = parseDuration(text);
        assert.ok(
          duration === undefined || (Number.isInteger(duration) && duration >= 0 && duration <= 366 * 86_400_000),
        );
      }),
    );
  });

  it('a label selector is one, or says what is wrong with it', () => {
    check(
      fc.property(anyText, text => {
        const selector = parseSelector(text);
        if ('problem' in selector) assert.match(selector.problem, /^.{5,400}$/su);
        else assert.equal(typeof selectorMatches(selector, JSON.parse('{"__proto__":"x","a":"b"}')), 'boolean');
      }),
    );
  });

  it('an image pattern is one, or says what is wrong with it, and an image is judged', () => {
    check(
      fc.property(anyText, text => {
        const pattern = parseImagePattern(text);
        if ('problem' in pattern) assert.ok(pattern.problem.length > 5);
        for (const image of [text, 'app:1']) {
          const matches = imageMatches('app:*', { image, imageId: text });
          assert.ok(matches === true || matches === false || matches === undefined);
        }
      }),
    );
  });

  it('a checkpoint of any words reads back as it was written, or cannot be used, with a reason', () => {
    check(
      fc.property(anyText, text => {
        const value = aCheckpoint({
          starts: [aStart({ workload: text })],
          runs: [{ run: text, began: text, ended: text, exitCode: 0, summary: text }],
          stop: { at: text, why: 'denials', detail: text, want: text },
        });
        for (const encoded of [text, JSON.stringify({ ...value, [text]: text })]) {
          const decoded = decodeCheckpoint(encoded);
          assert.ok(decoded.kind === 'checkpoint' || decoded.problem.length > 5);
        }
        if (text.length > 300) return;
        assert.deepEqual(decodeCheckpoint(encodeCheckpoint(value)), { kind: 'checkpoint', checkpoint: value });
      }),
    );
  });
});

describe('whatever the annotations of a workload', () => {
  const KEYS = [
    'nightshift/restart',
    'nightshift/downtime',
    'nightshift/priority',
    'nightshift/last-restart',
    'deployment.kubernetes.io/revision',
  ];
  const aRecordOf = fc
    .record({
      at: anyText,
      sweep: anyText,
      want: anyText,
      outcome: fc.constantFrom('failed', 'ineffective', undefined),
    })
    .map(given => formatRecord(aRecord({ ...given, by: BY, reason: given.at })));
  const annotations = fc.dictionary(fc.constantFrom(...KEYS), fc.oneof(anyText, aRecordOf));

  it('it has a verdict with a reason, and only the word never on it, its template or its namespace opts it out', () => {
    fc.assert(
      fc.property(annotations, annotations, anyText, (own, ofTemplate, restartedAt) => {
        const template = {
          metadata: { annotations: { ...ofTemplate, 'kubectl.kubernetes.io/restartedAt': restartedAt } },
        };
        const object = aDeployment('web', { metadata: { annotations: own }, template });
        const workload = projectWorkload(object, 'Deployment', new Interner());
        const namespace = projectNamespace({ metadata: { name: 'shop', annotations: ofTemplate } }, new Interner());
        const verdict = judge(aJudged({ workload, namespace }), aBench({ policy: aPolicy(), now: NOW }));
        if (verdict.kind === 'inFlight') assert.equal(verdict.record.by, BY);
        else assert.ok(verdict.why.length > 0 && verdict.detail.length > 0);
        const never = [own, ofTemplate].some(of => of['nightshift/restart'] === 'never');
        assert.equal(verdict.kind === 'leave' && verdict.why === 'optedOut', never);
        const plan = makePlan([verdict], { sizes: [1], place: 0, probing: false });
        assert.equal(plan.batches.length + plan.left.length + plan.inFlight.length, 1);
      }),
      { seed: SEED, numRuns: 150 },
    );
  });
});
