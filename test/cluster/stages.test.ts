import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Cluster, startCluster } from './cluster.ts';
import { BEHAVIOURS } from './stages.ts';
import { until } from './until.ts';

interface ContainerSeen {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state: { readonly waiting?: { readonly reason: string }; readonly terminated?: object };
  readonly lastState?: { readonly terminated?: { readonly exitCode: number } };
}

interface PodSeen {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly ContainerSeen[];
    readonly initContainerStatuses?: readonly ContainerSeen[];
  };
}

/** What each container shows, in the order of the spec: a native sidecar, an init container, two containers. `!`: ready. */
function picture({ status }: PodSeen): string {
  const { phase, initContainerStatuses = [], containerStatuses = [] } = status;
  const shown = [...initContainerStatuses, ...containerStatuses].map(({ state, ready }) => {
    const what = state.waiting?.reason ?? (state.terminated === undefined ? 'running' : 'ended');
    return `${what}${ready ? '!' : ''}`;
  });
  return [`${phase}:`, ...shown].join(' ');
}

const READY = 'Running: running! ended! running! running!';
const app = (what: string, phase = 'Running') => `${phase}: running! ended! ${what} running!`;
const init = (what: string) => `Pending: running! ${what} PodInitializing PodInitializing`;

const STEPS: Readonly<Record<keyof typeof BEHAVIOURS, readonly string[]>> = {
  ready: [READY],
  'slow-ready': [app('running'), READY],
  'crash-loop': [app('running'), app('ended'), app('running'), app('CrashLoopBackOff'), app('running')],
  'crash-later': [READY, app('ended'), app('running'), app('CrashLoopBackOff'), app('running')],
  'image-pull': [app('ErrImagePull', 'Pending'), app('ImagePullBackOff', 'Pending'), app('ErrImagePull', 'Pending')],
  'config-error': [app('CreateContainerConfigError', 'Pending')],
  'init-hang': [init('running')],
  'init-crash': [init('running'), init('ended'), init('running'), init('CrashLoopBackOff'), init('running')],
  'init-image-pull': [init('ErrImagePull'), init('ImagePullBackOff'), init('ErrImagePull')],
  'slow-terminate': [READY],
};

function isReady({ status }: PodSeen): boolean {
  return (status.conditions ?? []).some(condition => condition.type === 'Ready' && condition.status === 'True');
}

function podSpec(): object {
  return {
    initContainers: [
      { name: 'mesh', image: 'mesh:1', restartPolicy: 'Always' },
      { name: 'prepare', image: 'prepare:1' },
    ],
    containers: [
      { name: 'app', image: 'app:1' },
      { name: 'helper', image: 'helper:1' },
    ],
  };
}

