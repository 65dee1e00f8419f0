/**
 * The images of the test, as archives that containerd imports. No registry of images is asked: the Dockerfile's base
 * images are replaced by Debian from its own mirror with Node from the npm registry, built once and cached.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run, step } from './command.ts';

const SUITE = 'bookworm';
const NODE = '24.21.0';
const NPM = '11.19.1';
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

const BUILD_IMAGE = 'localhost/nightshift-test/build';
const RUNTIME_IMAGE = 'localhost/nightshift-test/runtime';

/** What the chart is told to run, and what the runtime holds a Pod's namespaces with. */
export const IMAGE = { repository: 'localhost/nightshift', tag: 'test' } as const;
export const PAUSE_IMAGE = 'localhost/nightshift-test/pause:1';

/** The archives to import. The folder is kept from one test to the next. */
export async function buildImages(folder: string, tree: string): Promise<string[]> {
  const base = join(folder, `base-${SUITE}-${NODE}-${NPM}-${process.arch}`);
  const pause = join(base, 'pause.tar');
  const finished = join(base, 'finished');
  if (!existsSync(finished)) {
    await rm(base, { recursive: true, force: true });
    await mkdir(base, { recursive: true });
    await buildBase(base);
    await archive(base, PAUSE_IMAGE, pause);
    await writeFile(finished, '');
  }
  const nightshift = join(folder, 'nightshift.tar');
  await step('built the image', () => buildNightshift(base, tree));
  await step('wrote its archive', () => archive(base, `${IMAGE.repository}:${IMAGE.tag}`, nightshift));
  return [pause, nightshift];
}

async function buildBase(base: string): Promise<void> {
  const root = join(base, 'root');
  await step(`installed Debian ${SUITE}`, () => sheltered('debootstrap', ['--variant=minbase', SUITE, root]));
  await step(`unpacked Node ${NODE}`, async () => {
    const library = join(root, 'usr/local/lib/node_modules/npm');
    await unpack(`node-linux-${process.arch}@${NODE}`, join(base, 'node'));
    await unpack(`npm@${NPM}`, library);
    await copyFile(join(base, 'node/bin/node'), join(root, 'usr/local/bin/node'));
    await run('ln', ['-s', '../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm')]);
    await run('chown', ['-R', '0:0', library]);
  });
  await step('built the base images', async () => {
    await imageOf(base, root, BUILD_IMAGE, 'ENV PATH=/usr/local/bin:/usr/bin:/bin');
    await imageOf(base, await distroless(base, root), RUNTIME_IMAGE, '');
    const pause = join(base, 'pause');
    await mkdir(pause);
    await copyFile('/usr/bin/catatonit', join(pause, 'pause'));
    await imageOf(base, pause, PAUSE_IMAGE, 'ENTRYPOINT ["/pause", "-P"]');
  });
  for (const name of ['root', 'node', 'distroless', 'pause'])
    await rm(join(base, name), { recursive: true, force: true });
}

/** Node where distroless keeps it, the libraries it is linked with, and nothing else: no shell, no npm. */
async function distroless(base: string, root: string): Promise<string> {
  const target = join(base, 'distroless');
  const linked = await run('chroot', [root, 'ldd', '/usr/local/bin/node']);
  const libraries = [...linked.matchAll(/(\/\S+) \(0x/g)].map(match => match[1] ?? '');
  const copies = [['/usr/local/bin/node', '/nodejs/bin/node'], ...libraries.map(path => [path, path])];
  for (const [from = '', to = ''] of copies) {
    await mkdir(dirname(join(target, to)), { recursive: true });
    await copyFile(join(root, from), join(target, to));
  }
  await mkdir(join(target, 'tmp'), { mode: 0o1777 });
  return target;
}

async function unpack(npmPackage: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const archiveName = (await run('npm', ['pack', '--silent', npmPackage], { cwd: folder })).trim();
  await run('tar', ['xzf', archiveName, '--strip-components=1'], { cwd: folder });
  await rm(join(folder, archiveName));
}

async function imageOf(base: string, content: string, image: string, more: string): Promise<void> {
  const file = join(base, 'Containerfile');
  await writeFile(file, `FROM scratch\nCOPY . /\n${more}\n`);
  await buildah(base, ['build', '--quiet', '--file', file, '--tag', image, content]);
}

/** As a user would build it, with this machine's registry and certificates lent to npm. */
async function buildNightshift(base: string, tree: string): Promise<void> {
  const npmrc = join(base, 'npmrc');
  const registry = (await run('npm', ['config', 'get', 'registry'])).trim();
  const certificates = existsSync(CERTIFICATES) ? [`${CERTIFICATES}:${CERTIFICATES}:ro`] : [];
  await writeFile(npmrc, `registry=${registry}\n${certificates.length > 0 ? `cafile=${CERTIFICATES}\n` : ''}`);
  const volumes = [...certificates, `${npmrc}:/root/.npmrc:ro`].map(volume => `--volume=${volume}`);
  const images = [`--build-arg=BUILD_IMAGE=${BUILD_IMAGE}`, `--build-arg=RUNTIME_IMAGE=${RUNTIME_IMAGE}`];
  const tag = `${IMAGE.repository}:${IMAGE.tag}`;
  // Containers of a build that was killed.
  await buildah(base, ['rm', '--all']);
  await buildah(base, ['build', '--quiet', '--isolation=chroot', ...volumes, ...images, '--tag', tag, tree]);
  // The image that had this tag before.
  await buildah(base, ['rmi', '--prune', '--force']);
}

async function archive(base: string, image: string, file: string): Promise<void> {
  await rm(file, { force: true });
  const name = image.includes(':') ? image : `${image}:latest`;
  await buildah(base, ['push', '--quiet', name, `docker-archive:${file}:${name}`]);
}

async function buildah(base: string, args: readonly string[]): Promise<void> {
  const temporary = join(base, 'tmp');
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary);
  const env = { ...process.env, TMPDIR: temporary };
  await sheltered('buildah', ['--root', join(base, 'store'), '--runroot', join(base, 'store-run'), ...args], env);
}

/** Runs a command whose processes end with this one, however that ends, and whose mounts end with them. */
function sheltered(file: string, args: readonly string[], env = process.env): Promise<string> {
  const namespaces = ['--mount', '--pid', '--mount-proc', '--fork', '--kill-child'];
  return run('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...namespaces, file, ...args], { env });
}
