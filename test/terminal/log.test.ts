import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import { makeReport } from '../../src/domain/report.ts';
import type { News } from '../../src/news.ts';
import { LogAnnouncer } from '../../src/terminal/log.ts';
import { aLeave, anOutcome, BEGIN, HOUR, OCCURRENCE, RUN, SWEEP } from '../build.ts';
import { SOME_NEWS } from './some-news.ts';

function aLog(): { readonly log: LogAnnouncer; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const options = {
    level: 'debug',
    base: null,
    timestamp: false,
    messageKey: 'message',
    formatters: { level: (level: string) => ({ level }) },
  };
  return { log: new LogAnnouncer(pino(options, stream)), lines };
}

function told(news: News): Record<string, unknown> {
  const { log, lines } = aLog();
  log.tell(news);
  return lines[0] ?? assert.fail('nothing was told');
}

describe('each kind of news is one line with a constant message', () => {
  for (const news of Object.values(SOME_NEWS)) {
    test(news.kind, () => {
      const { log, lines } = aLog();
      log.tell(news);
      assert.equal(lines.length, 1);
      assert.doesNotMatch(String(lines[0]?.['message']), /shop|web|\d/);
    });
  }

  test('and no two have the same', () => {
    const messages = Object.values(SOME_NEWS).map(news => told(news)['message']);
    assert.equal(new Set(messages).size, messages.length);
  });
});

describe('the fields', () => {
  test('of a start are the workload, T and why', () => {
    assert.deepEqual(told(SOME_NEWS.started), {
      level: 'info',
      workload: 'shop/web',
      at: '2026-11-24T01:05:00Z',
      way: 'rollout',
      why: 'containerImage',
      detail: 'proxy runs proxy:1',
      message: 'restart started',
    });
  });

  test('of an end are the outcome, its reason and how long it took', () => {
    const outcome = anOutcome({ outcome: 'failed', why: 'imagePull', detail: 'no image' });
    assert.deepEqual(told({ ...SOME_NEWS.ended, outcome }), {
      level: 'error',
      workload: 'shop/web',
      outcome: 'failed',
      why: 'imagePull',
      detail: 'no image',
      seconds: 40,
      remaining: 34,
      message: 'restart ended',
    });
  });

  test('of a plan are its batches and what is left', () => {
    const { inFlight, batches, left } = told(SOME_NEWS.planned);
    assert.deepEqual({ inFlight, batches, left }, { inFlight: 1, batches: [1, 1], left: '2 paused' });
  });

  test('of an error that nobody foresaw have its stack', () => {
    const { level, error } = told(SOME_NEWS.unexpected);
    assert.equal(level, 'error');
    assert.match(String(error), /TypeError: boom\n\s+at /);
  });
});

describe('the level', () => {
  for (const [outcome, level] of [
    ['restarted', 'info'],
    ['failed', 'error'],
    ['ineffective', 'warn'],
    ['reverted', 'warn'],
    ['denied', 'warn'],
  ] as const) {
    test(`of a restart that ended as ${outcome} is ${level}`, () => {
      assert.equal(told({ ...SOME_NEWS.ended, outcome: anOutcome({ outcome }) })['level'], level);
    });
  }

  test('of a window that is ignored is loud', () => assert.equal(told(SOME_NEWS.windowIgnored)['level'], 'warn'));
});

describe('the end of a run is one line', () => {
  for (const { ending, level, exitCode } of [
    { ending: { kind: 'swept', detail: 'done' }, level: 'info', exitCode: 0 },
    { ending: { kind: 'error', detail: 'away' }, level: 'error', exitCode: 1 },
  ] as const) {
    test(`of level ${level} for exit code ${exitCode}`, async () => {
      const { log, lines } = aLog();
      const window = { kind: 'open', occurrence: OCCURRENCE, closesAt: BEGIN + HOUR } as const;
      const facts = {
        run: RUN,
        window,
        sweep: SWEEP,
        left: [aLeave('paused')],
        outcomes: [anOutcome()],
        remaining: 0,
        ending,
        notPermitted: [],
      };
      await log.report(makeReport(facts));
      assert.deepEqual(lines, [
        {
          level,
          summary: `1 restarted, 1 left alone: ${ending.detail}`,
          ending: ending.kind,
          sweep: SWEEP,
          outcomes: { restarted: 1 },
          left: { paused: 1 },
          remaining: 0,
          exitCode,
          message: 'run ended',
        },
      ]);
    });
  }
});
