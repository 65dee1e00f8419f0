/** A tenant who makes the own workload hard to restart, and the canary: others must not wait for it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { outcomesByName, leftByName, quickPolicy, Site } from './site.ts';

const FIRST = { annotations: { 'nightshift/priority': '999' } };
const POLICY = { batches: { sizes: [1], pause: '0s' }, rollout: { timeout: '60s', soak: '0s' } };

async function twoTenants(): Promise<{ readonly site: Site; readonly patch: (metadata: object) => Promise<boolean> }> {
  const site = await Site.open({ namespaces: 2 });
  const [theirs = '', others = ''] = site.namespaces;
  await site.deploy(
    site.deployment({ ...FIRST, name: 'evil', namespace: theirs }),
    site.deployment({ name: 'web', namespace: others }),
  );
  const path = `/apis/apps/v1/namespaces/${theirs}/deployments/evil`;
  const patch = (metadata: object): Promise<boolean> =>
    site.cluster.api(path, { method: 'PATCH', body: { metadata } }).then(
      () => true,
      () => false,
    );
  return { site, patch };
}

describe('a workload that comes first', { concurrency: 2 }, () => {
  test('and is as large as etcd takes is denied, left from then on, and the others are restarted', async () => {
    const { site, patch } = await twoTenants();
    let count = 0;
    for (const step of [16_000, 4_000, 1_000, 300, 100, 30, 10, 3, 1]) {
      const more = (): object => ({
        labels: Object.fromEntries(Array.from({ length: step }, (_, index) => [`l${count + index}`, 'x'.repeat(63)])),
      });
      while (await patch(more())) count += step;
    }
    const first = await site.run(quickPolicy(site, POLICY));
    assert.deepEqual(outcomesByName(first.report), { evil: 'denied', web: 'restarted' });
    assert.match(first.report.outcomes[0]?.detail ?? '', /request is too large/);
    const second = await site.run(quickPolicy(site, POLICY));
    assert.equal(leftByName(second.report, site)['evil'], 'deniedBefore');
  });

  test('and is written to all the time is left after some tries, and the others are restarted', async () => {
    const { site, patch } = await twoTenants();
    const over = new AbortController();
    const busy = Array.from({ length: 4 }, async (_, writer) => {
      for (let round = 0; !over.signal.aborted; round++) await patch({ labels: { round: `${writer}-${round}` } });
    });
    const { report } = await site.run(quickPolicy(site, POLICY));
    over.abort();
    await Promise.all(busy);
    assert.equal(outcomesByName(report)['web'], 'restarted');
    const refused = (await site.requests()).filter(({ verb, code }) => verb === 'patch' && code === 409);
    assert.ok(refused.length <= 10, `${refused.length} PATCHes were refused`);
  });
});
