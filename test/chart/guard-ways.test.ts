/** The guard where the policy lets Pods be evicted and a spare one be there for a while: that, and nothing more. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { nextRestartedAt } from '../../src/domain/instant.ts';
import {
  keyOf,
  LAST_RESTART,
  RESTARTED_AT,
  type Pod,
  type Workload,
  type WorkloadRef,
} from '../../src/domain/model.ts';
import { formatRecord, type RestartRecord } from '../../src/domain/record.ts';
import type { PatchAnswer } from '../../src/ports.ts';
import { aPod, aRecord } from '../build.ts';
import { deployment, namespace, ofKind } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import { type Bed, denial, guardedCluster } from './guard-bed.ts';
import { aPodNamed, PODS } from './guard-means.ts';

let bed: Bed;
before(async () => {
  bed = await guardedCluster({ onFailure: { undo: true }, restart: { mayReplace: true } });
  await bed.cluster.kubectlApply(JSON.stringify(namespace('willing', { injected: false })));
});
after(() => bed.cluster.stop());

const EARLIER = '2026-01-01T00:00:00Z';
const LATER = '2026-01-02T00:00:00Z';
const pathOf = ({ kind, name }: WorkloadRef): string =>
  `/apis/apps/v1/namespaces/willing/${kind.toLowerCase()}s/${name}`;

let count = 0;

/** A new one of so many, restarted at EARLIER by somebody else, or never. */
async function created(
  replicas: number,
  stood?: string,
  kind: 'Deployment' | 'StatefulSet' = 'Deployment',
): Promise<WorkloadRef> {
  const ref: WorkloadRef = { kind, namespace: 'willing', name: `app-${count++}` };
  const wishes = { ...ref, replicas, ...(stood === undefined ? {} : { podAnnotations: { [RESTARTED_AT]: stood } }) };
  const body = kind === 'Deployment' ? deployment(wishes) : ofKind(kind, wishes);
  await bed.cluster.api(pathOf({ ...ref, name: '' }).slice(0, -1), { method: 'POST', body });
  return ref;
}

async function read(ref: WorkloadRef): Promise<Workload> {
  const workload = await bed.worker.cluster.workload(ref);
  assert.ok(workload);
  return workload;
}

/** The worker's own PATCH, again when the status has changed in between. */
function accepted(ref: WorkloadRef, attempt: (workload: Workload) => Promise<PatchAnswer>): Promise<Workload> {
  return until(`${keyOf(ref)} is changed`, async () => {
    const answer = await attempt(await read(ref));
    assert.ok(answer.kind === 'accepted' || answer.kind === 'conflict', JSON.stringify(answer));
    return answer.kind === 'accepted' && answer.workload;
  });
}

const recordOf = (workload: Workload, given: Partial<RestartRecord> = {}): RestartRecord =>
  aRecord({
    at: nextRestartedAt(Date.now(), workload.restartedAt),
    template: workload.template,
    before: workload.restartedAt,
    way: 'replace',
    ...given,
  });

const write = (ref: WorkloadRef, record: RestartRecord) =>
  accepted(ref, workload => bed.worker.cluster.rewriteRecord(workload, formatRecord(record)));
const scaleBack = (ref: WorkloadRef, replicas: number, record: RestartRecord) =>
  accepted(ref, workload => bed.worker.cluster.scaleBack({ workload, replicas, record: formatRecord(record) }));
const rescale = (ref: WorkloadRef, replicas: number, record: RestartRecord) =>
  accepted(ref, workload => bed.worker.cluster.rescale({ workload, replicas, record: formatRecord(record) }));

interface Begun {
  readonly ref: WorkloadRef;
  readonly record: RestartRecord;
}

/** As `created`, and its restart is begun. */
async function begun(replicas: number, stood?: string): Promise<Begun> {
  const ref = await created(replicas, stood);
  const record = recordOf(await read(ref));
  await write(ref, record);
  return { ref, record };
}

/** The same, with its spare Pod. */
async function grown(replicas: number, stood?: string): Promise<Begun> {
  const { ref, record } = await begun(replicas, stood);
  const owed = { ...record, replicas };
  await rescale(ref, replicas + 1, owed);
  return { ref, record: owed };
}

const patch = (ref: WorkloadRef, body: object): Promise<unknown> =>
  bed.cluster.api(pathOf(ref), { method: 'PATCH', body });
const stamp = (at: string | null): object => ({ template: { metadata: { annotations: { [RESTARTED_AT]: at } } } });

