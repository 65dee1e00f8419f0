import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OutcomeKind } from '../../src/domain/model.ts';
import { makeReport, summarizeWindow, until, type Ending, type Facts } from '../../src/domain/report.ts';
import { aLeave, anOutcome, BEGIN, HOUR, NOW, OCCURRENCE, RUN, SWEEP } from '../build.ts';

const ended = (kind: Ending['kind'], detail = `it ended: ${kind}`): Ending => ({ kind, detail });

const report = (facts: Partial<Facts> = {}) =>
  makeReport({
    run: RUN,
    window: { kind: 'open', occurrence: OCCURRENCE, closesAt: BEGIN + 4 * HOUR },
    sweep: SWEEP,
    left: [],
    outcomes: [],
    remaining: 0,
    ending: ended('swept'),
    notPermitted: [],
    ...facts,
  });

describe('the exit code', () => {
  for (const [kind, code] of [
    ['swept', 0],
    ['nothingToDo', 0],
    ['windowClosed', 0],
    ['notEnoughTime', 0],
    ['notReady', 0],
    ['stopped', 0],
    ['stoppedBefore', 0],
    ['heldByAnother', 0],
    ['holdLost', 0],
    ['policyChanged', 0],
    ['policyInvalid', 2],
    ['terminated', 143],
    ['checkpointUnusable', 5],
    ['notPermitted', 4],
    ['error', 1],
  ] as const) {
    test(`of a run that ended as ${kind} is ${code}`, () =>
      assert.equal(report({ ending: ended(kind) }).exitCode, code));
  }

  for (const [outcome, code] of [
    ['restarted', 0],
    ['failed', 3],
    ['ineffective', 3],
    ['denied', 3],
    ['reverted', 0],
    ['superseded', 0],
    ['gone', 0],
    ['interrupted', 0],
  ] as const) {
    test(`of a run with one ${outcome} is ${code}`, () => {
      const outcomes = [anOutcome(), anOutcome({ outcome })];
      assert.equal(report({ outcomes }).exitCode, code);
    });
  }

  const failed = [anOutcome({ outcome: 'failed' })];
  for (const { first, over, facts } of [
    { first: 143, over: '4 and 3', facts: { ending: ended('terminated'), notPermitted: ['shop'], outcomes: failed } },
    {
      first: 5,
      over: '4 and 3',
      facts: { ending: ended('checkpointUnusable'), notPermitted: ['shop'], outcomes: failed },
    },
    { first: 4, over: '1 and 3', facts: { ending: ended('error'), notPermitted: ['shop'], outcomes: failed } },
    { first: 4, over: '2', facts: { ending: ended('policyInvalid'), notPermitted: ['shop'] } },
    { first: 4, over: '3', facts: { ending: ended('notPermitted'), outcomes: failed } },
    { first: 1, over: '3', facts: { ending: ended('error'), outcomes: failed } },
    { first: 2, over: '3', facts: { ending: ended('policyInvalid'), outcomes: failed } },
    { first: 3, over: '0', facts: { ending: ended('stopped'), outcomes: failed } },
    { first: 4, over: '0', facts: { notPermitted: ['shop'] } },
  ] satisfies { first: number; over: string; facts: Partial<Facts> }[]) {
    test(`is ${first} before ${over}`, () => assert.equal(report(facts).exitCode, first));
  }
});

describe('the summary is one line', () => {
  const outcomes = (['restarted', 'restarted', 'failed'] satisfies OutcomeKind[]).map(outcome =>
    anOutcome({ outcome }),
  );
  for (const { facts, summary } of [
    { facts: { ending: ended('windowClosed', 'the window is closed') }, summary: 'the window is closed' },
    {
      facts: { outcomes, remaining: 4, left: [aLeave('paused')], ending: ended('stopped', 'stopped: shop/web failed') },
      summary: '2 restarted, 1 failed, 4 to do, 1 left alone: stopped: shop/web failed',
    },
    { facts: { outcomes: outcomes.slice(0, 1), ending: ended('swept', 'all done') }, summary: '1 restarted: all done' },
  ] satisfies { facts: Partial<Facts>; summary: string }[]) {
    test(summary, () => assert.equal(report(facts).summary, summary));
  }
});

test('the report counts outcomes and reasons, and carries what machines read', () => {
  const outcomes = [anOutcome(), anOutcome({ name: 'api', outcome: 'failed', why: 'imagePull', detail: 'no image' })];
  const left = [aLeave('paused', { name: 'a' }), aLeave('paused', { name: 'b' }), aLeave('fresh', { name: 'c' })];
  assert.deepEqual(report({ outcomes, left, remaining: 2 }), {
    version: 1,
    run: RUN,
    window: { kind: 'open', name: 'nights', opensAt: SWEEP, closesAt: '2026-11-24T05:00:00Z' },
    sweep: SWEEP,
    counts: { outcomes: { restarted: 1, failed: 1 }, left: { paused: 2, fresh: 1 } },
    outcomes,
    left: [
      { namespace: 'shop', name: 'a', kind: 'Deployment', why: 'paused', detail: 'left: paused' },
      { namespace: 'shop', name: 'b', kind: 'Deployment', why: 'paused', detail: 'left: paused' },
      { namespace: 'shop', name: 'c', kind: 'Deployment', why: 'fresh', detail: 'left: fresh' },
    ],
    ending: ended('swept'),
    remaining: 2,
    summary: '1 restarted, 1 failed, 2 to do, 3 left alone: it ended: swept',
    exitCode: 3,
  });
});

describe('a window for people', () => {
  for (const { because, state, summary } of [
    {
      because: 'that is closed says when it opens',
      state: { kind: 'closed', why: 'outsideWindows', opensAt: BEGIN },
      summary: { kind: 'closed', why: 'outsideWindows', opensAt: SWEEP },
    },
    {
      because: 'that does not open again says null',
      state: { kind: 'closed', why: 'denied', denyName: 'freeze', opensAt: undefined },
      summary: { kind: 'closed', why: 'denied', opensAt: null },
    },
    {
      because: 'that is ignored does not close',
      state: { kind: 'open', occurrence: OCCURRENCE, closesAt: Number.POSITIVE_INFINITY },
      summary: { kind: 'open', name: 'nights', opensAt: SWEEP, closesAt: null },
    },
  ] as const) {
    test(because, () => assert.deepEqual(summarizeWindow(state), summary));
  }
});

describe('how long until an instant', () => {
  for (const [ahead, text] of [
    [-HOUR, '0s'],
    [0, '0s'],
    [1, '1m'],
    [60_000, '1m'],
    [60_001, '2m'],
    [25 * HOUR, '1d1h'],
  ] as const) {
    test(`${ahead} ms is ${text}`, () => assert.equal(until(NOW + ahead, NOW), text));
  }
});

describe('the summary also says', () => {
  test('of how many nothing is known', () => {
    const left = [aLeave('unknown'), aLeave('unknown', { name: 'api' }), aLeave('paused', { name: 'p' })];
    assert.match(report({ left }).summary, /^3 left alone, 2 of them unknown: /);
  });

  test('how many fell below what their strategy promises', () => {
    const outcomes = [
      anOutcome({ available: { least: 1, promised: 2 } }),
      anOutcome({ name: 'api', available: { least: 2, promised: 2 } }),
      anOutcome({ name: 'gone' }),
    ];
    assert.match(report({ outcomes }).summary, /^3 restarted, 1 below the promised availability: /);
  });
});
