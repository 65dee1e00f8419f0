/**
 * The guard on a real API server, against the worker's own token. The account has far more rights here than the chart
 * gives it, so that the guard alone stands in the way; what it denies is a request that the administrator may make.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { LAST_RESTART } from '../../src/domain/model.ts';
import { CHANGES, DEPLOYMENTS, LATER, RECORDS, recordWith, restartWith, TIMES, WEB } from './guard-attempts.ts';
import { type Bed, denial, guardedCluster } from './guard-bed.ts';
import {
  type Attempt,
  OF_OTHER_KINDS,
  OTHER_KINDS,
  OTHER_MEANS,
  pathOfKind,
  POD_ATTEMPTS,
  PODS,
} from './guard-means.ts';

let bed: Bed;
let untouched: unknown;

before(async () => {
  bed = await guardedCluster();
  untouched = await everything();
});
after(() => bed.cluster.stop());

/** Workloads and Pods of the namespace, in full. */
async function everything(): Promise<unknown> {
  const lists = [DEPLOYMENTS, ...OTHER_KINDS.map(pathOfKind), PODS].map(path =>
    bed.cluster.api<{ items: unknown }>(path),
  );
  return (await Promise.all(lists)).map(({ items }) => items);
}

async function assertDenied({ path, says, connects, ...request }: Attempt): Promise<void> {
  assert.match((await denial(bed, path, request)).message, says);
  assert.deepEqual(await everything(), untouched);
  if (connects !== true) await bed.cluster.api(dryRunOf(path), request);
}

const dryRunOf = (path: string) => `${path}${path.includes('?') ? '&' : '?'}dryRun=All`;

const patch = (body: object, says: RegExp): Attempt => ({ what: '', path: WEB, method: 'PATCH', body, says });

describe('nothing of a Deployment can be changed, alone or together with a restart:', () => {
  for (const [what, change, place] of CHANGES) {
    test(what, async () => {
      const changes = `nothing of a workload but its restart, and this changes (.+, )?${place.replaceAll('.', '\\.')}(, .+)?`;
      const says = new RegExp(`${changes}; if a webhook changes workloads on update, that is what was denied$`);
      await assertDenied(patch(change, says));
      await assertDenied(patch(merged(restartWith(), change), says));
    });
  }
});

test('nothing of a Deployment without annotations, together with its first restart', async () => {
  const first = (change: object) => merged(restartWith(LATER, recordWith({ before: undefined })), change);
  const annotated = { annotations: { evil: 'yes' } };
  for (const [change, says] of [
    [{ metadata: annotated }, /this changes metadata\.annotations\.evil;/],
    [{ spec: { template: { metadata: annotated } } }, /this changes spec\.template\.metadata\.annotations\.evil;/],
    [{ spec: { template: { spec: { hostPID: true } } } }, /this changes spec\.template\.spec;/],
  ] as const) {
    await assertDenied({ ...patch(first(change), says), path: `${DEPLOYMENTS}/bare` });
  }
});

test("the selector is nobody's to change", async () => {
  const labels = { app: 'web', evil: 'yes' };
  const body = { spec: { selector: { matchLabels: labels }, template: { metadata: { labels } } } };
  await assert.rejects(bed.thief.request(WEB, { method: 'PATCH', body }), /spec\.selector: .*field is immutable/);
  assert.deepEqual(await everything(), untouched);
});

describe('restartedAt can become nothing but a later time:', () => {
  const says = /nightshift may set kubectl\.kubernetes\.io\/restartedAt only to a time in UTC/;
  for (const [what, at] of TIMES) {
    test(what, () => assertDenied(patch(restartWith(at, recordWith({ at: at ?? '' })), says)));
  }
});

describe('the record can become nothing but that of the restart:', () => {
  const says = /nightshift may set nightshift\/last-restart only to its own record/;
  for (const [what, record] of RECORDS) test(what, () => assertDenied(patch(restartWith(LATER, record), says)));
  test('without a restart', () => {
    return assertDenied(patch({ metadata: { annotations: { [LAST_RESTART]: recordWith() } } }, says));
  });
});

describe('no other means leads there:', () => {
  for (const attempt of [...OTHER_MEANS, ...OF_OTHER_KINDS]) test(attempt.what, () => assertDenied(attempt));
});

describe('nothing can be done to Pods:', () => {
  for (const attempt of POD_ATTEMPTS) test(attempt.what, () => assertDenied(attempt));
});

function merged(one: object, other: object): object {
  const both: Record<string, unknown> = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const standing = both[key];
    both[key] = isMap(standing) && isMap(value) ? merged(standing, value) : value;
  }
  return both;
}

const isMap = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);
