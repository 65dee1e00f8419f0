/** The guard on Rollouts, which are installed after it: it denies every change of one but its restart. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { LAST_RESTART, RESTARTED_AT, type WorkloadRef } from '../../src/domain/model.ts';
import { nextRestartedAt } from '../../src/domain/instant.ts';
import { formatRecord, parseRecord, type RestartRecord } from '../../src/domain/record.ts';
import { aRecord } from '../build.ts';
import { type Bed, denial, guardedCluster } from '../chart/guard-bed.ts';
import type { ApiRequest } from '../cluster/apiserver.ts';
import { deployment } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import { installRollouts } from './controller.ts';

const ALL = '/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts';
const WEB = `${ALL}/web`;
const ref: WorkloadRef = { kind: 'Rollout', namespace: 'shop', name: 'web' };
const BEFORE = '2026-11-24T01:05:00Z';
const LATER = '2026-11-24T01:05:01Z';

const manifest = (name: string): object => ({
  ...deployment({ namespace: 'shop', name, annotations: { owner: 'shop' }, podAnnotations: { scrape: 'yes' } }),
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Rollout',
});

const recordWith = (given: Partial<RestartRecord> = {}): string =>
  formatRecord(aRecord({ at: LATER, template: '0123abcd', before: BEFORE, ...given }));
const restartWith = (restartAt: string | null, record = recordWith({ at: restartAt ?? '' })): object => ({
  metadata: { annotations: { [LAST_RESTART]: record } },
  spec: { restartAt },
});
const container = (more: object): object => ({
  spec: { template: { spec: { containers: [{ name: 'app', image: 'example.test/app:1', ...more }] } } },
});

interface Attempt extends ApiRequest {
  readonly what: string;
  readonly path?: string;
  readonly says: RegExp;
}

const changed = (place: string): RegExp =>
  new RegExp(`nothing of a workload but its restart, and this changes (.+, )?${place.replaceAll('.', '\\.')}[,;]`);
const ONLY_RESTARTS = /nightshift may only restart workloads/;
const ONLY_LATER = /nightshift may set spec\.restartAt only to a time in UTC/;
const ONLY_ITS_OWN = /nightshift may set nightshift\/last-restart only to its own record/;
const TEMPLATE = { metadata: { annotations: { [RESTARTED_AT]: LATER } } };

const ATTEMPTS: readonly Attempt[] = [
  { what: 'another image', body: container({ image: 'example.test/evil:1' }), says: changed('spec.template') },
  { what: 'a command', body: container({ command: ['id'] }), says: changed('spec.template') },
  { what: 'a restart by its template', body: { spec: { template: TEMPLATE } }, says: changed('spec.template') },
  { what: 'fewer replicas', body: { spec: { replicas: 0 } }, says: changed('spec.replicas') },
  { what: 'a pause', body: { spec: { paused: true } }, says: changed('spec.paused') },
  { what: 'another strategy', body: { spec: { strategy: { canary: null } } }, says: changed('spec.strategy') },
  {
    what: 'the template of another',
    body: { spec: { workloadRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'evil' } } },
    says: changed('spec.workloadRef'),
  },
  {
    what: 'an annotation',
    body: { metadata: { annotations: { evil: 'yes' } } },
    says: changed('metadata.annotations.evil'),
  },
  { what: 'a label', body: { metadata: { labels: { evil: 'yes' } } }, says: changed('metadata.labels') },
  { what: 'a finalizer', body: { metadata: { finalizers: ['evil.test/x'] } }, says: changed('metadata.finalizers') },
  { what: 'an older time', body: restartWith('2026-11-24T01:04:59Z'), says: ONLY_LATER },
  { what: 'no time', body: restartWith(null), says: ONLY_LATER },
  { what: 'a time in another zone', body: restartWith('2026-11-24T09:00:00+01:00'), says: ONLY_LATER },
  { what: 'no record', body: { spec: { restartAt: LATER } }, says: ONLY_ITS_OWN },
  {
    what: 'a record of evictions',
    body: { metadata: { annotations: { [LAST_RESTART]: recordWith({ way: 'evict', before: BEFORE }) } } },
    says: ONLY_ITS_OWN,
  },
  {
    what: 'one replica more, and a record of that',
    body: {
      metadata: { annotations: { [LAST_RESTART]: recordWith({ way: 'replace', before: BEFORE, replicas: 1 }) } },
      spec: { replicas: 2 },
    },
    says: changed('spec.replicas'),
  },
  { what: "somebody else's record", body: restartWith(LATER, recordWith({ by: 'ops/other' })), says: ONLY_ITS_OWN },
  { what: 'a status', path: `${WEB}/status`, body: { status: { abort: true } }, says: ONLY_RESTARTS },
  { what: 'a scale', path: `${WEB}/scale`, body: { spec: { replicas: 9 } }, says: ONLY_RESTARTS },
  { what: 'its deletion', method: 'DELETE', says: ONLY_RESTARTS },
  { what: 'the deletion of all', path: ALL, method: 'DELETE', says: ONLY_RESTARTS },
  { what: 'a new one', path: ALL, method: 'POST', body: manifest('new'), says: ONLY_RESTARTS },
];

for (const [under, policy] of [
  ['an ordinary policy', {}],
  ['a policy that takes failed restarts back', { onFailure: { undo: true } }],
  ['a policy that lets Deployments have a spare Pod', { restart: { mayReplace: true } }],
] as const) {
  describe(`of a Rollout, under ${under},`, () => {
    let bed: Bed;
    let untouched: unknown;
    before(async () => {
      bed = await guardedCluster(policy);
      await installRollouts(bed.cluster);
      await bed.cluster.api(ALL, { method: 'POST', body: manifest('web') });
      await bed.cluster.api(WEB, { method: 'PATCH', body: restartWith(BEFORE, recordWith({ at: BEFORE })) });
      untouched = await allOf(bed);
    });
    after(() => bed.cluster.stop());

    for (const { what, path = WEB, says, method = 'PATCH', ...request } of ATTEMPTS) {
      test(`the guard denies ${what}`, async () => {
        await deniedWith({ path, says, method, ...request });
        assert.deepEqual(await allOf(bed), untouched);
        // It is the guard that stands in the way: whoever runs the cluster may.
        await bed.cluster.api(`${path}?dryRun=All`, { method, ...request });
      });
    }

    test('the guard denies more than a restart together with a restart', async () => {
      const restart = Object(restartWith(LATER));
      for (const [spec, place] of [
        [Object(container({ image: 'example.test/evil:1' })).spec, 'spec.template'],
        [{ replicas: 0 }, 'spec.replicas'],
      ]) {
        const body = { ...restart, spec: { ...restart.spec, ...spec } };
        await deniedWith({ path: WEB, method: 'PATCH', body, says: changed(place) });
      }
      await bed.thief.request(`${WEB}?dryRun=All`, { method: 'PATCH', body: restart });
    });

    test('the guard denies to go back to an earlier time, which undoes nothing here', async () => {
      const record = parseRecord(recordWith({ at: BEFORE, before: '2026-11-23T01:00:00Z' }));
      assert.ok(record);
      await bed.cluster.api(WEB, { method: 'PATCH', body: restartWith(BEFORE, formatRecord(record)) });
      const undone = formatRecord({ ...record, outcome: 'failed', reason: 'imagePull', undone: true });
      await deniedWith({
        path: WEB,
        method: 'PATCH',
        body: restartWith('2026-11-23T01:00:00Z', undone),
        says: ONLY_LATER,
      });
    });

    test('the worker restarts it, writes down how that ended, and restarts it again', async () => {
      for (const outcome of ['failed', 'ineffective'] as const) {
        const workload = await bed.worker.cluster.workload(ref);
        assert.ok(workload);
        const at = nextRestartedAt(Date.now(), workload.restartedAt);
        const record = aRecord({ at, template: workload.template, before: workload.restartedAt });
        const answer = await bed.worker.cluster.restart({ workload, at, record: formatRecord(record) });
        assert.ok(answer.kind === 'accepted', JSON.stringify(answer));
        assert.deepEqual(
          [answer.workload.restartedAt, answer.workload.template, answer.workload.generation],
          [at, workload.template, workload.generation + 1],
        );
        const ended = await bed.worker.cluster.rewriteRecord(answer.workload, formatRecord({ ...record, outcome }));
        assert.equal(ended.kind, 'accepted', JSON.stringify(ended));
        assert.equal(await bed.worker.cluster.ownerOfRestartedAt(ref), 'nightshift');
      }
    });

    test('the API server finds nothing to warn of in the types of the policy', async () => {
      const path = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/nightshift-guard.ops';
      const status = await until('the types to be checked', async () => {
        const { metadata, status: now } = await bed.cluster.api<Policy>(path);
        return now?.observedGeneration === metadata.generation && now;
      });
      assert.deepEqual(status.typeChecking, {});
    });

    async function deniedWith({ path, says, ...request }: Omit<Attempt, 'what'> & { readonly path: string }) {
      assert.match((await denial(bed, path, request)).message, says);
    }
  });
}

const allOf = async ({ cluster }: Bed): Promise<unknown> => (await cluster.api<{ readonly items: unknown }>(ALL)).items;

interface Policy {
  readonly metadata: { readonly generation: number };
  readonly status?: { readonly observedGeneration?: number; readonly typeChecking?: unknown };
}
