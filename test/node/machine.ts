/**
 * Runs a program on a machine of its own: new namespaces on this one. Its processes, mounts, network and files end with
 * the program, and with this process, however that ends. Only empty cgroups survive a SIGKILL; the next start removes them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../cluster/until.ts';

export const NAMESPACES = ['--net', '--mount', '--cgroup', '--pid', '--ipc', '--fork', '--kill-child'];
export const CONTROLLERS = ['blkio', 'cpu', 'cpuacct', 'cpuset', 'devices', 'freezer', 'memory', 'pids'];

const CGROUPS = '/sys/fs/cgroup';
const PREFIX = 'nightshift-node-';
/** The kubelet and its runtime know no other place for these. */
const MOUNT_POINTS = ['/var/lib/kubelet', '/var/lib/cni', '/var/log/containers'];

/** Runs the program as root of that machine; returns its exit code. One at a time. */
export async function onItsOwnMachine(command: readonly string[]): Promise<number> {
  await removeLeftovers();
  for (const folder of MOUNT_POINTS) mkdirSync(folder, { recursive: true });
  const script = join(import.meta.dirname, 'machine.sh');
  const isolated = ['unshare', ...NAMESPACES, script, `${PREFIX}${process.pid}`, ...command];
  // Our own death, even by SIGKILL, ends unshare, and unshare's end everything inside. A session of its own keeps
  // Ctrl-C from reaching the inside before us.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...isolated], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  let interrupted = false;
  const end = () => {
    interrupted = true;
    killFirstProcess(child);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, end);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', code => resolve(interrupted ? 130 : (code ?? 1)));
    });
  } finally {
    await removeLeftovers();
    for (const signal of signals) process.off(signal, end);
  }
}

/** Its end is the end of all others, and unshare waits for that: when unshare has ended, nothing is left. */
function killFirstProcess(unshare: ChildProcess): void {
  const children = childrenFile(unshare.pid ?? 0);
  const first = existsSync(children) ? Number(readFileSync(children, 'utf8').trim()) : 0;
  if (first > 0) process.kill(first, 'SIGKILL');
  else unshare.kill('SIGKILL');
}

const childrenFile = (pid: number) => `/proc/${pid}/task/${pid}/children`;

/** A cgroup can be removed when nothing runs in it any more, which takes the kernel a moment. */
async function removeLeftovers(): Promise<void> {
  const roots = [...CONTROLLERS, 'systemd'].map(name => join(CGROUPS, name));
  await until('the cgroups of the node to be empty', () => {
    for (const folder of roots.flatMap(root => named(root))) removeTree(folder);
    return roots.flatMap(root => named(root)).length === 0;
  });
  for (const folder of MOUNT_POINTS) attempt(() => rmdirSync(folder));
}

/** Our cgroups below a folder, at any depth: they lie below the one that the test was started in. */
function named(folder: string): string[] {
  return childrenOf(folder).flatMap(name => {
    const path = join(folder, name);
    return name.startsWith(PREFIX) ? [path] : named(path);
  });
}

function removeTree(folder: string): void {
  for (const name of childrenOf(folder)) removeTree(join(folder, name));
  attempt(() => rmdirSync(folder));
}

function childrenOf(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter(entry => entry.isDirectory()).map(entry => entry.name);
  } catch {
    return [];
  }
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // Not empty, not there, or in use: looked at again by whoever needs it gone.
  }
}
