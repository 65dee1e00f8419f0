/** The guard where the policy lets failed restarts be taken back: to what stood there before, and to nothing else. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { formatInstant, nextRestartedAt } from '../../src/domain/instant.ts';
import { keyOf, type Kind, LAST_RESTART, RESTARTED_AT, type WorkloadRef } from '../../src/domain/model.ts';
import { formatRecord, parseRecord, type RestartRecord } from '../../src/domain/record.ts';
import type { PatchAnswer } from '../../src/ports.ts';
import { aRecord } from '../build.ts';
import { deployment, namespace, ofKind } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import { type Bed, denial, guardedCluster } from './guard-bed.ts';

let bed: Bed;
before(async () => {
  bed = await guardedCluster({ onFailure: { undo: true }, restart: { way: 'rollout' } });
  await bed.cluster.kubectlApply(JSON.stringify(namespace('willing', { injected: false })));
});
after(() => bed.cluster.stop());

const EARLIER = '2026-01-01T00:00:00Z';
const pathOf = ({ kind, name }: WorkloadRef): string =>
  `/apis/apps/v1/namespaces/willing/${kind.toLowerCase()}s/${name}`;

let count = 0;

/** One that was restarted, and what that was recorded as. */
async function restarted(
  stood: string | undefined,
  kind: Exclude<Kind, 'StatefulSet' | 'Rollout'> = 'Deployment',
): Promise<{ readonly ref: WorkloadRef; readonly record: RestartRecord }> {
  const ref: WorkloadRef = { kind, namespace: 'willing', name: `app-${count++}` };
  const wishes = { ...ref, ...(stood === undefined ? {} : { podAnnotations: { [RESTARTED_AT]: stood } }) };
  const body = kind === 'Deployment' ? deployment(wishes) : ofKind(kind, wishes);
  await bed.cluster.api(pathOf({ ...ref, name: '' }).slice(0, -1), { method: 'POST', body });
  const record = await accepted(ref, async workload => {
    const at = nextRestartedAt(Date.now(), workload.restartedAt);
    const made = aRecord({ at, template: workload.template, before: workload.restartedAt });
    return { answer: await bed.worker.cluster.restart({ workload, at, record: formatRecord(made) }), made };
  });
  return { ref, record };
}

type Judged = NonNullable<Awaited<ReturnType<Bed['worker']['cluster']['workload']>>>;

/** Again, when its status has changed in between. */
function accepted<T>(
  ref: WorkloadRef,
  attempt: (workload: Judged) => Promise<{ readonly answer: PatchAnswer; readonly made: T }>,
): Promise<T> {
  return until(`${keyOf(ref)} is changed`, async () => {
    const workload = await bed.worker.cluster.workload(ref);
    assert.ok(workload);
    const { answer, made } = await attempt(workload);
    assert.ok(answer.kind === 'accepted' || answer.kind === 'conflict', JSON.stringify(answer));
    return answer.kind === 'accepted' && made;
  });
}

const ended = (record: RestartRecord): string =>
  formatRecord({ ...record, outcome: 'failed', reason: 'imagePull', undone: true });

async function undone(ref: WorkloadRef, record: RestartRecord): Promise<void> {
  const back = record.before;
  await accepted(ref, async workload => ({
    answer: await bed.worker.cluster.undo({ workload, back, record: ended(record) }),
    made: true,
  }));
}

describe('the worker takes its restart back', () => {
  for (const kind of ['Deployment', 'DaemonSet'] as const) {
    for (const stood of [undefined, '', EARLIER]) {
      test(`of a ${kind} to ${JSON.stringify(stood) ?? 'nothing'}, and restarts it again`, async () => {
        const { ref, record } = await restarted(stood, kind);
        await undone(ref, record);
        const gone = await bed.worker.cluster.workload(ref);
        assert.equal(gone?.restartedAt, stood);
        assert.equal(parseRecord(gone?.record)?.undone, true);
        await accepted(ref, async workload => {
          const at = formatInstant(Date.now() + 60_000);
          const made = aRecord({ at, template: workload.template, before: workload.restartedAt });
          return { answer: await bed.worker.cluster.restart({ workload, at, record: formatRecord(made) }), made };
        });
      });
    }
  }
});

