import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatRecord, parseRecord } from '../src/domain/record.ts';
import { OutOfReach } from '../src/ports.ts';
import { aRestart, aTrouble, type GivenWorkload, LAST_MONTH, SECOND } from './build.ts';
import { formatInstant } from '../src/domain/instant.ts';
import { getsStuck } from './fake-world.ts';
import { walk, type Walk } from './walk.ts';

const REF = { kind: 'Deployment', namespace: 'shop', name: 'w0' } as const;
const BEFORE = formatInstant(LAST_MONTH);
const CRASHES = getsStuck({ troubles: [aTrouble()] });

/** One that does not come up, under a policy that takes such restarts back. */
async function failing({
  given = {},
  undo = true,
  ...more
}: Walk & { readonly given?: GivenWorkload; readonly undo?: boolean } = {}) {
  const walked = await walk({
    restarts: [aRestart({ name: 'w0', restartedAt: BEFORE, ...given }), aRestart({ name: 'w1' })],
    scripts: { w0: CRASHES },
    policy: { onFailure: { undo }, batches: { sizes: [1], pause: '0s' } },
    ...more,
  });
  const [first] = walked.executed.outcomes;
  const standing = walked.cluster.get({ ...REF, kind: given.kind ?? 'Deployment' });
  return { ...walked, first, standing, record: parseRecord(standing?.record) };
}

