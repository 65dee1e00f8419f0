import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { describe, test } from 'node:test';

/** A rule that is not executed drifts: who may import whom, read from the import lines. */

const SOURCES = join(import.meta.dirname, '..', 'src');

interface Source {
  /** Relative to src/. */
  readonly file: string;
  /** Without comments. */
  readonly code: string;
  /** Files of ours, relative to src/. */
  readonly ours: readonly string[];
  /** Packages and `node:` modules. */
  readonly others: readonly string[];
}

function readSource(file: string): Source {
  const text = readFileSync(join(SOURCES, file), 'utf8');
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const imports = /^(?:import|export)\s[\s\w$,*{}]*\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm;
  const imported = [...code.matchAll(imports)].map(([, from, bare, lazy]) => from ?? bare ?? lazy ?? '');
  const isOurs = (name: string): boolean => name.startsWith('.');
  return {
    file,
    code,
    ours: imported.filter(isOurs).map(name => posix.join(posix.dirname(file), name)),
    others: imported.filter(name => !isOurs(name)),
  };
}

const sources = globSync('**/*.ts', { cwd: SOURCES })
  .map(file => readSource(file.replaceAll('\\', '/')))
  .toSorted((a, b) => a.file.localeCompare(b.file));
const inFolder = (folder: string): readonly Source[] => sources.filter(({ file }) => dirname(file) === folder);
const named = (folder: string, names: readonly string[]): string[] =>
  names.map(name => posix.join(folder, `${name}.ts`));

/** Each file imports only files before it. */
const DOMAIN = named('domain', [
  'shape',
  'model',
  'autoscaler',
  'duration',
  'quantity',
  'instant',
  'newness',
  'local-time',
  'cron',
  'glob',
  'spelling',
  'selector',
  'problem',
  'image',
  'policy-text',
  'policy-values',
  'policy-rules',
  'policy-criteria',
  'policy-order',
  'policy-schema',
  'policy',
  'zone',
  'openings',
  'window',
  'record',
  'checkpoint',
  'starts',
  'comparison',
  'drift',
  'chance',
  'want',
  'staleness',
  'rollout',
  'way',
  'budget',
  'availability',
  'succession',
  'strangers',
  'quota',
  'bench',
  'vetoes',
  'verdict',
  'report',
  'ledger',
  'reconcile',
  'order',
  'plan',
  'causes',
  'assessment',
]);

/** What a run is made of, from the ports to the story; the same rule. */
const RUN = named('.', [
  'news',
  'ports',
  'observed',
  'hold',
  'gates',
  'read-policy',
  'world',
  'trials',
  'evidence',
  'flight',
  'start',
  'spare',
  'generations',
  'readiness',
  'turnover',
  'quota-room',
  'quorum',
  'amend',
  'undo',
  'landings',
  'execute',
  'preview',
  'sweep',
  'off-hours',
  'run',
]);

const EDGES = named('.', ['flags', 'session', 'forget', 'commands', 'main']);

function assertOrdered(files: readonly string[], before: readonly string[]): void {
  for (const [index, file] of files.entries()) {
    const allowed = new Set([...before, ...files.slice(0, index)]);
    const { ours } = sources.find(source => source.file === file) ?? readSource(file);
    assert.deepEqual(
      ours.filter(imported => !allowed.has(imported)),
      [],
      `${file} imports what comes later`,
    );
  }
}

/** That only these files (or folders) contain a match, and nobody else. */
function assertOnly(allowed: readonly string[], breaks: (source: Source) => boolean): void {
  const wrong = sources.filter(source => !allowed.some(path => source.file.startsWith(path)) && breaks(source));
  assert.deepEqual(
    wrong.map(({ file }) => file),
    [],
  );
}

