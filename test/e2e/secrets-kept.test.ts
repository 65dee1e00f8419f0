/** Nothing that is secret, and no object as a whole, gets into what a run leaves behind: log, Events, checkpoint, records. */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { installInjector, SIDECAR, upgradeInjector } from '../cluster/injector.ts';
import { cluster, outcomesByName, quickPolicy, Site } from './site.ts';
import { refuseRestarts } from './somebody.ts';

const MARK = 'MARKED-7f3a9c';
const BASE64 = Buffer.from(MARK).toString('base64');
/** A policy may turn text around, but not break a line: the API server would not take it. */
const WORDS = 'not on my watch \u202e\u2066\u009b31m';
const OBEYED = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/u;

before(async () => installInjector(await cluster(), { image: 'example.test/proxy:1' }));

/** A Deployment with marked values wherever a value may be secret. */
function marked(site: Site, name: string, behaviour?: string): object {
  const env = [
    { name: 'PASSWORD', value: MARK },
    { name: 'KEY', valueFrom: { secretKeyRef: { name: 'secret', key: 'key' } } },
  ];
  const envFrom = [{ configMapRef: { name: 'settings' } }];
  const annotations = {
    'example.test/token': MARK,
    'nightshift/restart': MARK,
    ...(behaviour === undefined ? {} : { 'test.nightshift/when-restarted': behaviour }),
  };
  const template = {
    metadata: { labels: { app: name }, annotations },
    spec: { containers: [{ name: 'app', image: 'example.test/app:1', command: [MARK], args: [MARK], env, envFrom }] },
  };
  return site.deployment({
    name,
    annotations: {
      'example.test/token': MARK,
      'nightshift/downtime': MARK,
      'nightshift/priority': MARK,
      'nightshift/last-restart': `{"at":"${MARK}"`,
    },
    spec: { template },
  });
}

async function aSite(): Promise<Site> {
  const site = await Site.open({ injected: true, also: ['create pods', 'list configmaps', 'list secrets'] });
  const metadata = (name: string) => ({ name, namespace: site.namespaces[0] });
  const objects = [
    { apiVersion: 'v1', kind: 'Secret', metadata: metadata('secret'), stringData: { key: MARK } },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('settings'), data: { PASSWORD: MARK } },
  ];
  await site.cluster.kubectlApply(objects.map(object => JSON.stringify(object)).join('\n---\n'));
  const failing = Object.entries({
    crash: 'crash-loop',
    image: 'image-pull',
    config: 'config-error',
    init: 'crash-later',
  });
  await site.deploy(
    ...['good', 'denied', 'other'].map(name => marked(site, name)),
    ...failing.map(([name, behaviour]) => marked(site, name, behaviour)),
  );
  await refuseRestarts(site, site.namespaces[0] ?? '', { name: 'denied', message: WORDS });
  return site;
}

describe('marked values', () => {
  test('in Secrets, ConfigMaps, variables, arguments, annotations, the token and the comments of the policy are in nothing that a run leaves behind', async () => {
    const site = await aSite();
    const path = await site.cluster.kubeconfigFor(site.home, 'nightshift');
    const token =
      /"?token"?: *"?([\w.-]{20,})/.exec(readFileSync(path, 'utf8'))?.[1] ?? assert.fail('no token in the kubeconfig');
    const termination = join(site.cluster.folder, `${site.id}-termination`);
    const { metadata } = await site.cluster.api<{ metadata: { uid: string } }>(`/api/v1/namespaces/${site.home}`);
    const environment = {
      KUBECONFIG: path,
      NIGHTSHIFT_TERMINATION_LOG: termination,
      NIGHTSHIFT_POD_NAME: 'night-1',
      NIGHTSHIFT_POD_UID: metadata.uid,
    };
    const file = site.policyFile(
      quickPolicy(site, {
        stale: [
          { injection: 'drift' },
          { container: SIDECAR, imageNot: ['example.test/proxy:2'] },
          { configChanged: { volumes: true, secrets: true } },
        ],
        onFailure: { stopAfter: 9 },
        rollout: { timeout: '20s', soak: '4s' },
      }),
    );
    appendFileSync(file, `# ${MARK}\n`);
    await upgradeInjector(site.cluster, 'example.test/proxy:2', site.namespaces[0]);
    const told: string[] = [];
    const say = async (code: number | readonly number[], ...words: readonly string[]) => {
      const worker = site.start([...words, '--log-level', 'debug'], environment);
      assert.ok(
        [code].flat().includes(Number(await worker.ended)),
        `${words.join(' ')}: ${worker.stdout()}${worker.stderr()}`,
      );
      told.push(worker.stdout(), worker.stderr());
      return worker;
    };
    await say(0, 'plan', '--policy', file);
    await say(0, 'plan', '--policy', file, '--output', 'json');
    const run = await say(3, 'run', '--policy', file, '--output', 'json');
    const report = JSON.parse(run.stdout().trimEnd().split('\n').at(-1) ?? '');
    const { crash, image, config, init, denied, good, other } = outcomesByName(report);
    assert.deepEqual([good, other, denied], ['restarted', 'restarted', 'denied']);
    assert.deepEqual(
      [crash, image, config],
      ['failed(crashLoopBackOff)', 'failed(imagePull)', 'failed(containerConfig)'],
    );
    assert.match(init ?? '', /^failed/);
    await say([0, 3], 'run', '--policy', file, '--output', 'json');
    await say(0, 'status');
    await say(0, 'status', '--output', 'json');
    await say(2, 'reset');
    await say(2, 'run', '--policy', file, '--context', 'nowhere');

    const left = await Promise.all([
      ...[site.home, ...site.namespaces].map(name => site.cluster.kubectl('-n', name, 'get', 'events', '-o', 'json')),
      site.cluster.kubectl('-n', site.home, 'get', 'configmap', 'nightshift-checkpoint', '-o', 'jsonpath={.data}'),
    ]);
    const ours = left.map(text =>
      JSON.stringify(
        JSON.parse(text).items?.filter(
          (event: { source: { component?: string } }) => event.source.component === 'nightshift',
        ) ?? text,
      ),
    );
    assert.match(ours.join('\n'), /imagePull/);
    for (const text of [...told, ...ours, readFileSync(termination, 'utf8')]) {
      for (const secret of [MARK, BASE64, token])
        assert.ok(
          !text.includes(secret),
          text.slice(Math.max(0, text.indexOf(secret) - 200), text.indexOf(secret) + 50),
        );
      // Nor a whole object.
      assert.doesNotMatch(text, /managedFields|containerStatuses|"spec":/);
      assert.doesNotMatch(text.replaceAll('\n', ''), OBEYED);
    }
    assert.match(told.join('\n'), /not on my watch/);
  });
});