/** What others do to restartedAt, whoever else has restarted it. */
const MEANWHILE: Readonly<Record<string, (ref: WorkloadRef) => Promise<unknown>>> = {
  'kubectl rollout restart': ({ namespace: where, name }) =>
    bed.cluster.kubectl('-n', where, 'rollout', 'restart', `deployment/${name}`),
  'a restartedAt that is any text': ref => patch(ref, { spec: stamp('any "text", {"at":"now"}') }),
  'restartedAt was taken away': ref => patch(ref, { spec: stamp(null) }),
};

/** As `grown`, and somebody else has restarted it since. */
async function restartedByAnother(): Promise<Begun> {
  const made = await grown(2, EARLIER);
  await patch(made.ref, { spec: stamp(LATER) });
  return made;
}

/** The same, and has set its replicas, too. */
async function scaledByAnother(): Promise<Begun> {
  const made = await restartedByAnother();
  await patch(made.ref, { spec: { replicas: 7 } });
  return made;
}

/** The record is another checkpoint's. */
async function byAnother({ ref, record }: Begun): Promise<Begun> {
  const theirs = { ...record, by: 'ops/other' };
  await patch(ref, patchOf(theirs));
  return { ref, record: theirs };
}

function without(record: RestartRecord): RestartRecord {
  const { replicas: _, ...others } = record;
  return others;
}

describe('the worker', () => {
  for (const stood of [undefined, '', EARLIER, 'any "text"']) {
    for (const way of ['evict', 'replace'] as const) {
      test(`writes down that it goes by ${way}, and how that ended, where ${JSON.stringify(stood) ?? 'nothing'} stands`, async () => {
        const ref = await created(1, stood);
        const record = recordOf(await read(ref), { way });
        await write(ref, record);
        await write(ref, { ...record, outcome: 'denied' });
        const again = recordOf(await read(ref), { way });
        await write(ref, again);
        await write(ref, { ...again, outcome: 'failed', reason: 'imagePull' });
        assert.equal((await read(ref)).restartedAt, stood);
      });
    }
  }

  test('adds a spare Pod, says how it went, and takes it back', async () => {
    const { ref, record } = await grown(2);
    const ended = { ...record, outcome: 'failed', reason: 'timeout' } as const;
    await write(ref, ended);
    assert.equal((await scaleBack(ref, 2, without(ended))).replicas, 2);
    const next = recordOf(await read(ref));
    await write(ref, next);
    await rescale(ref, 3, { ...next, replicas: 2 });
  });

  test('leaves what somebody else has set, and owes nothing then', async () => {
    const { ref, record } = await grown(2);
    await patch(ref, { spec: { replicas: 7 } });
    assert.equal((await write(ref, without(record))).replicas, 7);
  });

  for (const [what, happens] of Object.entries(MEANWHILE)) {
    for (const stood of [undefined, EARLIER]) {
      test(`takes its spare Pod back after ${what}, where ${stood ?? 'nothing'} stood`, async () => {
        const { ref, record } = await grown(2, stood);
        await happens(ref);
        const { restartedAt } = await read(ref);
        const { replicas, restartedAt: stands, record: left } = await rescale(ref, 2, without(record));
        assert.deepEqual([replicas, stands, left], [2, restartedAt, formatRecord(without(record))]);
        await write(ref, recordOf(await read(ref)));
      });
    }

    test(`owes nothing any more where somebody has set another number, after ${what}`, async () => {
      const { ref, record } = await grown(2, EARLIER);
      const ended = { ...record, outcome: 'failed', reason: 'timeout' } as const;
      await write(ref, ended);
      await happens(ref);
      await patch(ref, { spec: { replicas: 2 } });
      const { replicas, record: left } = await write(ref, without(ended));
      assert.deepEqual([replicas, left], [2, formatRecord(without(ended))]);
    });
  }

  test('takes its spare Pod back after a restart by somebody else, however long the text is that stood there', async () => {
    const { ref, record } = await grown(2, '\u0001'.repeat(2_500));
    await patch(ref, { spec: stamp(LATER) });
    assert.equal((await rescale(ref, 2, without(record))).replicas, 2);
  });

  test('evicts a Pod by its uid, and no other one of its name', async () => {
    const { metadata } = await bed.cluster.api<{ metadata: { uid: string } }>(PODS, {
      method: 'POST',
      body: aPodNamed('old'),
    });
    const shop: WorkloadRef = { kind: 'Deployment', namespace: 'shop', name: 'web' };
    const pod = (uid: string): Pod => aPod({ name: 'old', uid });
    // An API server 1.36 tries that again for ten seconds, if the Pod has no node yet.
    const other = await bed.worker.cluster.evict(shop, pod('11111111-2222-3333-4444-555555555555'));
    assert.ok(other.kind === 'changed' || other.kind === 'unanswered', other.kind);
    assert.deepEqual(await bed.worker.cluster.evict(shop, pod(metadata.uid)), { kind: 'accepted' });
  });
});

