/** The token that a run began with ends in the middle of it, as a service account's does when its hour is over. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ApiError, apiServer } from '../cluster/apiserver.ts';
import { kubeconfig } from '../cluster/credentials.ts';
import { until } from '../cluster/until.ts';
import { cluster, type Site } from '../e2e/site.ts';
import { reportOf } from '../worker-log.ts';
import { type FaultySite, NAMES, openFaultySite } from './proxy-site.ts';

interface BoundToken {
  readonly token: string;
  /** It ends now; resolves once the API server, which remembers what it found good for ten seconds, refuses it. */
  end(): Promise<void>;
}

/** A token that is good as long as a Secret is there. */
async function boundToken({ cluster: on, home }: Site, secret: string): Promise<BoundToken> {
  const path = `/api/v1/namespaces/${home}`;
  const body = { metadata: { name: secret } };
  const { metadata } = await on.api<{ metadata: { uid: string } }>(`${path}/secrets`, { method: 'POST', body });
  const boundObjectRef = { apiVersion: 'v1', kind: 'Secret', name: secret, uid: metadata.uid };
  const request = { spec: { expirationSeconds: 600, boundObjectRef } };
  const account = `${path}/serviceaccounts/nightshift/token`;
  const answer = await on.api<{ status: { token: string } }>(account, { method: 'POST', body: request });
  const { token } = answer.status;
  return {
    token,
    async end() {
      await on.api(`${path}/secrets/${secret}`, { method: 'DELETE' });
      const probe = apiServer(on.server, token, on.caFile);
      await until('the API server to refuse the token', () =>
        probe.request(`${path}/configmaps/nightshift-checkpoint`).then(
          () => false,
          error => error instanceof ApiError && error.status === 401,
        ),
      );
      await probe.close();
    },
  };
}

/** A kubeconfig that names a file with the token, as a Pod's is; what it holds can be changed. */
async function tokenFile({ site, proxy }: FaultySite, token: string) {
  const { folder } = await cluster();
  const file = join(folder, `${site.id}.token`);
  const path = join(folder, `${site.id}-token.kubeconfig`);
  const user = { tokenFile: file };
  writeFileSync(path, kubeconfig({ server: proxy.url, caFile: proxy.caFile, user, namespace: site.home }));
  const rotate = (next: string): void => writeFileSync(file, next);
  rotate(token);
  return { environment: { KUBECONFIG: path }, rotate };
}

/** Something is done while the third restart is on its way. */
function atTheThirdRestart(faulty: FaultySite, work: () => Promise<void>): void {
  const { promise, resolve } = Promise.withResolvers<void>();
  const act = (): void => void work().then(resolve);
  const rule = { method: 'PATCH', path: /deployments/, every: 3, times: 1 };
  faulty.proxy.add({ ...rule, fault: { kind: 'delayed', act, until: promise } });
}

const refusedBy = ({ proxy }: FaultySite, what = /./): number =>
  proxy.seen.filter(({ path, status }) => status === 401 && what.test(path)).length;

describe('a token that ends in the middle of a run', { concurrency: 3 }, () => {
  test('whose file was written anew before: the run goes on with the new one', async () => {
    await using faulty = await openFaultySite({ freeze: false });
    const [old, next] = await Promise.all([boundToken(faulty.site, 'old'), boundToken(faulty.site, 'next')]);
    const { environment, rotate } = await tokenFile(faulty, old.token);
    atTheThirdRestart(faulty, () => {
      rotate(next.token);
      return old.end();
    });
    const worker = faulty.start(environment);
    assert.equal(await worker.ended, 0, worker.stderr());
    assert.ok(refusedBy(faulty) > 0, 'the old one was refused');
    assert.equal(reportOf(worker.stdout()).outcomes.length, NAMES.length);
    await faulty.assertSound();
  });

  test('whose file stays as it is: the run ends with 1 and says why, and the next one resumes', async () => {
    await using faulty = await openFaultySite({ freeze: false });
    const old = await boundToken(faulty.site, 'old');
    const { environment } = await tokenFile(faulty, old.token);
    atTheThirdRestart(faulty, () => old.end());
    const worker = faulty.start(environment);
    assert.equal(await worker.ended, 1, worker.stderr());
    const { ending } = reportOf(worker.stdout());
    assert.equal(ending.kind, 'error');
    assert.match(ending.detail, /does not accept our credentials \(HTTP 401\)/);
    assert.ok(Object.values(await faulty.site.restarts()).includes(0), 'something was left to do');
    await faulty.untilFresh();
    await faulty.assertSound();
  });

  test('before it does anything: exit 1 at once', async () => {
    await using faulty = await openFaultySite({ freeze: false });
    const old = await boundToken(faulty.site, 'old');
    await old.end();
    const { environment } = await tokenFile(faulty, old.token);
    const worker = faulty.start(environment);
    assert.equal(await worker.ended, 1);
    assert.match(reportOf(worker.stdout()).summary, /does not accept our credentials \(HTTP 401\)/);
    // Once as it is, and once with the file read again.
    assert.equal(refusedBy(faulty, /configmaps/), 2);
    await faulty.untilFresh();
    await faulty.assertSound();
  });
});
