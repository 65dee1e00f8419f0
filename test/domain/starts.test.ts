import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/domain/checkpoint.ts';
import { formatInstant } from '../../src/domain/instant.ts';
import {
  dropUnstarted,
  isNamed,
  isSpare,
  markSpare,
  markStarted,
  nameable,
  nameStarts,
  spares,
  withoutSpare,
} from '../../src/domain/starts.ts';
import { aCheckpoint, aStart, aWorkload, NOW, T } from '../build.ts';

describe('one save names', () => {
  const named = (name: string, count: number) =>
    nameable(Array.from({ length: count }, (_, index) => aWorkload({ name: `${name}${index}` })));
  test('no more than 50', () => assert.equal(named('web-', 200).length, 50));
  test('at least one', () => assert.equal(named('w'.repeat(20_000), 3).length, 1));
  test('as many as are there', () => assert.equal(named('web-', 7).length, 7));
  test('so few of the longest names that the checkpoint stays under 16 KiB', () => {
    const some = named('w'.repeat(240), 60);
    assert.ok(some.length > 5);
    const checkpoint = nameStarts(aCheckpoint({ starts: [] }), some, NOW);
    assert.ok(Buffer.byteLength(encodeCheckpoint(checkpoint)) <= 16 * 1024);
  });
});

describe('starts', () => {
  const web = aWorkload({ revision: 9 });
  const api = aWorkload({ name: 'api' });
  const named = nameStarts(aCheckpoint({ starts: [aStart({ outcome: 'failed' })] }), [web, api], NOW);

  test('are named before they happen, with what tells whether they did', () => {
    const at = formatInstant(NOW);
    const { uid } = aStart({ workload: 'shop/api' });
    assert.deepEqual(named.starts, [
      { ...aStart(), at, revision: 9 },
      { workload: 'shop/api', uid, at, template: 'template-1', revision: 4 },
    ]);
    assert.ok(isNamed(named, web) && isNamed(named, api));
  });

  test('are not named for another workload of that name, nor once they ended', () => {
    assert.ok(!isNamed(named, aWorkload({ uid: 'recreated' })));
    assert.ok(!isNamed(aCheckpoint({ starts: [aStart({ outcome: 'failed' })] }), web));
    assert.ok(!isNamed(aCheckpoint(), web));
  });

  test('get their T, and keep it', () => {
    const [first, second] = markStarted(named, web, { at: '2026-11-24T01:10:07Z' }).starts;
    assert.deepEqual([first?.at, second?.at], ['2026-11-24T01:10:07Z', formatInstant(NOW)]);
  });

  test('get the template and the revision that they are made from, which may be newer than the plan', () => {
    const changed = aWorkload({ template: 'template-2', revision: 10 });
    const [first] = markStarted(named, changed, { at: T }).starts;
    assert.deepEqual(first, { ...aStart(), template: 'template-2', revision: 10 });
  });

  test('that never happened are forgotten at the end of a run', () => {
    const ended = aStart({ workload: 'a/b', outcome: 'restarted' });
    const checkpoint = aCheckpoint({ starts: [ended, ...named.starts] });
    const [first = ended, second = ended] = named.starts;
    assert.deepEqual(dropUnstarted(checkpoint, new Set([second.workload, 'a/b'])).starts, [ended, first]);
  });
});

describe('the mark of a spare Pod', () => {
  const web = aWorkload();
  const marked = markSpare(aCheckpoint({ starts: [aStart(), aStart({ workload: 'shop/api' })] }), web, T);

  test('says where to look for it', () => {
    assert.ok(isSpare(marked, web));
    assert.deepEqual(spares(marked), [{ kind: 'Deployment', namespace: 'shop', name: 'web' }]);
  });

  test('comes with a start where there is none', () => {
    const { starts } = markSpare(aCheckpoint(), web, T);
    assert.deepEqual(starts, [{ ...aStart(), spare: true }]);
  });

  test('outlives whatever becomes of the start', () => {
    const renamed = nameStarts(marked, [web], NOW);
    const started = markStarted(renamed, web, { at: T });
    const dropped = dropUnstarted(started, new Set(['shop/web', 'shop/api']));
    for (const checkpoint of [renamed, started, dropped]) assert.ok(isSpare(checkpoint, web));
    assert.equal(dropped.starts.length, 1);
  });

  test('is never among those that give way', () => {
    const many = Array.from({ length: 150 }, (_, index) =>
      aStart({ workload: `shop/w${index}`, outcome: 'restarted' }),
    );
    const owing = { ...aStart({ outcome: 'failed' }), spare: true as const };
    const decoded = decodeCheckpoint(encodeCheckpoint(aCheckpoint({ starts: [owing, ...many] })));
    assert.ok(decoded.kind === 'checkpoint' && isSpare(decoded.checkpoint, web));
  });

  test('goes when it is taken back, and the start stays', () => {
    assert.deepEqual(withoutSpare(marked, web).starts, [aStart(), aStart({ workload: 'shop/api' })]);
  });
});
