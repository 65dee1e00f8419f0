/** The chart's own rights, under its guard, are enough for every criterion. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installInjector, upgradeInjector } from '../cluster/injector.ts';
import { namespace } from '../cluster/fleet.ts';
import { Release } from './release.ts';
import { quickPolicy, Site } from './site.ts';

for (const listed of [false, true]) {
  test(`injection, configuration and what must be ready, with ${listed ? 'a Role in each namespace' : 'a ClusterRole'}`, async () => {
    const site = await Site.open({ namespaces: 2 });
    const [fleet = '', mesh = ''] = site.namespaces;
    await site.cluster.kubectlApply(JSON.stringify(namespace(fleet)));
    await installInjector(site.cluster, { image: 'proxy:1' });
    await site.deploy(site.deployment({ name: 'app' }), site.deployment({ name: 'injector', namespace: mesh }));
    await upgradeInjector(site.cluster, 'proxy:2');
    const release = await Release.install(`${site.id}-ops`, {
      fullnameOverride: 'nightshift',
      nameOverride: site.id,
      policy: quickPolicy(site, {
        select: { namespaces: { include: [fleet] } },
        stale: [{ injection: 'drift' }, { configChanged: { secrets: true } }],
        ready: [{ deployment: `${mesh}/injector` }],
      }),
      rbac: { namespaces: listed ? [fleet] : [], secrets: true },
    });
    const { exitCode, lines } = await release.run();
    assert.equal(exitCode, 0, JSON.stringify(lines));
    assert.deepEqual(await site.restarts(), { app: 1, injector: 0 });
    await release.cluster.helm('uninstall', 'nightshift', '-n', release.namespace);
  });
}
