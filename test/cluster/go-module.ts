/**
 * What tests need of other people's Go modules: `go.mod` and `go.sum` in a folder of ours pin it, the Go module proxy
 * serves it. It lies in a cache folder outside the tree, so that Go is needed once per machine and version.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { alone } from './held.ts';

export interface GoModule<Name extends string> {
  /** In messages: `the control plane`. */
  readonly title: string;
  /** Begins the name of its cache folder. */
  readonly name: string;
  /** The folder with its go.mod and go.sum. */
  readonly folder: string;
  readonly flags: readonly string[];
  readonly products: Readonly<Record<Name, Product>>;
}

/** A program, by its package; or files that come with a package: a folder in it. */
type Product = string | { readonly package: string; readonly folder: string };

/**
 * The folder with the products, each under its name. Makes what the cache lacks (minutes when cold) and says so on
 * stderr; throws with Go's own words when that fails. The cache is `$NIGHTSHIFT_TEST_CACHE`, else `nightshift` below
 * `$XDG_CACHE_HOME` or `~/.cache`.
 */
export async function made<Name extends string>(module: GoModule<Name>, names: readonly Name[]): Promise<string> {
  const folder = cacheFolder(module);
  const missing = () => names.filter(name => !existsSync(join(folder, name)));
  if (missing().length === 0) return folder;

  await mkdir(folder, { recursive: true });
  const sayWaiting = () => say(`another process builds ${module.title}, waiting for it`);
  await alone(lockOf(folder), sayWaiting, async () => {
    const work = missing();
    for (const [index, name] of work.entries()) {
      const before = performance.now();
      say(`building ${name} (${index + 1} of ${work.length}; once, into ${folder})`);
      await make(module, module.products[name], join(folder, name));
      say(`built ${name} in ${((performance.now() - before) / 1000).toFixed(0)} s`);
    }
  });
  return folder;
}

function cacheFolder({ name, folder, flags }: GoModule<string>): string {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${flags.join(' ')}`);
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(folder, file)));
  const base = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const root = process.env['NIGHTSHIFT_TEST_CACHE'] || join(base, 'nightshift');
  return join(root, `${name}-${hash.digest('hex').slice(0, 12)}`);
}

/** Not in the cache folder: the path of a socket may have only about a hundred characters. */
function lockOf(folder: string): string {
  return join(tmpdir(), `nightshift-build-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}.sock`);
}

/** The finished product appears in one step, so that a build that was killed leaves nothing that looks finished. */
async function make(module: GoModule<string>, product: Product, path: string): Promise<void> {
  const unfinished = `${path}.${process.pid}`;
  try {
    if (typeof product === 'string') await go(module, ['build', ...module.flags, '-o', unfinished, product]);
    else await copyFiles(join(await directoryOf(module, product.package), product.folder), unfinished);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Where Go keeps the source of a package; it is fetched if need be. */
async function directoryOf(module: GoModule<string>, packageName: string): Promise<string> {
  return (await go(module, ['list', '-f', '{{.Dir}}', packageName])).trim();
}

/** File by file: Go's folders are read-only, and a copy like that could not be removed. */
async function copyFiles(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const source = join(entry.parentPath, entry.name);
    const target = join(to, relative(from, source));
    await mkdir(dirname(target), { recursive: true });
    await copyFile(source, target);
  }
}

/** What Go printed. */
function go({ folder, title }: GoModule<string>, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off' };
    const child = spawn('go', args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    let words = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-4000);
    });
    child.once('error', cause =>
      reject(new Error(`${title} is built with Go 1.26 or newer: is it installed?`, { cause })),
    );
    child.once('close', code =>
      code === 0 ? resolve(printed) : reject(new Error(`go ${args.join(' ')} failed:\n${words}`)),
    );
  });
}

function say(message: string): void {
  process.stderr.write(`test cluster: ${message}\n`);
}