describe('a restart that failed', () => {
  test('is taken back, and told to be undone with the reason of its failure', async () => {
    const { first, standing, record, executed, hold, announcer } = await failing();
    assert.deepEqual([first?.outcome, first?.why], ['undone', 'crashLoopBackOff']);
    assert.equal(standing?.restartedAt, BEFORE);
    assert.deepEqual([record?.outcome, record?.reason, record?.undone], ['failed', 'crashLoopBackOff', true]);
    assert.deepEqual([executed.ending?.kind, executed.remaining], ['stopped', 1]);
    assert.equal(hold.checkpoint.starts[0]?.outcome, 'failed');
    assert.equal(announcer.of('undoing').length, 1);
    assert.equal(announcer.of('ended').length, 1);
  });

  test('goes back to nothing where nothing stood there before', async () => {
    const { first, standing } = await failing({ given: { restartedAt: undefined } });
    assert.deepEqual([first?.outcome, standing?.restartedAt], ['undone', undefined]);
  });

  test('stays as it is where the policy does not say so', async () => {
    const { first, standing, cluster } = await failing({ undo: false });
    assert.equal(first?.outcome, 'failed');
    assert.notEqual(standing?.restartedAt, BEFORE);
    assert.ok(!cluster.calls.some(call => call.startsWith('undo')));
  });

  test('is saved as failed before it is taken back', async () => {
    const saved: unknown[] = [];
    await failing({
      before: ({ cluster, store }) => {
        cluster.onUndo = apply => {
          saved.push(store.checkpoint.starts[0]?.outcome, store.checkpoint.stop?.why);
          return Promise.resolve(apply());
        };
      },
    });
    assert.deepEqual(saved, ['failed', 'failures']);
  });

  test('is taken back under a hold that is fresh', async () => {
    const ages: number[] = [];
    await failing({
      before: ({ cluster, hold, clock, announcer }) => {
        const tell = announcer.tell.bind(announcer);
        let read = false;
        announcer.tell = news => {
          if (news.kind === 'undoing') read = true;
          tell(news);
        };
        const workload = cluster.workload.bind(cluster);
        cluster.workload = async ref => {
          const found = await workload(ref);
          // The read took its time, and nothing was saved meanwhile.
          if (read) {
            read = false;
            hold.isFresh = () => {
              ages.push(clock.elapsed());
              return ages.length > 1;
            };
          }
          return found;
        };
        cluster.onUndo = apply => {
          ages.push(-1);
          return Promise.resolve(apply());
        };
      },
    });
    assert.ok(ages.indexOf(-1) >= 1, 'the hold is asked before it is taken back');
  });

  test('is in flight until the Pods from before are back', async () => {
    const { announcer } = await failing();
    const [undoing] = announcer.told.filter(({ kind }) => kind === 'undoing');
    const [ended] = announcer.told.filter(({ kind }) => kind === 'ended');
    assert.ok((ended?.time ?? 0) - (undoing?.time ?? 0) >= 10 * SECOND);
  });

  for (const { because, detail, ...more } of [
    {
      because: 'the API server denies it',
      detail: /; not undone: not on my watch$/,
      before: ({ cluster }) => (cluster.onUndo = () => Promise.resolve({ kind: 'denied', message: 'not on my watch' })),
    },
    {
      because: 'somebody has changed it meanwhile',
      detail: /; not undone: somebody has changed it$/,
      before: ({ cluster, announcer }) => {
        const tell = announcer.tell.bind(announcer);
        announcer.tell = news => {
          if (news.kind === 'undoing') cluster.update(REF, { template: 'theirs' });
          tell(news);
        };
      },
    },
    {
      because: 'it was restarted again, by us, meanwhile',
      detail: /; not undone: somebody has changed it$/,
      before: ({ cluster, announcer }) => {
        const tell = announcer.tell.bind(announcer);
        announcer.tell = news => {
          const standing = cluster.get(REF);
          const record = parseRecord(standing?.record);
          if (news.kind === 'undoing' && record !== undefined) {
            const at = formatInstant(Date.parse(record.at) + SECOND);
            cluster.update(REF, { restartedAt: at, record: formatRecord({ ...record, at }) });
          }
          tell(news);
        };
      },
    },
    {
      because: 'nobody answers',
      detail: /; not undone: no answer$/,
      before: ({ cluster }) =>
        (cluster.onUndo = () => Promise.resolve({ kind: 'unanswered', message: 'no answer', retryAfter: 100 })),
    },
    {
      because: 'it cannot be read',
      detail: /; not undone: out of reach$/,
      before: ({ cluster, announcer }) => {
        const tell = announcer.tell.bind(announcer);
        const read = cluster.workload.bind(cluster);
        announcer.tell = news => {
          if (news.kind === 'undoing') cluster.workload = () => Promise.reject(new OutOfReach('out of reach'));
          if (news.kind === 'ended') cluster.workload = read;
          tell(news);
        };
      },
    },
  ] satisfies readonly (Walk & { readonly because: string; readonly detail: RegExp })[]) {
    test(`stays failed, with both reasons, when ${because}`, async () => {
      const { first } = await failing(more);
      assert.equal(first?.outcome, 'failed');
      assert.match(first?.detail ?? '', detail);
    });
  }

  test('is taken back once when the answer to that is lost', async () => {
    let calls = 0;
    const { first, cluster } = await failing({
      before: world => {
        world.cluster.onUndo = apply => {
          const answer = apply();
          return Promise.resolve(calls++ === 0 ? { kind: 'unanswered', message: 'reset', retryAfter: 100 } : answer);
        };
      },
    });
    assert.equal(first?.outcome, 'undone');
    assert.equal(cluster.calls.filter(call => call.startsWith('undo')).length, 1);
  });

  test('of a StatefulSet is not taken back, because its broken Pod would stand in the way', async () => {
    const { first, cluster } = await failing({ given: { kind: 'StatefulSet' } });
    assert.equal(first?.outcome, 'failed');
    assert.match(first?.detail ?? '', /a StatefulSet does not go back while its broken Pod is there: delete that Pod$/);
    assert.ok(!cluster.calls.some(call => call.startsWith('undo')));
  });

  test('of a Rollout is not taken back, because its Pods from before are gone', async () => {
    const { first, cluster } = await failing({ given: { kind: 'Rollout' } });
    assert.equal(first?.outcome, 'failed');
    assert.match(first?.detail ?? '', /not undone: a Rollout does not go back: its Pods from before were evicted/);
    assert.ok(!cluster.calls.some(call => call.startsWith('undo')));
  });
});
