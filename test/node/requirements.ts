/** What a machine must bring to become a node, and the packages it gets for it. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { run, step } from './command.ts';
import { CONTROLLERS, NAMESPACES } from './machine.ts';

const PACKAGES = [
  'buildah',
  'catatonit',
  'containerd',
  'containernetworking-plugins',
  'debootstrap',
  'iproute2',
  'iptables',
  'runc',
];

/** Undefined when a node can run here, else what is missing, as the rest of a sentence. */
export function whatIsMissing(): string | undefined {
  if (process.platform !== 'linux' || !/^ID=debian$/m.test(read('/etc/os-release'))) return 'it needs Debian';
  if (process.getuid?.() !== 0) return 'it needs root';
  // Debian 12's containerd under a kubelet that still accepts version 1: the pair that this test knows to work.
  const mounted = read('/proc/mounts')
    .split('\n')
    .filter(line => line.split(' ')[2] === 'cgroup')
    .flatMap(line => line.split(' ')[3]?.split(',') ?? []);
  const absent = CONTROLLERS.filter(controller => !mounted.includes(controller));
  if (absent.length > 0) return `it needs cgroup version 1 with ${absent.join(', ')}`;
  for (const tool of ['apt-get', 'npm', 'setpriv', 'unshare']) {
    if (spawnSync(tool, ['--version']).error !== undefined) return `it needs ${tool}`;
  }
  const trial = spawnSync('unshare', [...NAMESPACES, 'mount', '-t', 'proc', 'proc', '/proc'], { encoding: 'utf8' });
  if (trial.status === 0) return undefined;
  return `it needs namespaces of its own: ${trial.error?.message ?? trial.stderr.trim().split('\n')[0]}`;
}

/** Installs what is not there yet, without starting any of it as a service of the machine. */
export async function installPackages(): Promise<void> {
  const query = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...PACKAGES], {
    encoding: 'utf8',
  });
  const missing = PACKAGES.filter(name => !query.stdout.includes(`${name} installed\n`));
  if (missing.length === 0) return;
  await step(`installed ${missing.join(', ')}`, () =>
    withoutServices(async () => {
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      await run('apt-get', ['update', '-q'], { env });
      await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing], { env });
    }),
  );
}

/** Debian asks this program before it starts a service; a machine that has one already knows what it wants. */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d';

async function withoutServices(work: () => Promise<void>): Promise<void> {
  if (existsSync(SERVICE_POLICY)) return await work();
  await writeFile(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await work();
  } finally {
    await rm(SERVICE_POLICY, { force: true });
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
