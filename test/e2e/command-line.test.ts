import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { MISTAKES } from '../domain/policy-mistakes/all.ts';
import { FULL_POLICY, placeOf, textOf } from '../domain/policy-build.ts';
import { BUNDLE } from './site.ts';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The bundle as a person runs it, without any cluster. */
function nightshift(...words: readonly string[]): Promise<Ended> {
  return new Promise(resolve => {
    execFile(process.execPath, [BUNDLE, ...words], { env: { HOME: tmpdir() } }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, stdout, stderr });
    });
  });
}

async function withFile<T>(text: string, use: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-policy-'));
  try {
    const file = join(folder, 'policy.yaml');
    await writeFile(file, text);
    return await use(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('the command line', { concurrency: 4 }, () => {
  test(`every one of ${MISTAKES.length} malformed policies gets line, column, path and expectation, and exit 2`, async () => {
    assert.ok(MISTAKES.length >= 60);
    const left = [...MISTAKES];
    const work = async (): Promise<void> => {
      for (let mistake = left.pop(); mistake !== undefined; mistake = left.pop()) {
        const [why, , path, expected] = mistake;
        const { code, stderr } = await withFile(textOf(mistake), file => nightshift('run', '--policy', file));
        assert.equal(code, 2, why);
        assert.ok(
          stderr.includes(`policy.yaml:${placeOf(mistake)}${path === '' ? '' : ` ${path}`}: expected `),
          `${why}: ${stderr}`,
        );
        assert.ok(stderr.includes(expected), `${why}: ${stderr}`);
      }
    };
    await Promise.all([work(), work(), work()]);
  });

  test('validate names the file that it was given', async () => {
    const { code, stderr } = await withFile('kind: Nothing\n', file => nightshift('validate', file));
    assert.equal(code, 2);
    assert.match(stderr, /nightshift-policy-\w+\/policy\.yaml:1:7 kind: expected RestartPolicy/);
  });

  test('validate says that a good policy is one, and when it opens', async () => {
    const { code, stdout } = await withFile(FULL_POLICY, file => nightshift('validate', file));
    assert.equal(code, 0);
    assert.match(stdout, /policy\.yaml is valid; the window (is open now|opens \d{4}-)/);
  });

  test('windows lists the next openings and what denies them', async () => {
    const { code, stdout } = await withFile(FULL_POLICY, file =>
      nightshift('windows', '--policy', file, '--output', 'json'),
    );
    assert.equal(code, 0);
    const { version, upcoming }: { version: number; upcoming: { kind: string; name: string }[] } = JSON.parse(stdout);
    assert.equal(version, 1);
    assert.ok(upcoming.length > 0 && upcoming.every(({ name }) => name === 'weeknights'));
  });

  test('schema prints a JSON Schema that names every key of the policy', async () => {
    const { stdout } = await nightshift('schema');
    const { properties }: { properties: Record<string, unknown> } = JSON.parse(stdout);
    assert.deepEqual(Object.keys(properties).toSorted(), [
      'apiVersion',
      'availability',
      'batches',
      'kind',
      'onFailure',
      'order',
      'ready',
      'restart',
      'rollout',
      'select',
      'stale',
      'windows',
    ]);
  });

  for (const { words, says } of [
    { words: [], says: /no command given: expected one of run, plan/ },
    { words: ['rnu'], says: /unknown command rnu/ },
    { words: ['run', '--polcy', 'x'], says: /--polcy/ },
    { words: ['run', '--output', 'yaml'], says: /--output is "yaml": expected text or json/ },
    { words: ['run', '--only', 'web'], says: /--only is "web": expected NAMESPACE\/NAME/ },
    { words: ['run', '--policy', '/no/such/file'], says: /there is no file \/no\/such\/file: name the policy with/ },
    { words: ['status', '--kubeconfig', '/no/such/file'], says: /\/no\/such\/file/ },
    { words: ['status'], says: /no cluster to talk to/ },
  ]) {
    test(`\`nightshift ${words.join(' ')}\` is refused with exit 2 and a sentence`, async () => {
      const { code, stderr } = await nightshift(...words);
      assert.equal(code, 2);
      assert.match(stderr, says);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
    });
  }
});
