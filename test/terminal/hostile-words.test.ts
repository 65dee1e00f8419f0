import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import { makePlan } from '../../src/domain/plan.ts';
import { makeReport, type Report } from '../../src/domain/report.ts';
import type { Preview } from '../../src/preview.ts';
import { eventsOf } from '../../src/terminal/events.ts';
import { jsonLine, visible } from '../../src/terminal/json.ts';
import { LogAnnouncer } from '../../src/terminal/log.ts';
import { planJson, planText } from '../../src/terminal/plan-view.ts';
import { ProgressAnnouncer } from '../../src/terminal/progress.ts';
import { reportJson, reportText, terminationMessage } from '../../src/terminal/report-view.ts';
import { forgottenText, statusText } from '../../src/terminal/status-view.ts';
import {
  aCheckpoint,
  aLeave,
  anInFlight,
  anOutcome,
  aRestart,
  aStart,
  BEGIN,
  BY,
  HOUR,
  NOW,
  OCCURRENCE,
  RUN,
  SWEEP,
  T,
  WANT,
} from '../build.ts';
import { SOME_NEWS } from './some-news.ts';

/**
 * Words of the cluster: a name, an annotation, what a container, a webhook or an Event says. In none of what a person
 * reads do they break a line, move the cursor, change colours or turn the direction; and machines get them unharmed.
 */

const HOSTILE =
  'a\u001b[31m\u001b]0;t\u0007\r\n{"level":"info"}\u0000\u007f\u009b2J\u202e\u2066\u2028\u2029\u200b\u{e0041}é🌙';
const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
/** What a program goes by. */
const CODES = new Set(['kind', 'why', 'outcome', 'id', 'opensAt', 'resumes']);

/** The value with the hostile words behind each of its texts, but for codes. */
function tainted<T>(value: T): T;
function tainted(value: unknown): unknown {
  if (typeof value === 'string') return value + HOSTILE;
  if (Array.isArray(value)) return value.map(item => tainted(item));
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, CODES.has(key) ? member : tainted(member)]),
  );
}

const OUTCOMES = (['failed', 'denied', 'reverted', 'restarted'] as const).map(outcome =>
  anOutcome({ outcome, detail: 'words', ...(outcome === 'failed' ? { why: 'imagePull' as const } : {}) }),
);
const REPORT: Report = makeReport({
  run: RUN,
  window: { kind: 'open', occurrence: OCCURRENCE, closesAt: BEGIN + HOUR },
  sweep: SWEEP,
  left: [aLeave('unknown')],
  outcomes: OUTCOMES,
  remaining: 3,
  ending: { kind: 'stopped', detail: 'stopped' },
  notPermitted: [],
});
const CHECKPOINT = aCheckpoint({
  hold: { run: 'run', pod: { name: 'pod', uid: 'u' } },
  stop: { at: T, why: 'denials', detail: 'words', want: WANT },
  starts: [aStart(), aStart({ outcome: 'failed' })],
  runs: [{ run: 'run', began: T, ended: T, exitCode: 3, summary: 'words' }],
});
const VERDICTS = [
  aRestart({ by: 'evict' }),
  aRestart({ by: 'evict' }),
  aRestart({ by: 'evict' }),
  anInFlight(),
  aLeave('unknown'),
  aLeave('paused'),
];
const PREVIEW: Preview & { readonly kind: 'plan' } = {
  kind: 'plan',
  window: { kind: 'open', occurrence: OCCURRENCE, closesAt: BEGIN + HOUR },
  plan: makePlan(VERDICTS, { sizes: [1, 5], place: 0, probing: false }),
  sweep: SWEEP,
  stop: 'words',
  unready: 'words',
  unseen: ['words'],
  unserved: [],
  strangers: [{ controller: 'words', pods: 1, why: 'unknownController' }],
  missing: 'words',
  skipped: [{ namespace: 'words', why: 'words' }],
};

const TEXTS: Readonly<Record<string, (change: <T>(value: T) => T) => string>> = {
  'a plan': change => planText(change(PREVIEW), NOW),
  'a report': change => reportText(change(REPORT)),
  'a status': change => statusText(change(CHECKPOINT), BY),
  'a reset': change => forgottenText(change(CHECKPOINT), BY),
};

describe('for people', () => {
  for (const [what, textOf] of Object.entries(TEXTS)) {
    test(`${what} has as many lines as with good words, and nothing that a terminal obeys`, () => {
      const lines = textOf(tainted).split('\n');
      assert.equal(lines.length, textOf(value => value).split('\n').length, lines.join('\n'));
      for (const line of lines) assert.doesNotMatch(line, OBEYED);
      assert.ok(lines.some(line => line.includes('é🌙')));
    });
  }

  test('news of every kind are one line, and nothing that a terminal obeys', () => {
    const lines: string[] = [];
    const announcer = new ProgressAnnouncer({ write: line => void lines.push(line), now: () => NOW, colours: false });
    for (const news of Object.values(SOME_NEWS)) announcer.tell(tainted(news));
    assert.ok(lines.length > 15);
    for (const line of lines) assert.doesNotMatch(line, OBEYED);
  });

  test('an Event and what kubectl describe shows of the Pod have nothing that a terminal obeys', () => {
    const report = tainted(REPORT);
    const events = eventsOf(report);
    assert.equal(events.length, 4);
    for (const { message } of events) assert.doesNotMatch(message, OBEYED);
    assert.doesNotMatch(terminationMessage(report), OBEYED);
  });
});

describe('for machines', () => {
  test('JSON is one line of what a terminal shows as it is, and means what it meant', () => {
    for (const value of [planJson(tainted(PREVIEW)), reportJson(tainted(REPORT)), tainted(CHECKPOINT), HOSTILE]) {
      const line = jsonLine(value);
      assert.doesNotMatch(line, OBEYED);
      assert.deepEqual(JSON.parse(line), JSON.parse(JSON.stringify(value)));
    }
  });

  test('a log line is one, whatever the news', () => {
    const lines: string[] = [];
    const log = new LogAnnouncer(pino({ level: 'debug' }, { write: (line: string) => void lines.push(visible(line)) }));
    for (const news of Object.values(SOME_NEWS)) log.tell(tainted(news));
    assert.equal(lines.length, Object.keys(SOME_NEWS).length);
    for (const line of lines) assert.doesNotMatch(line.replace(/\n$/, ''), OBEYED);
    const repeating = lines.map(line => JSON.parse(line)).find(line => String(line.msg).includes('repeating'));
    assert.equal(repeating.detail, `503${HOSTILE}`);
  });
});
