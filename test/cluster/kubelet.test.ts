import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Cluster, startCluster } from './cluster.ts';
import { type Kubelet, kubeletPlacement, startKubelet } from './kubelet.ts';
import { Hopeless, until } from './until.ts';

/** A small Node program stands for the worker; it finds the API server as the real one does, by KUBECONFIG. */
const PROGRAM = `
const fs = require('node:fs'), https = require('node:https');
const [mode, policy] = process.argv.slice(2);
console.log('started', mode, process.env.POD_NAME, process.env.NAMESPACE, process.env.SERVICE_ACCOUNT, process.cwd());
if (mode === 'stubborn') process.on('SIGTERM', () => console.log('SIGTERM ignored'));
if (mode === 'polite') process.on('SIGTERM', () => { console.log('SIGTERM'); process.exit(143); });
if (mode === 'stubborn' || mode === 'polite') { setInterval(() => {}, 1000); console.log('waiting'); return; }
if (mode === 'read') { fs.writeFileSync(process.env.TERMINATION_LOG, fs.readFileSync(policy)); return; }
if (mode === 'fail') { console.log('these are my last words'); process.exit(3); }
const config = JSON.parse(fs.readFileSync(process.env.KUBECONFIG, 'utf8'));
const token = fs.readFileSync(config.users[0].user.tokenFile, 'utf8');
const { server, 'certificate-authority': ca } = config.clusters[0].cluster;
const get = path => new Promise((resolve, reject) => https.get(server + path,
  { ca: fs.readFileSync(ca), headers: { authorization: 'Bearer ' + token } }, r => { r.resume(); resolve(r.statusCode); }).on('error', reject));
const namespace = config.contexts[0].context.namespace;
(async () => {
  const codes = [await get('/api/v1/namespaces/' + namespace + '/pods'), await get('/api/v1/namespaces/' + namespace + '/secrets')];
  fs.writeFileSync(process.env.TERMINATION_LOG, JSON.stringify({ namespace, codes, policy: fs.readFileSync(policy, 'utf8') }));
})();
`;

const MANIFESTS = `
apiVersion: v1
kind: ServiceAccount
metadata: { name: worker }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: worker }
rules: [{ apiGroups: [""], resources: [pods], verbs: [list] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: worker }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: worker }
subjects: [{ kind: ServiceAccount, name: worker, namespace: default }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: policy }
data: { policy.yaml: "first" }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: changing }
data: { policy.yaml: "first" }
`;

function podSpec(args: readonly string[], more: object = {}): object {
  const container = {
    name: 'worker',
    image: 'worker:test',
    args,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'SERVICE_ACCOUNT', valueFrom: { fieldRef: { fieldPath: 'spec.serviceAccountName' } } },
      { name: 'TERMINATION_LOG', value: '/dev/termination-log' },
    ],
    volumeMounts: [{ name: 'policy', mountPath: '/etc/worker' }],
  };
  return {
    serviceAccountName: 'worker',
    restartPolicy: 'Never',
    containers: [container],
    volumes: [{ name: 'policy', configMap: { name: 'policy' } }],
    ...kubeletPlacement,
    ...more,
  };
}

function jobSpec(args: readonly string[], more: { readonly pod?: object; readonly job?: object } = {}): object {
  return { backoffLimit: 0, ...more.job, template: { spec: podSpec(args, more.pod) } };
}

interface PodSeen {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly reason?: string;
    readonly containerStatuses?: readonly {
      readonly state: {
        readonly running?: object;
        readonly waiting?: { readonly reason: string };
        readonly terminated?: { readonly exitCode: number; readonly reason: string; readonly message?: string };
      };
    }[];
  };
}

