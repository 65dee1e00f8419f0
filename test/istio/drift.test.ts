/** The criterion `injection: drift` against the answers of a real injector. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { until } from '../cluster/until.ts';
import { cluster, leftByName, outcomesByName, quickPolicy, Site } from '../e2e/site.ts';
import { newPod, proxyOf } from './new-pod.ts';
import { installIstio, Revision } from './revision.ts';
import { GATEWAY, INJECTED, NOT_INJECTED, PINNED, type Template } from './templates.ts';

type Templates = Readonly<Record<string, Template>>;
const WITH_SIDECAR: Templates = { ...INJECTED, ...PINNED };
const WITH_PROXY: Templates = { ...WITH_SIDECAR, ...GATEWAY };
const ALL: Templates = { ...WITH_PROXY, ...NOT_INJECTED };

/** A site with a Deployment for each template, in a namespace whose label asks for injection. */
async function openSite(templates: Templates, label = 'istio-injection=enabled'): Promise<Site> {
  const site = await Site.open({ also: ['create pods'] });
  await inject(site, label);
  await deploy(site, templates);
  return site;
}

/** Returns when the API server injects new Pods: it takes a moment to learn a label. */
async function inject(site: Site, label: string): Promise<void> {
  const [namespace = ''] = site.namespaces;
  await site.cluster.kubectl('label', 'namespace', namespace, label);
  await until(`new Pods of ${namespace} to be injected`, async () =>
    proxyOf(await newPod(site.cluster, { namespace })),
  );
}

async function deploy(site: Site, templates: Templates): Promise<void> {
  const manifests = Object.entries(templates).map(([name, { metadata, spec }]) => {
    const template = { metadata: { ...metadata, labels: { ...metadata?.labels, app: name } }, spec };
    return site.deployment({ name, replicas: 2, spec: { template } });
  });
  await site.deploy(...manifests);
}

function drift(site: Site, what: Readonly<Record<string, readonly string[]>> = {}): Record<string, unknown> {
  return quickPolicy(site, { stale: [{ injection: 'drift', ...what }] });
}

function allOf<T>(templates: Templates, value: T): Record<string, T> {
  return Object.fromEntries(Object.keys(templates).map(name => [name, value]));
}

async function staysFresh(site: Site, templates: Templates): Promise<void> {
  const { code, report, worker } = await site.run(drift(site));
  assert.deepEqual(leftByName(report), allOf(templates, 'fresh'), worker.stderr());
  assert.deepEqual([code, report.outcomes], [0, []]);
}

/** Runs twice: the first restarts the drifted and leaves the rest, the second restarts nothing. */
async function restartsOnce(site: Site, drifted: Templates, rest: Templates): Promise<void> {
  const earlier = await site.restarts();
  const { code, report, worker } = await site.run(drift(site));
  assert.deepEqual(outcomesByName(report), allOf(drifted, 'restarted'), worker.stderr());
  assert.deepEqual([code, leftByName(report)], [0, allOf(rest, 'fresh')]);
  await staysFresh(site, { ...drifted, ...rest });
  const expected = Object.entries(earlier).map(([name, count]) => [name, name in drifted ? count + 1 : count]);
  assert.deepEqual(await site.restarts(), Object.fromEntries(expected));
}

