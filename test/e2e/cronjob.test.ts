import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '../cluster/until.ts';
import { Release } from './release.ts';
import { quickPolicy, Site } from './site.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const once = Object.fromEntries(names.map(name => [name, 1]));

/** A fleet that takes its time, and a release that goes through it in batches of a size. */
async function slowNight(site: Site, { delay, size }: { readonly delay: string; readonly size: number }) {
  const podAnnotations = { 'test.nightshift/delay': delay };
  await site.deploy(...names.map(name => site.deployment({ name, podAnnotations })));
  const values = {
    fullnameOverride: 'nightshift',
    policy: quickPolicy(site, { batches: { sizes: [size], pause: '0s' } }),
    rbac: { namespaces: site.namespaces },
  };
  return { values, release: await Release.install(`${site.id}-ops`, values) };
}

describe("the chart's CronJob", { concurrency: 4 }, () => {
  test('sweeps the whole cluster with the rights of its ClusterRole', async () => {
    const site = await Site.open({ namespaces: 2 });
    await site.deploy(
      ...names.map((name, index) => site.deployment({ name, namespace: site.namespaces[index % 2] ?? '' })),
    );
    const release = await Release.install(`${site.id}-ops`, {
      fullnameOverride: 'nightshift',
      nameOverride: site.id,
      policy: quickPolicy(site),
      rbac: { create: true },
    });
    const { exitCode, message, lines } = await release.run();
    assert.equal(exitCode, 0, JSON.stringify(lines.at(-1)));
    assert.match(message, /6 restarted/);
    assert.deepEqual(await site.restarts(), once);
    await release.cluster.helm('uninstall', 'nightshift', '-n', release.namespace);
  });

  test('sweeps the listed namespaces with a Role in each, skips one that does not exist, and exits 4', async () => {
    const site = await Site.open({ namespaces: 2 });
    await site.deploy(
      ...names.map((name, index) => site.deployment({ name, namespace: site.namespaces[index % 2] ?? '' })),
    );
    const [only = ''] = site.namespaces;
    const fullnameOverride = 'nightshift';
    const release = await Release.install(`${site.id}-ops`, {
      fullnameOverride,
      policy: quickPolicy(site),
      rbac: { namespaces: [only] },
    });
    const first = await release.run();
    assert.equal(first.exitCode, 0, JSON.stringify(first.lines.at(-1)));
    assert.deepEqual(await site.restarts(), { a: 1, b: 0, c: 1, d: 0, e: 1, f: 0 });
    await release.helm('upgrade', {
      fullnameOverride,
      policy: quickPolicy(site),
      rbac: { namespaces: [only, site.namespaces[1]] },
    });
    await site.cluster.kubectl('-n', site.namespaces[1] ?? '', 'delete', 'rolebinding', 'nightshift');
    const { exitCode, lines } = await release.run();
    assert.equal(exitCode, 4);
    assert.equal(lines.find(({ message }) => message === 'namespace skipped')?.['namespace'], site.namespaces[1]);
  });

  test('is resumed at once by the next Job after SIGKILL, and helm upgrade keeps a live checkpoint', async () => {
    const site = await Site.open();
    const { release, values } = await slowNight(site, { delay: '1s', size: 2 });
    const job = await release.startJob();
    await release.said(job, 'restart started', 3);
    release.kill(job, 'SIGKILL');
    assert.equal((await release.ended(job)).exitCode, 137);

    const kept = await release.checkpointText();
    assert.match(kept, /"hold": \{"run"/);
    await release.helm('upgrade', { ...values, podLabels: { changed: 'yes' } });
    assert.equal(await release.checkpointText(), kept);

    const began = performance.now();
    const { exitCode, lines } = await release.run();
    assert.equal(exitCode, 0, JSON.stringify(lines.at(-1)));
    assert.ok(performance.now() - began < 50_000, 'it waited for the hold of a Pod that is known to be dead');
    assert.equal(
      lines.some(({ message }) => message.startsWith('waiting whether')),
      false,
    );
    assert.deepEqual(await site.restarts(), once);
  });

  test('saves on SIGTERM when its Job is deleted, and on the deadline of the Job', async () => {
    const site = await Site.open();
    const { release, values } = await slowNight(site, { delay: '2s', size: 1 });
    const job = await release.startJob();
    await release.said(job, 'restart started');
    await release.cluster.kubectl('-n', release.namespace, 'delete', 'job', job.job);
    await until('the worker to end', () => release.lines(job).some(({ message }) => message === 'run ended'));
    assert.equal(release.lines(job).at(-1)?.['exitCode'], 143);
    assert.match(await release.checkpointText(), /"hold": null/);

    await release.helm('upgrade', { ...values, activeDeadlineSeconds: 8 });
    const late = await release.startJob();
    await release.said(late, 'restart started');
    await until('the deadline to end it', () => release.lines(late).some(({ message }) => message === 'run ended'));
    assert.equal(release.lines(late).at(-1)?.['exitCode'], 143);

    await release.helm('upgrade', { ...values, activeDeadlineSeconds: 600 });
    assert.equal((await release.run()).exitCode, 0);
    assert.deepEqual(await site.restarts(), once);
  });

  test('a changed policy arrives in the run that is under way and ends it', async () => {
    const site = await Site.open();
    const { release, values } = await slowNight(site, { delay: '2s', size: 1 });
    const job = await release.startJob();
    await release.said(job, 'restart started');
    await release.helm('upgrade', { ...values, policy: quickPolicy(site, { batches: { sizes: [1], pause: '1s' } }) });
    const { exitCode, lines } = await release.ended(job);
    assert.equal(exitCode, 0);
    assert.equal(lines.at(-1)?.['ending'], 'policyChanged');
    assert.ok(Number(lines.at(-1)?.['remaining']) > 0);
  });
});