describe('the kubelet of one page', { concurrency: true }, () => {
  let cluster: Cluster;
  let kubelet: Kubelet;

  before(async () => {
    cluster = await startCluster({ nodes: 1 });
    const program = join(cluster.folder, 'worker.cjs');
    writeFileSync(program, PROGRAM);
    kubelet = await startKubelet(cluster, { images: { 'worker:test': [process.execPath, program] } });
    await cluster.kubectlApply(MANIFESTS);
  });
  after(() => cluster.stop());

  async function createJob(name: string, spec: object): Promise<void> {
    const body = { metadata: { name }, spec };
    await cluster.api('/apis/batch/v1/namespaces/default/jobs', { method: 'POST', body });
  }

  async function podOf(job: string): Promise<PodSeen | undefined> {
    const path = `/api/v1/namespaces/default/pods?labelSelector=job-name%3D${job}`;
    const { items } = await cluster.api<{ readonly items: readonly PodSeen[] }>(path);
    return items[0];
  }

  const finished = (job: string) =>
    until(`the Pod of ${job} to end`, async () => {
      const pod = await podOf(job);
      return pod !== undefined && ['Succeeded', 'Failed'].includes(pod.status.phase) && pod;
    });

  const printed = (job: string, words: string) =>
    until(`the Pod of ${job} to print ${words}`, async () => {
      const pod = await podOf(job);
      if (pod === undefined || pod.status.phase === 'Pending') return undefined;
      if (pod.status.phase !== 'Running') throw new Hopeless(JSON.stringify(pod.status, undefined, 2));
      const log = kubelet.podLog('default', pod.metadata.name);
      return readFileSync(log, 'utf8').includes(words) && { pod: pod.metadata.name, log };
    });

  const terminated = (pod: PodSeen) => pod.status.containerStatuses?.[0]?.state.terminated;

  it('runs a Job made from a CronJob with its token, its ConfigMap and its own termination message', async () => {
    const jobTemplate = { spec: jobSpec(['once', '/etc/worker/policy.yaml']) };
    const body = { metadata: { name: 'nightly' }, spec: { schedule: '0 0 1 1 *', jobTemplate } };
    await cluster.api('/apis/batch/v1/namespaces/default/cronjobs', { method: 'POST', body });
    await cluster.kubectl('create', 'job', 'by-hand', '--from=cronjob/nightly');
    await cluster.kubectl('wait', '--for=condition=Complete', 'job/by-hand', '--timeout=20s');

    const pod = await finished('by-hand');
    const expected = { namespace: 'default', codes: [200, 403], policy: 'first' };
    assert.deepEqual(JSON.parse(terminated(pod)?.message ?? ''), expected);
    assert.equal(pod.spec.nodeName, 'nightshift-kubelet');
    const log = readFileSync(kubelet.podLog('default', pod.metadata.name), 'utf8');
    assert.match(log, new RegExp(`started once ${pod.metadata.name} default worker ${cluster.folder}`));

    const requests = await cluster.requestsBy('system:serviceaccount:default:worker');
    const seen = requests.map(({ verb, resource, code }) => `${verb} ${resource} ${code}`);
    assert.deepEqual(seen, ['list pods 200', 'list secrets 403']);
  });

  it('reports exit code and last words of a program that fails', async () => {
    await createJob('failing', jobSpec(['fail']));
    const pod = await finished('failing');
    assert.equal(pod.status.phase, 'Failed');
    const { exitCode, reason, message } = terminated(pod) ?? {};
    assert.deepEqual({ exitCode, reason }, { exitCode: 3, reason: 'Error' });
    assert.match(message ?? '', /these are my last words/);
    await cluster.kubectl('wait', '--for=condition=Failed', 'job/failing', '--timeout=20s');
  });

  it('lets a deleted Job end by SIGTERM, and removes its Pod afterwards', async () => {
    await createJob('polite', jobSpec(['polite']));
    const { log } = await printed('polite', 'waiting');
    await cluster.kubectl('delete', 'job', 'polite', '--cascade=foreground');
    assert.match(readFileSync(log, 'utf8'), /\nSIGTERM\n/);
    assert.equal(await podOf('polite'), undefined);
  });

  it('kills what ignores SIGTERM when the grace period is over, not earlier', async () => {
    await createJob('stubborn', jobSpec(['stubborn'], { pod: { terminationGracePeriodSeconds: 2 } }));
    const { log } = await printed('stubborn', 'waiting');
    const began = performance.now();
    await cluster.kubectl('delete', 'job', 'stubborn', '--cascade=foreground');
    const seconds = (performance.now() - began) / 1000;
    assert.match(readFileSync(log, 'utf8'), /SIGTERM ignored/);
    assert.ok(seconds >= 2, `gone after ${seconds} s`);
    assert.equal(await podOf('stubborn'), undefined);
  });

  it('delivers the deadline of a Job as SIGTERM', async () => {
    await createJob('late', jobSpec(['polite'], { job: { activeDeadlineSeconds: 4 } }));
    const { log } = await printed('late', 'waiting');
    await cluster.kubectl('wait', '--for=condition=Failed', 'job/late', '--timeout=20s');
    assert.match(readFileSync(log, 'utf8'), /\nSIGTERM\n/);
    const reason = '{.status.conditions[?(@.type=="Failed")].reason}';
    assert.equal(await cluster.kubectl('get', 'job', 'late', '-o', `jsonpath=${reason}`), 'DeadlineExceeded');
  });

  it('delivers the deadline of a Pod as SIGTERM and says so', async () => {
    await createJob('late-pod', jobSpec(['polite'], { pod: { activeDeadlineSeconds: 1 } }));
    const pod = await finished('late-pod');
    assert.deepEqual([pod.status.phase, pod.status.reason], ['Failed', 'DeadlineExceeded']);
    assert.equal(terminated(pod)?.exitCode, 143);
  });

  it('reports a process that was killed behind its back with 137', async () => {
    await createJob('killed', jobSpec(['polite']));
    const { pod } = await printed('killed', 'waiting');
    kubelet.kill('default', pod, 'SIGKILL');
    const { exitCode, reason } = terminated(await finished('killed')) ?? {};
    assert.deepEqual({ exitCode, reason }, { exitCode: 137, reason: 'Error' });
    assert.throws(() => kubelet.kill('default', pod, 'SIGKILL'), /does not run/);
  });

  it('ends the process of a Pod that is removed by force', async () => {
    await createJob('forced', jobSpec(['stubborn']));
    const { pod } = await printed('forced', 'waiting');
    await cluster.kubectl('delete', 'job', 'forced', '--cascade=orphan');
    await cluster.kubectl('delete', 'pod', pod, '--force', '--grace-period=0');
    await until('the process to end', () => {
      try {
        kubelet.kill('default', pod, 'SIGCONT');
        return false;
      } catch {
        return true;
      }
    });
  });

  it('brings a changed ConfigMap into the mounted folder in one step', async () => {
    const volumes = [{ name: 'policy', configMap: { name: 'changing' } }];
    await createJob('mounted', jobSpec(['polite'], { pod: { volumes } }));
    const { pod } = await printed('mounted', 'waiting');
    const folder = join(kubelet.podFolder('default', pod), 'volumes', 'policy');
    const patch = { data: { 'policy.yaml': 'second', 'more.yaml': 'new' } };
    await cluster.api('/api/v1/namespaces/default/configmaps/changing', { method: 'PATCH', body: patch });
    await until('the change', () => existsSync(join(folder, 'more.yaml')));
    assert.equal(readFileSync(join(folder, 'policy.yaml'), 'utf8'), 'second');
    const removal = { data: { 'policy.yaml': 'first', 'more.yaml': null } };
    await cluster.api('/api/v1/namespaces/default/configmaps/changing', { method: 'PATCH', body: removal });
    await until('the removal', () => !existsSync(join(folder, 'more.yaml')));
    assert.equal(readFileSync(join(folder, 'policy.yaml'), 'utf8'), 'first');
    kubelet.kill('default', pod, 'SIGKILL');
  });

  it('waits for a ConfigMap that does not exist yet, as one does for a mount', async () => {
    const volumes = [{ name: 'policy', configMap: { name: 'later' } }];
    await createJob('early', jobSpec(['read', '/etc/worker/policy.yaml'], { pod: { volumes } }));
    const waiting = await until('the Pod to wait', async () => {
      return (await podOf('early'))?.status.containerStatuses?.[0]?.state.waiting;
    });
    assert.equal(waiting.reason, 'CreateContainerConfigError');
    await cluster.kubectl('create', 'configmap', 'later', '--from-literal=policy.yaml=found');
    const pod = await finished('early');
    assert.equal(terminated(pod)?.message, 'found');
  });

  it('cannot pull an image that it was not told', async () => {
    const pod = podSpec([]);
    const body = { metadata: { name: 'unknown' }, spec: { ...pod, containers: [{ name: 'x', image: 'nowhere:1' }] } };
    await cluster.api('/api/v1/namespaces/default/pods', { method: 'POST', body });
    const waiting = await until('the Pod to wait', async () => {
      const seen = await cluster.api<PodSeen>('/api/v1/namespaces/default/pods/unknown');
      return seen.status.containerStatuses?.[0]?.state.waiting;
    });
    assert.equal(waiting.reason, 'ImagePullBackOff');
    await cluster.kubectl('delete', 'pod', 'unknown');
  });

  it('keeps other Pods off its Node', async () => {
    const fleet = { metadata: { name: 'fleet' }, spec: { containers: [{ name: 'app', image: 'app:1' }] } };
    await cluster.api('/api/v1/namespaces/default/pods', { method: 'POST', body: fleet });
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/fleet', '--timeout=20s');
    assert.equal(await cluster.kubectl('get', 'pod', 'fleet', '-o', 'jsonpath={.spec.nodeName}'), 'node-0');
  });
});
