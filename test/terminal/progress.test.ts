import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { News } from '../../src/news.ts';
import { ProgressAnnouncer } from '../../src/terminal/progress.ts';
import { anOutcome, NOW } from '../build.ts';
import { SOME_NEWS } from './some-news.ts';

/** What a person reads, without the time of day. */
function told(news: News, { colours = false } = {}): string[] {
  const lines: string[] = [];
  new ProgressAnnouncer({ write: line => lines.push(line), now: () => NOW, colours }).tell(news);
  return lines.map(line => {
    assert.match(line, /^\d\d:\d\d:\d\d {2}/);
    return line.slice(10);
  });
}

describe('a person who watches reads', () => {
  for (const [kind, line] of [
    ['windowIgnored', 'window      ignored, as told'],
    ['waitingForHold', 'wait        up to 1m to see whether run other is still there'],
    ['namespaceSkipped', 'skip        namespace secret: forbidden'],
    ['planned', 'plan        2 restarts in batches of 1, 1, 1 in flight from an earlier run; 2 left alone (2 paused)'],
    ['batchStarted', 'batch       of 5, then 34 to do'],
    ['pausing', 'pause       1m30s, then 34 to do'],
    ['resumed', 'resume      shop/web, restarted 2026-11-24T01:05:00Z'],
    ['started', 'start       shop/web  proxy runs proxy:1'],
    ['repeating', 'repeat      shop/web  503'],
    ['judgedAgain', 'again       shop/web changed since the plan; paused: somebody did'],
    ['ended', 'done        shop/web  in 40 s  34 to do, at least 2m16s'],
    ['ending', 'end         nothing new starts: the window closed'],
    ['trouble', 'retry       connection reset'],
  ] as const) {
    test(line, () => assert.deepEqual(told(SOME_NEWS[kind]), [line]));
  }

  test('nothing of steps and saves', () => {
    assert.deepEqual([...told(SOME_NEWS.progress), ...told(SOME_NEWS.saved)], []);
  });

  test('something of everything else', () => {
    for (const news of Object.values(SOME_NEWS)) {
      if (news.kind !== 'progress' && news.kind !== 'saved') assert.equal(told(news).length, 1, news.kind);
    }
  });
});

test('why a batch is small after a restart that did not help', () => {
  assert.deepEqual(told({ ...SOME_NEWS.batchStarted, size: 1, probing: true }), [
    'batch       of 1, for the last restart did not help, then 34 to do',
  ]);
});

describe('the end of a restart', () => {
  const ended = (given: Parameters<typeof anOutcome>[0], more = {}): string =>
    told({ ...SOME_NEWS.ended, ...more, outcome: anOutcome(given) })[0] ?? '';

  test('has its note', () => {
    assert.match(
      ended({ detail: '3 old Pods still terminating' }, { remaining: 0 }),
      /in 40 s \(3 old Pods still terminating\)$/,
    );
  });

  test('that failed has the reason a person needs', () => {
    const line = ended({ outcome: 'failed', why: 'imagePull', detail: 'container app: ErrImagePull: not found' });
    assert.match(line, /^failed {6}shop\/web {2}imagePull: container app: ErrImagePull: not found {2}34 to do/);
  });

  test('says what is to do, and how long that takes at least, once that is known', () => {
    assert.match(ended({}, { remaining: 14, typicalSeconds: 40, width: 10 }), /14 to do$/);
    assert.match(ended({}, { remaining: 15, typicalSeconds: 40, width: 10 }), /15 to do, at least 1m$/);
    assert.match(ended({}, { remaining: 5, typicalSeconds: 0 }), /5 to do$/);
    assert.match(ended({}, { remaining: 0 }), /in 40 s$/);
  });
});

test('colours change nothing else', () => {
  for (const news of Object.values(SOME_NEWS)) {
    assert.deepEqual(told(news, { colours: true }).map(stripVTControlCharacters), told(news));
  }
});

test('what comes from the cluster moves no cursor and breaks no line', () => {
  const [line = ''] = told({ ...SOME_NEWS.repeating, detail: 'a\u001b[2J\nb\u202ec' });
  assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
});
