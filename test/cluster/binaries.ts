/**
 * A real Kubernetes, built from the Go module proxy: `go.mod` and `go.sum` beside this file pin it. The result lies in
 * a cache folder outside the tree, so that Go is needed once per machine and version.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { alone } from './held.ts';

const PACKAGES = {
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
  kwok: 'sigs.k8s.io/kwok/cmd/kwok',
  helm: 'helm.sh/helm/v4/cmd/helm',
  kubelet: 'k8s.io/kubernetes/cmd/kubelet',
} as const;

export type Tool = keyof typeof PACKAGES;

/** What the fake cluster needs; the real kubelet is built only where one is asked for. */
const USUAL: readonly Tool[] = [
  'kubectl',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kwok',
  'helm',
];

/** Without a version of their own the servers call themselves v0.0.0-master, which helm and charts refuse. */
const FLAGS = ['-trimpath', '-ldflags=-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3'];

/**
 * The folder with the tools, each under its name. Builds what the cache lacks (minutes when cold) and says so on
 * stderr; throws with Go's own words when a build fails. The cache is `$NIGHTSHIFT_TEST_CACHE`, else `nightshift` below
 * `$XDG_CACHE_HOME` or `~/.cache`.
 */
export async function binaries(tools: readonly Tool[] = USUAL): Promise<string> {
  const folder = cacheFolder();
  const missing = () => tools.filter(tool => !existsSync(join(folder, tool)));
  if (missing().length === 0) return folder;

  await mkdir(folder, { recursive: true });
  await alone(lockOf(folder), sayWaiting, async () => {
    const work = missing();
    for (const [index, tool] of work.entries()) {
      const before = performance.now();
      say(`building ${tool} (${index + 1} of ${work.length}; once, into ${folder})`);
      await build(tool, join(folder, tool));
      say(`built ${tool} in ${((performance.now() - before) / 1000).toFixed(0)} s`);
    }
  });
  return folder;
}

function cacheFolder(): string {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${FLAGS.join(' ')}`);
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(import.meta.dirname, file)));
  const base = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const root = process.env['NIGHTSHIFT_TEST_CACHE'] || join(base, 'nightshift');
  return join(root, `controlplane-${hash.digest('hex').slice(0, 12)}`);
}

/** Not in the cache folder: the path of a socket may have only about a hundred characters. */
function lockOf(folder: string): string {
  return join(tmpdir(), `nightshift-build-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}.sock`);
}

/** The finished file appears in one step, so that a build that was killed leaves nothing that looks finished. */
async function build(tool: Tool, path: string): Promise<void> {
  const unfinished = `${path}.${process.pid}`;
  try {
    await go(['build', ...FLAGS, '-o', unfinished, PACKAGES[tool]]);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}

function go(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off' };
    const child = spawn('go', args, { cwd: import.meta.dirname, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-4000);
    });
    child.once('error', cause =>
      reject(new Error('the control plane is built with Go 1.26 or newer: is it installed?', { cause })),
    );
    child.once('close', code => (code === 0 ? resolve() : reject(new Error(`go ${args.join(' ')} failed:\n${words}`))));
  });
}

function sayWaiting(): void {
  say('another process builds the control plane, waiting for it');
}

function say(message: string): void {
  process.stderr.write(`test cluster: ${message}\n`);
}
