import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OPTIONS, parseCommandLine, type CommandLine, type CommandName, type Flags } from '../src/flags.ts';

const DEFAULTS: Flags = {
  policy: '/etc/nightshift/policy.yaml',
  kubeconfig: undefined,
  context: undefined,
  namespace: undefined,
  namespaces: [],
  checkpoint: 'nightshift-checkpoint',
  only: undefined,
  ignoreWindow: false,
  dryRun: false,
  yes: false,
  logLevel: 'info',
  output: 'text',
  fieldManager: 'nightshift',
};

const line = (words: string, environment: Readonly<Record<string, string>> = {}): CommandLine =>
  parseCommandLine(words.split(' ').filter(Boolean), environment);

function flagsOf(words: string, environment: Readonly<Record<string, string>> = {}): Flags {
  const parsed = line(words, environment);
  return parsed.kind === 'command' ? parsed.flags : assert.fail(JSON.stringify(parsed));
}

function problemOf(words: string, environment: Readonly<Record<string, string>> = {}): string {
  const parsed = line(words, environment);
  return parsed.kind === 'usage' ? parsed.problem : assert.fail(JSON.stringify(parsed));
}

const COMMANDS: Readonly<Record<CommandName, string | undefined>> = {
  run: undefined,
  plan: undefined,
  status: undefined,
  windows: undefined,
  validate: 'policy.yaml',
  schema: undefined,
  resume: undefined,
  reset: undefined,
};

describe('commands', () => {
  for (const [command, file] of Object.entries(COMMANDS)) {
    test(`${command} is one, with every default`, () => {
      assert.deepEqual(line(`${command} ${file ?? ''}`), { kind: 'command', command, file, flags: DEFAULTS });
    });
  }

  for (const [words, kind] of [
    ['--help', 'help'],
    ['-h', 'help'],
    ['help', 'help'],
    ['run --help', 'help'],
    ['--version', 'version'],
    ['plan --version', 'version'],
  ] as const) {
    test(`${words} asks for the ${kind}`, () => assert.equal(line(words).kind, kind));
  }
});

describe('words that mean nothing are refused', () => {
  for (const [words, problem] of [
    ['', /no command given: expected one of run, plan, status, windows, validate, schema, resume, reset/],
    ['restart', /unknown command restart: expected one of run,/],
    ['Run', /unknown command Run/],
    ['run now', /run does not take now/],
    ['validate', /validate needs a FILE/],
    ['validate a b', /validate does not take b/],
    ['run --verbose', /--verbose/],
    ['run --only', /--only/],
    ['run --dry-run=yes', /--dry-run/],
    ['run --output yaml', /--output is "yaml": expected text or json/],
    ['run --log-level trace', /--log-level is "trace": expected one of debug, info, warn, error/],
    ['run --namespace Shop', /--namespace is "Shop": expected the name of a Namespace/],
    ['run --namespace a/b', /--namespace is "a\/b"/],
    ['run --namespaces a,B,c', /--namespaces has "B": expected names of Namespaces/],
    ['run --checkpoint a_b', /--checkpoint is "a_b": expected the name of a ConfigMap/],
    ['run --only web', /--only is "web": expected NAMESPACE\/NAME/],
    ['run --only shop/', /--only is "shop\/"/],
    ['run --only shop/web/x', /--only is "shop\/web\/x"/],
    ['run --only */web', /--only/],
  ] as const) {
    test(`nightshift ${words}`, () => assert.match(problemOf(words), problem));
  }

  test('in the environment, too', () => {
    assert.match(problemOf('run', { NIGHTSHIFT_DRY_RUN: 'yes' }), /--dry-run is "yes": expected true or false/);
    assert.match(problemOf('run', { NIGHTSHIFT_OUTPUT: 'xml' }), /--output is "xml"/);
  });
});

/** A flag, the value that stands on the command line or in the environment, and what it means. */
const FLAGS: readonly (readonly [name: keyof typeof OPTIONS, value: string, meaning: Partial<Flags>])[] = [
  ['policy', 'configmap/night', { policy: 'configmap/night' }],
  ['kubeconfig', '/home/me/config', { kubeconfig: '/home/me/config' }],
  ['context', 'prod', { context: 'prod' }],
  ['namespace', 'ops', { namespace: 'ops' }],
  ['namespaces', 'a, b,,a', { namespaces: ['a', 'b'] }],
  ['checkpoint', 'night.checkpoint', { checkpoint: 'night.checkpoint' }],
  ['only', 'shop/web.v2', { only: 'shop/web.v2' }],
  ['ignore-window', 'true', { ignoreWindow: true }],
  ['dry-run', 'true', { dryRun: true }],
  ['yes', 'true', { yes: true }],
  ['log-level', 'debug', { logLevel: 'debug' }],
  ['output', 'json', { output: 'json' }],
  ['field-manager', 'kubectl-night', { fieldManager: 'kubectl-night' }],
];

describe('every flag has an environment variable', () => {
  test('and every flag is in this table', () => {
    assert.deepEqual(FLAGS.map(([name]) => name).toSorted(), Object.keys(OPTIONS).toSorted());
  });

  for (const [name, value, meaning] of FLAGS) {
    const variable = `NIGHTSHIFT_${name.toUpperCase().replaceAll('-', '_')}`;
    const words = OPTIONS[name].type === 'boolean' ? ['run', `--${name}`] : ['run', `--${name}`, value];

    test(`${variable} means --${name}`, () => {
      const expected = { ...DEFAULTS, ...meaning };
      assert.deepEqual(flagsOf('run', { [variable]: value }), expected);
      const parsed = parseCommandLine(words, {});
      assert.deepEqual(parsed.kind === 'command' && parsed.flags, expected);
    });

    test(`--${name} beats ${variable}`, () => {
      const other = OPTIONS[name].type === 'boolean' ? 'false' : name === 'output' ? 'text' : 'other';
      const parsed = parseCommandLine(words, { [variable]: name === 'log-level' ? 'warn' : other });
      assert.deepEqual(parsed.kind === 'command' && parsed.flags, { ...DEFAULTS, ...meaning });
    });

    test(`an empty ${variable} means nothing`, () => assert.deepEqual(flagsOf('run', { [variable]: '' }), DEFAULTS));
  }

  test('and an empty flag means the default', () => {
    const parsed = parseCommandLine(['run', '--policy', ''], { NIGHTSHIFT_POLICY: 'other.yaml' });
    assert.deepEqual(parsed.kind === 'command' && parsed.flags, DEFAULTS);
  });

  test('which may say false', () => {
    const environment = { NIGHTSHIFT_DRY_RUN: 'false', NIGHTSHIFT_IGNORE_WINDOW: 'false' };
    assert.deepEqual(flagsOf('run', environment), DEFAULTS);
  });
});