test('every file has its place in these lists', () => {
  const placed = [...DOMAIN, ...RUN, ...EDGES].toSorted();
  const files = sources.map(({ file }) => file).filter(file => !/^(kubernetes|terminal)\//.test(file));
  assert.deepEqual(files.toSorted(), placed);
});

describe('the domain', () => {
  test('imports only what comes before it', () => assertOrdered(DOMAIN, []));

  test('reads no file, no socket and no environment', () => {
    const pure = new Set(['zod', 'yaml', 'cron-parser', 'node:crypto', 'node:util']);
    const wrong = inFolder('domain').flatMap(({ file, others }) =>
      others.filter(name => !pure.has(name)).map(name => `${file} imports ${name}`),
    );
    assert.deepEqual(wrong, []);
  });

  test('has no clock, no timer, no chance and no voice', () => {
    const impure =
      /\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bset(Timeout|Interval|Immediate)\b|\bconsole\b|\bMath\.random\b|\brandom(Bytes|UUID)\b|\bfetch\(/;
    assert.deepEqual(
      inFolder('domain')
        .filter(({ code }) => impure.test(code))
        .map(({ file }) => file),
      [],
    );
  });
});

describe('the run', () => {
  test('imports the domain, and of its own only what comes before it', () => assertOrdered(RUN, DOMAIN));

  test('measures time and waits only through its ports', () => {
    const impure = /\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bset(Timeout|Interval|Immediate)\b|\bconsole\b/;
    assert.deepEqual(
      sources.filter(({ file, code }) => RUN.includes(file) && impure.test(code)).map(({ file }) => file),
      [],
    );
  });
});

describe('the edges', () => {
  test('kubernetes/ is the only importer of client-node and undici', () => {
    assertOnly(['kubernetes/'], ({ others }) =>
      others.some(name => name.startsWith('@kubernetes/') || name.startsWith('undici')),
    );
  });

  test('kubernetes/ translates: it knows the ports and the words, and nothing of a run', () => {
    for (const { file, ours } of inFolder('kubernetes')) {
      const wrong = ours.filter(name => name !== 'ports.ts' && !/^(domain|kubernetes)\//.test(name));
      assert.deepEqual(wrong, [], `${file} imports ${wrong.join(', ')}`);
    }
  });

  test('kubernetes/ takes no decision: no verdict, plan or checkpoint is known there', () => {
    const decisions = /^domain\/(verdict|plan|ledger|assessment|report|staleness|window|policy)/;
    assert.deepEqual(
      inFolder('kubernetes')
        .filter(({ ours }) => ours.some(name => decisions.test(name)))
        .map(({ file }) => file),
      [],
    );
  });

  test('kubernetes/ and terminal/ are imported by main and its commands only', () => {
    assertOnly([...EDGES, 'kubernetes/'], ({ ours }) => ours.some(name => name.startsWith('kubernetes/')));
    assertOnly([...EDGES, 'terminal/'], ({ ours }) => ours.some(name => name.startsWith('terminal/')));
  });

  test('terminal/ shows values: it starts nothing', () => {
    const shown = new Set(['news.ts', 'ports.ts', 'preview.ts', 'flags.ts']);
    for (const { file, ours } of inFolder('terminal')) {
      const wrong = ours.filter(name => !shown.has(name) && !/^(domain|terminal)\//.test(name));
      assert.deepEqual(wrong, [], `${file} imports ${wrong.join(', ')}`);
    }
  });

  test('main is the only user of the process', () => {
    assertOnly(['main.ts'], ({ code, others }) => /\bprocess\s*[.?[]/.test(code) || others.includes('node:process'));
  });

  test('main is imported by nobody, and the commands by main only', () => {
    assertOnly([], ({ ours }) => ours.includes('main.ts'));
    assertOnly(['main.ts'], ({ ours }) => ours.includes('commands.ts'));
  });
});

describe('the house', () => {
  test('has no drawer for odds and ends', () => {
    const drawers = /(^|\/)(utils?|helpers?|types|common|application|infrastructure|misc|shared|lib)(\/|\.ts$)/;
    assert.deepEqual(
      sources.filter(({ file }) => drawers.test(file)).map(({ file }) => file),
      [],
    );
  });

  test('has tests in the folders of what they test', () => {
    const folders = new Set([
      '.',
      'cluster',
      'e2e',
      'istio',
      'argo',
      'chart',
      'node',
      'demo',
      'faults',
      'simulation',
      'fidelity',
      ...sources.map(({ file }) => dirname(file)),
    ]);
    const tests = globSync('**/*.test.ts', { cwd: import.meta.dirname }).map(file => dirname(relative('.', file)));
    assert.deepEqual(
      [...new Set(tests)].filter(folder => !folders.has(folder.replaceAll('\\', '/'))),
      [],
    );
  });
});
