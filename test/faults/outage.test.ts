/** The control plane itself goes away in the middle of a run. Its tests come one after the other: they share it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { kubeconfig } from '../cluster/credentials.ts';
import { cluster } from '../e2e/site.ts';
import { selfSigned } from '../kubernetes/certificates.ts';
import { reportOf } from '../worker-log.ts';
import type { Rule } from './proxy.ts';
import { NAMES, openFaultySite } from './proxy-site.ts';

const THIRD_RESTART = { method: 'PATCH', path: /deployments/, every: 3, times: 1 };

const MOMENTS: Readonly<Record<string, { readonly rule: Omit<Rule, 'fault'>; readonly when: 'before' | 'after' }>> = {
  'before it has read anything': { rule: { method: 'GET', path: /deployments\?limit/, times: 1 }, when: 'before' },
  'before the third restart reached it': { rule: THIRD_RESTART, when: 'before' },
  'after it carried out the third restart': { rule: THIRD_RESTART, when: 'after' },
  'after it saved the checkpoint': { rule: { method: 'PUT', path: /configmaps/, every: 2, times: 1 }, when: 'after' },
};

describe('an API server that is killed and comes back', () => {
  for (const [moment, { rule, when }] of Object.entries(MOMENTS)) {
    test(`${moment}: the run goes on`, async () => {
      await using faulty = await openFaultySite({ freeze: false });
      let back: Promise<void> | undefined;
      const act = (): void => void (back = faulty.site.cluster.restartApiServer());
      faulty.proxy.add({ ...rule, fault: { kind: 'act', when, act } });
      const worker = faulty.start();
      const code = await worker.ended;
      assert.ok(back !== undefined, 'it was killed');
      await back;
      assert.equal(code, 0, worker.stdout());
      assert.equal(reportOf(worker.stdout()).ending.kind, 'swept');
      await faulty.assertSound();
    });
  }
});

describe('an etcd that stands still', () => {
  // Less than the forty seconds after which nodes count as lost, and their Pods as unavailable.
  for (const seconds of [15, 30]) {
    test(`for ${seconds} s in the middle of a run, which goes on`, async () => {
      await using faulty = await openFaultySite({ freeze: false });
      const act = (): void => {
        const goOn = faulty.site.cluster.freeze('etcd');
        void sleep(seconds * 1000).then(goOn);
      };
      faulty.proxy.add({ ...THIRD_RESTART, fault: { kind: 'delayed', act, until: Promise.resolve() } });
      const worker = faulty.start();
      assert.equal(await worker.ended, 0, worker.stdout());
      assert.equal(reportOf(worker.stdout()).ending.kind, 'swept');
      assert.equal(faulty.proxy.injected.get('delayed'), 1);
      await faulty.assertSound();
    });
  }
});

test('an API server whose certificate nobody vouches for gets no request: exit 1 at once, and why', async () => {
  await using faulty = await openFaultySite({ freeze: false });
  const { folder } = await cluster();
  const { certFile: caFile } = selfSigned(folder, 'stranger');
  const file = join(folder, 'stranger.kubeconfig');
  const user = { token: 'never-sent' };
  writeFileSync(file, kubeconfig({ server: faulty.proxy.url, caFile, user, namespace: faulty.site.home }));
  const worker = faulty.start({ KUBECONFIG: file });
  assert.equal(await worker.ended, 1);
  assert.match(reportOf(worker.stdout()).summary, /no usable answer from the API server .*certificate/);
  assert.deepEqual(faulty.proxy.seen, []);
  assert.deepEqual(
    Object.values(await faulty.site.restarts()),
    NAMES.map(() => 0),
  );
});