describe('a spare Pod of before, when the policy let workloads have one, is taken back all the same', () => {
  const stamp = (at: string | null) => ({ template: { metadata: { annotations: { [RESTARTED_AT]: at } } } });
  const cases: Readonly<Record<string, object>> = {
    'where nobody has changed it': {},
    'where somebody has restarted it': stamp('2026-01-02T00:00:00Z'),
    'where restartedAt was taken away': stamp(null),
    'where somebody has restarted it and set another number, which stays': { replicas: 7, ...stamp('by hand') },
  };
  for (const [what, spec] of Object.entries(cases)) {
    test(what, async () => {
      const { ref } = await restarted(EARLIER);
      const { template, restartedAt } = (await bed.worker.cluster.workload(ref)) ?? assert.fail();
      const at = nextRestartedAt(Date.now(), restartedAt);
      const outcome = { outcome: 'failed', reason: 'timeout' } as const;
      const owed = aRecord({ at, template, before: restartedAt, way: 'replace', replicas: 1, ...outcome });
      const body = { metadata: { annotations: { [LAST_RESTART]: formatRecord(owed) } }, spec: { replicas: 2 } };
      await bed.cluster.api(pathOf(ref), { method: 'PATCH', body });
      await bed.cluster.api(pathOf(ref), { method: 'PATCH', body: { spec } });
      const { replicas: _, ...returned } = owed;
      const record = formatRecord(returned);
      const whole = await accepted(ref, async workload => {
        const answer = await (workload.replicas === 2
          ? bed.worker.cluster.rescale({ workload, replicas: 1, record })
          : bed.worker.cluster.rewriteRecord(workload, record));
        return { answer, made: answer.kind === 'accepted' && answer.workload };
      });
      assert.deepEqual(whole && [whole.replicas, whole.record], ['replicas' in spec ? 7 : 1, record]);
      await assert.rejects(bed.thief.request(pathOf(ref), { method: 'PATCH', body }), { status: 422 });
    });
  }
});

describe('whoever has the token cannot', () => {
  const back = (at: string | null, record: string): object => ({
    metadata: { annotations: { [LAST_RESTART]: record } },
    spec: { template: { metadata: { annotations: { [RESTARTED_AT]: at } } } },
  });
  const cases: Readonly<Record<string, (record: RestartRecord) => object>> = {
    'go back to another time': record => back('2025-01-01T00:00:00Z', ended(record)),
    'go back to nothing': record => back(null, ended(record)),
    'go back without saying so': record => back(EARLIER, formatRecord({ ...record, outcome: 'failed' })),
    'go back with a record that says something else': record =>
      back(EARLIER, ended({ ...record, want: 'f'.repeat(16) })),
    'go back with another image': record => ({
      ...back(EARLIER, ended(record)),
      spec: {
        template: {
          metadata: { annotations: { [RESTARTED_AT]: EARLIER } },
          spec: { containers: [{ name: 'app', image: 'example.test/evil:1' }] },
        },
      },
    }),
    'say that it was undone while it was not': record => back(record.at, ended(record)),
    'write down another time to go back to': record =>
      back(record.at, formatRecord({ ...record, before: '2025-01-01T00:00:00Z' })),
    'restart with another time to go back to': ({ at, ...record }) => {
      const later = nextRestartedAt(Date.now(), at);
      return back(later, formatRecord({ ...record, at: later, before: '2025-01-01T00:00:00Z' }));
    },
  };
  for (const [what, change] of Object.entries(cases)) {
    test(what, async () => {
      const { ref, record } = await restarted(EARLIER);
      await denial(bed, pathOf(ref), { method: 'PATCH', body: change(record) });
      assert.equal((await bed.worker.cluster.workload(ref))?.restartedAt, record.at);
    });
  }

  test('go back to nothing where something stood without a value, or to that where nothing stood', async () => {
    for (const [stood, to] of [
      ['', null],
      [undefined, ''],
    ] as const) {
      const { ref, record } = await restarted(stood);
      for (const said of [record.before, to ?? undefined]) {
        const body = back(to, ended({ ...record, before: said }));
        await assert.rejects(bed.thief.request(pathOf(ref), { method: 'PATCH', body }), { status: 422 });
      }
    }
  });

  test('invent something to go back to where nothing stood', async () => {
    const { ref, record } = await restarted(undefined);
    const later = nextRestartedAt(Date.now(), record.at);
    for (const body of [
      back(record.at, formatRecord({ ...record, before: EARLIER })),
      // An annotation without a value is another template than none.
      back('', ended(record)),
      back(EARLIER, ended({ ...record, before: EARLIER })),
      back(later, formatRecord({ ...record, at: later, before: EARLIER })),
    ]) {
      await assert.rejects(bed.thief.request(pathOf(ref), { method: 'PATCH', body }), { status: 422 });
    }
  });
});
