/** What lies beside the bundle says what is in it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import config from '../../rolldown.config.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');
const bill: { components: readonly { name: string; version: string }[] } = JSON.parse(read('dist/nightshift.cdx.json'));

/** Bundled once more, with a source map: that names every file of which a line is in the bundle. */
async function packagesInBundle(): Promise<readonly string[]> {
  const { plugins: _, output: __, ...input } = config;
  const build = await rolldown(input);
  const { output } = await build.generate({ format: 'esm', codeSplitting: false, minify: true, sourcemap: true });
  const sources = output.flatMap(file => (file.type === 'chunk' ? (file.map?.sources ?? []) : []));
  assert.ok(sources.length > 100, `${sources.length} sources`);
  const names = sources.flatMap(source => /^.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []);
  return [...new Set(names)].toSorted();
}

describe('the bill of materials', () => {
  test('has every package of which there is code in the bundle, and no other', async () => {
    const names = bill.components.map(({ name }) => name).toSorted();
    assert.deepEqual(names, await packagesInBundle());
    const { dependencies }: { dependencies: object } = JSON.parse(read('package.json'));
    for (const name of Object.keys(dependencies)) assert.ok(names.includes(name), name);
  });

  test('and the licences of all of them are in the image', () => {
    const licences = read('dist/nightshift.licenses.txt');
    for (const { name, version } of bill.components) assert.ok(licences.includes(`${name} ${version} (`), name);
    assert.match(
      read('Dockerfile'),
      /COPY --from=build \/build\/dist\/nightshift\.cdx\.json .*nightshift\.licenses\.txt \/app\//,
    );
  });
});

describe('npm run check:dependencies', () => {
  const check = (components: readonly object[]) => {
    const folder = mkdtempSync(join(tmpdir(), 'nightshift-test-'));
    try {
      mkdirSync(join(folder, 'dist'));
      writeFileSync(join(folder, 'dist', 'nightshift.cdx.json'), JSON.stringify({ components }));
      const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'packaging/check-dependencies.ts')], {
        cwd: folder,
        encoding: 'utf8',
      });
      return { status, stdout };
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const component = (licenses: unknown) => ({ name: 'thing', version: '1.0.0', licenses });

  test('takes licences that are allowed, and says what it could not find out', () => {
    const { status, stdout } = check([component([{ license: { id: 'MIT' } }])]);
    assert.deepEqual([status, stdout.match(/^npm audit: not known/m)?.length], [0, 1], stdout);
  });

  for (const [what, licenses] of [
    ['another licence', [{ license: { id: 'AGPL-3.0-only' } }]],
    ['a choice of licences that nobody looked at', [{ expression: '(MIT OR AGPL-3.0-only)' }]],
    ['no licence', undefined],
  ] as const) {
    test(`refuses a package with ${what}`, () => {
      const { status, stdout } = check([component(licenses)]);
      assert.equal(status, 1);
      assert.match(stdout, /licence: thing@1\.0\.0: .* is not among Apache-2\.0/);
    });
  }
});