interface Theft {
  readonly of: () => Promise<Begun>;
  readonly patch: (record: RestartRecord) => object;
}

const patchOf = (record: RestartRecord, spec?: object): object => ({
  metadata: { annotations: { [LAST_RESTART]: formatRecord(record) } },
  ...(spec === undefined ? {} : { spec }),
});

const THEFTS: Readonly<Record<string, Theft>> = {
  'add a Pod without a word': { of: () => begun(2), patch: () => ({ spec: { replicas: 3 } }) },
  'add two': { of: () => begun(2), patch: record => patchOf({ ...record, replicas: 2 }, { replicas: 4 }) },
  'add one, and say that there were more': {
    of: () => begun(2),
    patch: record => patchOf({ ...record, replicas: 3 }, { replicas: 3 }),
  },
  'add one by evictions': {
    of: async () => {
      const ref = await created(2);
      const record = recordOf(await read(ref), { way: 'evict' });
      await write(ref, record);
      return { ref, record };
    },
    patch: record => patchOf({ ...record, replicas: 2 }, { replicas: 3 }),
  },
  'add another one': { of: () => grown(2), patch: record => patchOf({ ...record, replicas: 3 }, { replicas: 4 }) },
  'forget that there is one too many': { of: () => grown(2), patch: record => patchOf(without(record)) },
  'begin anew while there is one too many': {
    of: () => grown(2),
    patch: record => patchOf(without({ ...record, at: nextRestartedAt(Date.now(), record.at) })),
  },
  'take one away without having added it': { of: () => begun(2), patch: record => patchOf(record, { replicas: 1 }) },
  'take away more than was added': { of: () => grown(2), patch: record => patchOf(without(record), { replicas: 1 }) },
  'take it back, and go on owing it': { of: () => grown(2), patch: record => patchOf(record, { replicas: 2 }) },
  'owe what was never added, to take it away later': {
    of: () => begun(2),
    patch: record => patchOf({ ...record, replicas: 1 }),
  },
  'take all away': { of: () => grown(2), patch: record => patchOf(without(record), { replicas: 0 }) },
  'change the image beside': {
    of: () => begun(2),
    patch: record =>
      patchOf(
        { ...record, replicas: 2 },
        { replicas: 3, template: { spec: { containers: [{ name: 'app', image: 'example.test/evil:1' }] } } },
      ),
  },
  'write down what never stood there, for an undo': {
    of: () => begun(1, EARLIER),
    patch: record => patchOf({ ...record, before: '2025-01-01T00:00:00Z' }),
  },
  'write down that nothing stood there': {
    of: () => begun(1, EARLIER),
    patch: record => patchOf({ ...record, before: undefined }),
  },
  'write it for another checkpoint': { of: () => begun(1), patch: record => patchOf({ ...record, by: 'ops/other' }) },
  'write down a time that is none': { of: () => begun(1), patch: record => patchOf({ ...record, at: 'now' }) },
  'roll it out by a restartedAt that is empty': { of: () => begun(1), patch: record => patchOf(record, stamp('')) },
  'roll it out by one beside the way back': {
    of: () => grown(2),
    patch: record => patchOf(without(record), { replicas: 2, ...stamp('') }),
  },
  'roll it out by taking an empty one away': {
    of: async () => {
      const { ref, record } = await begun(1);
      await patch(ref, { spec: stamp('') });
      return { ref, record };
    },
    patch: record => patchOf(record, stamp(null)),
  },
  'take the restart of somebody else back': {
    of: () => begun(1, EARLIER),
    patch: record => patchOf(record, stamp(null)),
  },
};