/** There is one istiod for all, so these tests go one after the other. */
describe('drift from what a real istiod injects', { concurrency: 1 }, () => {
  let stable: Revision;
  before(async () => {
    await installIstio(await cluster());
    stable = await Revision.add(await cluster(), { name: 'default', tag: '1' });
  });

  it('is none while nothing changes, nor after istiod was away', async () => {
    const site = await openSite(ALL);
    await staysFresh(site, ALL);
    await staysFresh(site, ALL);
    await stable.start();
    await staysFresh(site, ALL);
    assert.deepEqual(await site.restarts(), allOf(ALL, 0));
  });

  it('comes with an upgrade and with its rollback, except where the image is pinned or nothing injected', async () => {
    const site = await openSite(ALL);
    await stable.upgrade('2');
    const late = { late: INJECTED.plain };
    await deploy(site, late);
    const rest = { ...PINNED, ...NOT_INJECTED };
    await restartsOnce(site, { ...INJECTED, ...GATEWAY }, { ...rest, ...late });
    await stable.upgrade('1');
    await restartsOnce(site, { ...INJECTED, ...GATEWAY, ...late }, rest);
  });

  it('comes when a revision tag moves to another revision', async () => {
    await stable.takeRevisionTag('prod');
    const site = await openSite(ALL, 'istio.io/rev=prod');
    const canary = await Revision.add(site.cluster, { name: 'canary', tag: '1' });
    await staysFresh(site, ALL);
    await canary.takeRevisionTag('prod');
    await restartsOnce(site, WITH_PROXY, NOT_INJECTED);
  });

  it('comes with a change of the mesh, where more counts than images', async () => {
    const site = await openSite(ALL);
    await stable.setProxyMetadata('NIGHT', 'shift');
    const { report } = await site.run(drift(site, { containers: ['istio-proxy'], fields: ['image'] }));
    assert.deepEqual(leftByName(report), allOf(ALL, 'fresh'));
    await restartsOnce(site, WITH_PROXY, NOT_INJECTED);
  });

  it('comes when sidecars become native, and when they cease to be', async () => {
    const site = await openSite(ALL);
    for (const native of [true, false]) {
      await stable.start({ native });
      await restartsOnce(site, WITH_SIDECAR, { ...GATEWAY, ...NOT_INJECTED });
    }
  });

  it('comes when a namespace is injected that was not', async () => {
    const plain = { plain: INJECTED.plain };
    const site = await Site.open({ also: ['create pods'] });
    await deploy(site, { ...plain, ...NOT_INJECTED });
    await staysFresh(site, { ...plain, ...NOT_INJECTED });
    await inject(site, 'istio-injection=enabled');
    await restartsOnce(site, plain, NOT_INJECTED);
  });

  it('is unknown while istiod is down, which is said once', async () => {
    const site = await openSite(ALL);
    await stable.upgrade('3');
    await stable.stop();
    const { code, report, worker } = await site.run(drift(site));
    await stable.start();
    // Of the Pods that Istio leaves alone the API server itself knows only those that opted out.
    assert.deepEqual(leftByName(report), { ...allOf(ALL, 'unknown'), 'opted-out': 'fresh' });
    const warnings = worker.lines().filter(({ level }) => level === 'warn');
    assert.deepEqual([code, warnings.map(({ count }) => count)], [0, [Object.keys(ALL).length - 1]]);
    assert.match(String(warnings[0]?.['detail']), /failed calling webhook "namespace.sidecar-injector.istio.io"/);
    assert.deepEqual(await site.restarts(), allOf(ALL, 0));
  });

  for (const what of [{}, { containers: ['istio-proxy'] }]) {
    it(`is unknown where Pods come without a proxy while istiod is down, for ${JSON.stringify(what)}`, async () => {
      const site = await openSite(ALL);
      await stable.stop('Ignore');
      const { code, report } = await site.run(drift(site, what));
      await stable.start();
      const expected = { ...allOf(WITH_PROXY, 'unknown'), ...allOf(NOT_INJECTED, 'fresh') };
      assert.deepEqual([code, leftByName(report)], [0, expected]);
      assert.deepEqual(await site.restarts(), allOf(ALL, 0));
    });
  }

  for (const failurePolicy of ['Fail', 'Ignore'] as const) {
    it(`is looked for again before each restart: istiod dies in between, ${failurePolicy}`, async () => {
      const site = await openSite({ first: INJECTED.plain, second: INJECTED.plain, ...GATEWAY });
      const [namespace = ''] = site.namespaces;
      await site.cluster.kubectl('-n', namespace, 'annotate', 'deployment', 'first', 'nightshift/priority=1');
      await stable.upgrade(`before-${failurePolicy}`);
      const batches = { sizes: [1, 2], pause: '5s' };
      const worker = site.start(['run', '--policy', site.policyFile({ ...drift(site), batches }), '--output', 'json']);
      await worker.said('restart ended');
      await stable.stop(failurePolicy);
      assert.equal(await worker.ended, 0, worker.stderr());
      await stable.start();
      assert.deepEqual(await site.restarts(), { first: 1, second: 0, gateway: 0 });
    });
  }
});
