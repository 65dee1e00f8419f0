import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import { reportOf } from '../worker-log.ts';
import { outcomesByName, quickPolicy, Site } from './site.ts';
import { refuseRestarts } from './somebody.ts';

describe('what a run cannot do', { concurrency: 6 }, () => {
  const forbidden = [
    { without: 'list deployments', says: /list deployments\.apps in the whole cluster/ },
    {
      without: 'list horizontalpodautoscalers',
      says: /list horizontalpodautoscalers\.autoscaling in the whole cluster/,
    },
    { without: 'list resourcequotas', says: /list resourcequotas in the whole cluster/ },
    { without: 'list pods', says: /list pods in the whole cluster/ },
    { without: 'list namespaces', says: /list namespaces in the whole cluster/ },
    { without: 'watch deployments', says: /watch deployments\.apps in the whole cluster/ },
    { without: 'patch deployments', says: /patch deployments\.apps in namespace s\d+-a/ },
    { without: 'get configmaps', says: /get configmaps in namespace s\d+-home/ },
    { without: 'update configmaps', says: /update configmaps in namespace s\d+-home/ },
  ];
  for (const { without, says } of forbidden) {
    test(`a run that may not ${without} exits 4 naming verb and resource`, async () => {
      const site = await Site.open({ without });
      await site.deploy(site.deployment({ name: 'app', podAnnotations: { 'test.nightshift/delay': '2s' } }));
      const { code, worker, report } = await site.run(quickPolicy(site));
      assert.equal(code, 4, worker.stderr());
      assert.match(`${worker.stderr()}${report?.summary ?? ''}`, says);
    });
  }

  test('a checkpoint that is damaged, newer or missing is refused with exit 5 and nothing is restarted', async () => {
    const site = await Site.open();
    await site.deploy(site.deployment({ name: 'app' }));
    const path = `/api/v1/namespaces/${site.home}/configmaps/nightshift-checkpoint`;
    const write = (text: string) =>
      site.cluster.api(path, { method: 'PATCH', body: { data: { 'checkpoint.json': text } } });
    for (const [text, says] of [
      ['{"version":1,', /not JSON/],
      ['{"version":99}', /version 99/],
    ] as const) {
      await write(text);
      const { code, report } = await site.run(quickPolicy(site));
      assert.equal(code, 5);
      assert.match(report.summary, says);
      assert.match(report.summary, /nightshift reset --yes/);
    }
    await site.cluster.api(path, { method: 'DELETE' });
    const { code, report } = await site.run(quickPolicy(site));
    assert.equal(code, 5);
    assert.match(report.summary, /helm upgrade/);
    assert.deepEqual(await site.restarts(), { app: 0 });
  });

  test('an admission policy that refuses the change: denied with its words, exit 3, and not asked again the next tick', async () => {
    const site = await Site.open();
    const [namespace = ''] = site.namespaces;
    await site.deploy(
      site.deployment({ name: 'refused', annotations: { 'nightshift/priority': '1' } }),
      site.deployment({ name: 'other' }),
    );
    await refuseRestarts(site, namespace, { name: 'refused' });
    const { code, report } = await site.run(quickPolicy(site));
    assert.equal(code, 3);
    assert.deepEqual(outcomesByName(report), { refused: 'denied', other: 'restarted' });
    assert.match(report.outcomes.find(({ name }) => name === 'refused')?.detail ?? '', /not on my watch/);
    const again = await site.run(quickPolicy(site));
    assert.equal(again.code, 0);
    assert.deepEqual(
      again.report.left.filter(({ name }) => name === 'refused').map(({ why }) => why),
      ['deniedBefore'],
    );
  });

  for (const { what, change, code, kind } of [
    { what: 'changes', change: { batches: { sizes: [2] } }, code: 0, kind: 'policyChanged' },
    { what: 'becomes invalid (the emergency stop)', change: { windows: 'oops' }, code: 2, kind: 'policyInvalid' },
  ]) {
    test(`a policy that ${what} during the run ends it after what is in flight`, async () => {
      const site = await Site.open();
      const slowly = { 'test.nightshift/delay': '2s' };
      await site.deploy(...['a', 'b', 'c', 'd'].map(name => site.deployment({ name, podAnnotations: slowly })));
      const policy = quickPolicy(site, { batches: { sizes: [1], pause: '0s' } });
      const file = site.policyFile(policy);
      const worker = site.start(['run', '--policy', file, '--output', 'json']);
      await worker.said('restart started');
      await writeFile(file, stringify({ ...policy, ...change }));
      assert.equal(await worker.ended, code);
      const report = reportOf(worker.stdout());
      assert.equal(report.ending.kind, kind);
      assert.ok(report.outcomes.every(({ outcome }) => outcome === 'restarted'));
      assert.ok(report.remaining >= 2, String(report.remaining));
    });
  }
});