/** Of one that has a spare Pod, or had one, when somebody else restarted it. */
const LATE_THEFTS: Readonly<Record<string, Theft>> = {
  'forget that there is one too many': { of: restartedByAnother, patch: record => patchOf(without(record)) },
  'take away more than was added': {
    of: restartedByAnother,
    patch: record => patchOf(without(record), { replicas: 1 }),
  },
  'add another one': { of: restartedByAnother, patch: record => patchOf({ ...record, replicas: 3 }, { replicas: 4 }) },
  'take it back, and go on owing it': { of: restartedByAnother, patch: record => patchOf(record, { replicas: 2 }) },
  'take it back, and write down how it ended': {
    of: restartedByAnother,
    patch: record => patchOf({ ...without(record), outcome: 'failed' }, { replicas: 2 }),
  },
  'take it back, and write down that the restart of somebody else stood there': {
    of: restartedByAnother,
    patch: record => patchOf({ ...without(record), before: LATER }, { replicas: 2 }),
  },
  'take it back together with the restart of somebody else': {
    of: restartedByAnother,
    patch: record => patchOf(without(record), { replicas: 2, ...stamp(EARLIER) }),
  },
  'take it back, and restart it': {
    of: restartedByAnother,
    patch: record => patchOf(without(record), { replicas: 2, ...stamp(record.at) }),
  },
  'take it back, and change the image beside': {
    of: restartedByAnother,
    patch: record =>
      patchOf(without(record), {
        replicas: 2,
        template: { spec: { containers: [{ name: 'app', image: 'example.test/evil:1' }] } },
      }),
  },
  'take back what another checkpoint owes': {
    of: async () => byAnother(await restartedByAnother()),
    patch: record => patchOf(without(record), { replicas: 2 }),
  },
  'write down how it ended': {
    of: restartedByAnother,
    patch: record => patchOf({ ...record, outcome: 'failed' }),
  },
  'strike out what is owed, and set the number': {
    of: scaledByAnother,
    patch: record => patchOf(without(record), { replicas: 2 }),
  },
  'strike out what is owed, and restart it': {
    of: scaledByAnother,
    patch: record => patchOf(without(record), stamp(record.at)),
  },
  'strike out what is owed, and say how it ended': {
    of: scaledByAnother,
    patch: record => patchOf({ ...without(record), outcome: 'failed' }),
  },
  'strike out how it ended as well': {
    of: async () => {
      const { ref, record } = await scaledByAnother();
      await patch(ref, patchOf({ ...record, outcome: 'failed' }));
      return { ref, record };
    },
    patch: record => patchOf(without(record)),
  },
  'owe another number': { of: scaledByAnother, patch: record => patchOf({ ...record, replicas: 6 }) },
  'write down again what owes nothing': {
    of: async () => {
      const { ref, record } = await scaledByAnother();
      await write(ref, without(record));
      return { ref, record };
    },
    patch: record => patchOf(without(record)),
  },
  'write down what it says already': { of: scaledByAnother, patch: record => patchOf(record) },
  'strike out what another checkpoint owes': {
    of: async () => byAnother(await scaledByAnother()),
    patch: record => patchOf(without(record)),
  },
};

const thefts = [
  ...Object.entries(THEFTS),
  ...Object.entries(LATE_THEFTS).map(
    ([what, theft]) => [`where somebody else has restarted it, ${what}`, theft] as const,
  ),
];

describe('whoever has the token cannot', () => {
  for (const [what, { of, patch: bodyOf }] of thefts) {
    test(what, async () => {
      const { ref, record } = await of();
      const { replicas, record: stood, restartedAt } = await read(ref);
      await denial(bed, pathOf(ref), { method: 'PATCH', body: bodyOf(record) });
      const now = await read(ref);
      assert.deepEqual([now.replicas, now.record, now.restartedAt], [replicas, stood, restartedAt]);
    });
  }

  test('scale a StatefulSet', async () => {
    const ref = await created(2, undefined, 'StatefulSet');
    const record = recordOf(await read(ref));
    await write(ref, record);
    await denial(bed, pathOf(ref), { method: 'PATCH', body: patchOf({ ...record, replicas: 2 }, { replicas: 3 }) });
    await patch(ref, patchOf({ ...record, replicas: 1 }, stamp(LATER)));
    await denial(bed, pathOf(ref), { method: 'PATCH', body: patchOf(record, { replicas: 1 }) });
  });

  for (const [what, deleteOptions] of [
    ['without a uid', undefined],
    ['with no time for its end', { gracePeriodSeconds: 0 }],
    ['and leave its children', { propagationPolicy: 'Orphan' }],
  ] as const) {
    test(`evict a Pod ${what}`, async () => {
      const name = `victim-${count++}`;
      const { metadata } = await bed.cluster.api<{ metadata: { uid: string } }>(PODS, {
        method: 'POST',
        body: aPodNamed(name),
      });
      const options = deleteOptions && { ...deleteOptions, preconditions: { uid: metadata.uid } };
      const body = {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name },
        ...(options && { deleteOptions: options }),
      };
      await denial(bed, `${PODS}/${name}/eviction`, { method: 'POST', body });
    });
  }
});
