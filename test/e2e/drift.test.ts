/** What admission would make of a Pod now, against the Pods that are there: with an injector whose upgrade is a ConfigMap. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import {
  breakInjector,
  hideInjector,
  installInjector,
  showInjector,
  SIDECAR,
  upgradeInjector,
} from '../cluster/injector.ts';
import { cluster, leftByName, outcomesByName, quickPolicy, Site } from './site.ts';

const image = (version: number): string => `example.test/proxy:${version}`;
let version = 1;

/** The injector is one for all of the cluster, so these tests go one after the other. */
before(async () => installInjector(await cluster(), { image: image(version) }));

const DRIFT = { stale: [{ injection: 'drift' }] };
const open = (): Promise<Site> => Site.open({ injected: true, also: ['create pods'] });
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const once = Object.fromEntries(NAMES.map(name => [name, 1]));
const never = Object.fromEntries(NAMES.map(name => [name, 0]));

async function aFleet(site: Site): Promise<void> {
  await site.deploy(...NAMES.map(name => site.deployment({ name, replicas: 2, initContainer: name === 'b' })));
}

describe('injection: drift', { concurrency: 1 }, () => {
  test('a fleet that is fresh stays fresh over three runs', async () => {
    const site = await open();
    await aFleet(site);
    for (let run = 0; run < 3; run++) {
      const { code, report, worker } = await site.run(quickPolicy(site, DRIFT));
      assert.equal(code, 0, worker.stderr());
      assert.deepEqual(leftByName(report), Object.fromEntries(NAMES.map(name => [name, 'fresh'])));
    }
    assert.deepEqual(await site.restarts(), never);
    const trials = (await site.requests()).filter(({ verb, resource }) => verb === 'create' && resource === 'pods');
    assert.equal(trials.length, 3 * NAMES.length, 'one for each workload and run');
    assert.ok(trials.every(({ uri }) => uri.includes('dryRun=All')));
  });

  test('an upgrade of the injector restarts all of it once, and nothing again', async () => {
    const site = await open();
    await aFleet(site);
    await upgradeInjector(await cluster(), image(++version));
    const { code, report, worker } = await site.run(quickPolicy(site, DRIFT));
    assert.equal(code, 0, worker.stderr());
    assert.deepEqual(outcomesByName(report), Object.fromEntries(NAMES.map(name => [name, 'restarted'])));
    const causes = worker.lines().filter(({ message }) => message === 'one cause for several workloads');
    assert.deepEqual(
      causes.map(({ why, count, detail }) => [why, count, detail]),
      [['injectionDrift', 6, `istio-proxy runs ${image(version - 1)}, a new Pod gets ${image(version)}`]],
    );
    const again = await site.run(quickPolicy(site, DRIFT));
    assert.deepEqual([again.code, again.report.outcomes], [0, []]);
    assert.deepEqual(await site.restarts(), once);
  });

  test('an upgrade in the middle of a sweep restarts what was restarted before it once more, and no more', async () => {
    const site = await open();
    await aFleet(site);
    await upgradeInjector(await cluster(), image(++version));
    const policy = site.policyFile(quickPolicy(site, { ...DRIFT, batches: { sizes: [2], pause: '0s' } }));
    const first = site.start(['run', '--policy', policy, '--output', 'json']);
    await first.said('restart ended');
    first.process.kill('SIGTERM');
    assert.equal(await first.ended, 143);
    const halfway = await site.restarts();
    await upgradeInjector(await cluster(), image(++version));
    for (let run = 0; run < 2; run++) assert.equal((await site.run(policy)).code, 0);
    const after = await site.restarts();
    for (const name of NAMES) assert.equal(after[name], (halfway[name] ?? 0) + 1, name);
  });

  test('a Pod that opted out of injection is what a new one would be', async () => {
    const site = await open();
    await site.deploy(
      site.deployment({ name: 'out', podLabels: { 'sidecar.istio.io/inject': 'false' } }),
      site.deployment({ name: 'disabled', podAnnotations: { 'linkerd.io/inject': 'disabled' } }),
      site.deployment({ name: 'in' }),
    );
    await upgradeInjector(await cluster(), image(++version));
    const { report } = await site.run(quickPolicy(site, DRIFT));
    assert.deepEqual(outcomesByName(report), { in: 'restarted' });
    assert.deepEqual(await site.restarts(), { out: 0, disabled: 0, in: 1 });
  });

  test('a namespace that is injected from now on gets its sidecars', async () => {
    const site = await Site.open({ also: ['create pods'] });
    await aFleet(site);
    assert.deepEqual((await site.run(quickPolicy(site, DRIFT))).report.outcomes, []);
    await site.cluster.kubectl('label', 'namespace', site.namespaces[0] ?? '', 'istio-injection=enabled');
    assert.equal((await site.run(quickPolicy(site, DRIFT))).code, 0);
    assert.deepEqual(await site.restarts(), once);
  });

  test('an injector that is down makes all unknown, which is said once, whatever else is stale', async () => {
    const site = await open();
    await aFleet(site);
    await breakInjector(site.cluster);
    const policy = quickPolicy(site, { stale: [{ podOlderThan: '1s' }, { injection: 'drift' }] });
    const { code, report, worker } = await site.run(policy);
    assert.equal(code, 0);
    assert.deepEqual(leftByName(report), Object.fromEntries(NAMES.map(name => [name, 'unknown'])));
    const causes = worker.lines().filter(({ message }) => message === 'one cause for several workloads');
    assert.deepEqual(
      causes.map(({ count }) => count),
      [NAMES.length],
    );
    assert.match(String(causes[0]?.['detail']), /a Pod cannot be tried: .*sidecar/);
    assert.match(report.summary, /6 of them unknown/);
    assert.deepEqual(await site.restarts(), never);
    await installInjector(site.cluster, { image: image(++version) });
  });

  test('an injector that is down and ignored never gets a sidecar stripped', async () => {
    const site = await open();
    await aFleet(site);
    await hideInjector(site.cluster);
    const policy = quickPolicy(site, { stale: [{ podOlderThan: '1s' }, { injection: 'drift' }] });
    const { worker, report } = await site.run(policy);
    const unknown = report.left.filter(({ why }) => why === 'unknown');
    assert.equal(unknown.length, NAMES.length);
    assert.match(unknown[0]?.detail ?? '', /would lack istio-proxy, which its Pods have/);
    assert.equal(worker.lines().filter(({ message }) => message === 'one cause for several workloads').length, 1);
    await showInjector(site.cluster);
    assert.equal((await site.run(policy)).code, 0);
    assert.deepEqual(await site.restarts(), once);
  });

  test('and costs no more than the canary under a policy that does not ask it', async () => {
    const site = await open();
    await aFleet(site);
    await hideInjector(site.cluster);
    const policy = quickPolicy(site, { stale: [{ container: SIDECAR, imageNot: [image(version + 1)] }] });
    const { code, report } = await site.run(policy);
    assert.equal(code, 3);
    assert.deepEqual(
      report.outcomes.map(({ outcome, why }) => [outcome, why]),
      [['failed', 'notProven']],
    );
    assert.match(report.outcomes[0]?.detail ?? '', /new Pods lack istio-proxy, which the ones before had/);
    await showInjector(site.cluster);
  });

  test('without the right to try Pods the run ends with that', async () => {
    const site = await Site.open({ injected: true });
    await aFleet(site);
    const { code, report } = await site.run(quickPolicy(site, DRIFT));
    assert.equal(code, 4);
    assert.match(report.ending.detail, /not permitted to create pods in namespace/);
    assert.deepEqual(await site.restarts(), never);
  });
});
