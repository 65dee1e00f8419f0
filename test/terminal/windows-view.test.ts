import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { windowsJson, windowsText } from '../../src/terminal/windows-view.ts';
import { someWindows } from '../domain/window-build.ts';

const at = (text: string): number => Date.parse(text);

describe('the windows for people', () => {
  test('are listed in local time, with what denies them, for two weeks', () => {
    const windows = someWindows({
      timeZone: 'Europe/Berlin',
      allow: ['weekend: 0 22 * * 5 for 6h'],
      deny: ['freeze: 2026-12-04 until 2026-12-06'],
    });
    assert.equal(
      windowsText(windows, at('2026-11-27T22:30:00Z')),
      `OPENS (Europe/Berlin)   CLOSES                 LASTS   WINDOW
Fri 2026-11-27 22:00    Sat 2026-11-28 04:00   6h      weekend   open now
Fri 2026-12-04 22:00    Sat 2026-12-05 04:00   6h      weekend   denied by freeze
Fri 2026-12-11 22:00    Sat 2026-12-12 04:00   6h      weekend`.replaceAll(/ +$/gm, ''),
    );
  });

  test('show the hour that a clock change takes or gives', () => {
    const windows = someWindows({ timeZone: 'Europe/Berlin', allow: ['nights: 0 1 * * * for 4h'] });
    const line = windowsText(windows, at('2026-10-25T12:00:00Z') - 24 * 3_600_000).split('\n')[1];
    assert.match(line ?? '', /^Sun 2026-10-25 01:00 +Sun 2026-10-25 04:00 +4h/);
  });

  test('that never close say so', () => {
    const windows = someWindows({ allow: ['always: 0 * * * * for 1h'] });
    assert.match(windowsText(windows, at('2026-11-24T01:10:00Z')), /never +always +open now/);
  });

  test('say when there is none', () => {
    const windows = someWindows({ allow: ['leap: 0 1 29 2 * for 4h'] });
    assert.equal(windowsText(windows, at('2026-11-24T01:10:00Z')), 'No window opens in the next two weeks.');
  });
});

describe('the windows for machines', () => {
  test('have an end only where there is one', () => {
    const now = { kind: 'open', name: 'always', opensAt: '2026-11-24T01:00:00Z', closesAt: null };
    const { kind, name, closesAt } = now;
    assert.deepEqual(windowsJson(someWindows({ allow: ['always: 0 * * * * for 1h'] }), at('2026-11-24T01:10:00Z')), {
      version: 1,
      now,
      upcoming: [{ kind, name, opensAt: '2026-11-24T01:00:00Z', closesAt }],
    });
  });
});

test('the windows for machines have instants, and null for an end that never comes', () => {
  const now = at('2026-11-24T01:10:00Z');
  const nights = someWindows({ allow: ['nights: 0 1 * * * for 4h'], deny: ['freeze: 2026-11-25 until 2026-12-30'] });
  const opening = { name: 'nights', opensAt: '2026-11-24T01:00:00Z', closesAt: '2026-11-24T05:00:00Z' };
  const seen = JSON.parse(JSON.stringify(windowsJson(nights, now)));
  assert.deepEqual(
    [seen.version, seen.now, seen.upcoming[0]],
    [1, { kind: 'open', ...opening }, { kind: 'open', ...opening }],
  );
  assert.deepEqual([seen.upcoming[1].kind, seen.upcoming[1].denyName], ['denied', 'freeze']);
  const always = JSON.parse(JSON.stringify(windowsJson(someWindows({ allow: ['always: 0 * * * * for 1h'] }), now)));
  assert.deepEqual([always.now.closesAt, always.upcoming[0].closesAt], [null, null]);
});