describe('a Pod on a fake node', { concurrency: true }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await startCluster({ nodes: 2 });
  });
  after(() => cluster.stop());

  async function createPod(name: string, annotations: Readonly<Record<string, string>>): Promise<void> {
    const body = { metadata: { name, annotations }, spec: podSpec() };
    await cluster.api('/api/v1/namespaces/default/pods', { method: 'POST', body });
  }

  function podWhere(name: string, condition: (pod: PodSeen) => boolean): Promise<PodSeen> {
    return until(`${name} to get there`, async () => {
      const pod = await cluster.api<PodSeen>(`/api/v1/namespaces/default/pods/${name}`);
      return condition(pod) && pod;
    });
  }

  /** Notes every new picture of every Pod from now on, and that it is Ready in the one picture in which it should be. */
  async function startNoting(steps: Map<string, string[]>, signal: AbortSignal): Promise<{ done: Promise<void> }> {
    const path = '/api/v1/namespaces/default/pods';
    const list = await cluster.api<{ readonly metadata: { readonly resourceVersion: string } }>(path);
    const from = `${path}?watch=1&resourceVersion=${list.metadata.resourceVersion}`;
    const note = async () => {
      for await (const { object: pod } of cluster.watch<{ readonly object: PodSeen }>(from, signal)) {
        const { name } = pod.metadata;
        if (!(name in STEPS)) continue;
        const shown = picture(pod);
        const known = steps.get(name) ?? [];
        if (shown !== 'Pending:' && known.at(-1) !== shown) steps.set(name, [...known, shown]);
        assert.equal(isReady(pod), shown === READY, `${name}: ${shown}`);
      }
    };
    return { done: note() };
  }

  it('behaves as it is told, step by step as a kubelet reports it', async () => {
    const steps = new Map<string, string[]>();
    const watching = new AbortController();
    const noting = await startNoting(steps, watching.signal);
    const behaviours = Object.entries(STEPS);
    const delay = { 'test.nightshift/delay': '1s' };
    await Promise.all(behaviours.map(([name]) => createPod(name, { ...delay, 'test.nightshift/behaviour': name })));
    await until('the last step of each', () => {
      return behaviours.every(([name, expected]) => (steps.get(name) ?? []).length >= expected.length);
    });
    watching.abort();
    await noting.done;
    for (const [name, expected] of behaviours) {
      assert.deepEqual(steps.get(name)?.slice(0, expected.length), expected, name);
    }
    assert.deepEqual(Object.keys(STEPS), Object.keys(BEHAVIOURS));
  });

  it('counts the restarts of a container and remembers how it ended', async () => {
    await createPod('counting', { 'test.nightshift/behaviour': 'crash-loop' });
    const pod = await podWhere('counting', ({ status }) => (status.containerStatuses?.[0]?.restartCount ?? 0) >= 2);
    assert.equal(pod.status.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 1);
    assert.equal(pod.status.containerStatuses[1]?.restartCount, 0);
  });

  it('lets a chosen container misbehave', async () => {
    const annotations = { 'test.nightshift/behaviour': 'config-error', 'test.nightshift/container': 'helper' };
    await createPod('chosen', annotations);
    const expected = 'Pending: running! ended! running! CreateContainerConfigError';
    await podWhere('chosen', pod => picture(pod) === expected);
  });

  it('misbehaves only if a restart made it, when it is told so', async () => {
    const metadata = { labels: { app: 'it' }, annotations: { 'test.nightshift/when-restarted': 'crash-loop' } };
    const spec = { replicas: 2, selector: { matchLabels: { app: 'it' } }, template: { metadata, spec: podSpec() } };
    const path = '/apis/apps/v1/namespaces/default/deployments';
    await cluster.api(path, { method: 'POST', body: { metadata: { name: 'breaks' }, spec } });
    await cluster.kubectl('rollout', 'status', 'deployment/breaks', '--timeout=20s');
    await cluster.kubectl('rollout', 'restart', 'deployment/breaks');
    const pods = () => cluster.kubectl('get', 'pods', '--selector=app=it');
    await until('CrashLoopBackOff', async () => (await pods()).includes('CrashLoopBackOff'));
    const available = '{.status.availableReplicas}';
    assert.equal(await cluster.kubectl('get', 'deployment', 'breaks', '-o', `jsonpath=${available}`), '2');
  });

  const terminations: readonly (readonly [string, Readonly<Record<string, string>>, number])[] = [
    ['slowly', { 'test.nightshift/behaviour': 'slow-terminate', 'test.nightshift/delay': '1500ms' }, 1.5],
    ['within-a-range', { 'test.nightshift/terminate': '1s-2s' }, 1],
    ['quickly', {}, 0.1],
  ];
  for (const [name, annotations, least] of terminations) {
    it(`terminates ${name}, not within ${least} s`, async () => {
      await createPod(name, annotations);
      await podWhere(name, isReady);
      const began = performance.now();
      await cluster.kubectl('delete', 'pod', name);
      const seconds = (performance.now() - began) / 1000;
      assert.ok(seconds >= least, `gone after ${seconds} s`);
    });
  }
});
