import { parseArgs } from 'node:util';

/** The words of the command line, as values; pure, so that every combination can be tried. */

const COMMANDS = ['run', 'plan', 'status', 'windows', 'validate', 'schema', 'resume', 'reset'] as const;
export type CommandName = (typeof COMMANDS)[number];

export interface Flags {
  readonly policy: string;
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly namespace: string | undefined;
  /** Empty: the whole cluster. */
  readonly namespaces: readonly string[];
  readonly checkpoint: string;
  readonly only: string | undefined;
  readonly ignoreWindow: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly logLevel: string;
  readonly output: 'text' | 'json';
  readonly fieldManager: string;
}

export type CommandLine =
  | {
      readonly kind: 'command';
      readonly command: CommandName;
      readonly file: string | undefined;
      readonly flags: Flags;
    }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'usage'; readonly problem: string };

interface Option {
  readonly type: 'string' | 'boolean';
  readonly argument?: string;
  readonly help: string;
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const DNS_NAME = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/;

/** Every flag is also an environment variable: `--log-level` is NIGHTSHIFT_LOG_LEVEL. The flag wins. */
export const OPTIONS = {
  policy: {
    type: 'string',
    argument: 'FILE',
    help: 'the policy: a file, or configmap/NAME (default /etc/nightshift/policy.yaml)',
  },
  kubeconfig: {
    type: 'string',
    argument: 'FILE',
    help: "kubectl's configuration (default: like kubectl, or the Pod's service account)",
  },
  context: { type: 'string', argument: 'NAME', help: 'the context of the kubeconfig' },
  namespace: {
    type: 'string',
    argument: 'NAME',
    help: "where the checkpoint is (default: the service account's, else the context's)",
  },
  namespaces: { type: 'string', argument: 'A,B', help: 'work only in these, with rights in these only' },
  checkpoint: {
    type: 'string',
    argument: 'NAME',
    help: 'the ConfigMap of the checkpoint (default nightshift-checkpoint)',
  },
  only: { type: 'string', argument: 'NS/NAME', help: 'look at no other workload' },
  'ignore-window': { type: 'boolean', help: 'start now, whatever the windows and freezes say' },
  'dry-run': { type: 'boolean', help: 'run: print the plan and change nothing' },
  yes: { type: 'boolean', help: 'reset: do it, instead of saying what would be forgotten' },
  'log-level': { type: 'string', argument: 'LEVEL', help: `${LOG_LEVELS.join(', ')} (default info)` },
  output: { type: 'string', argument: 'FORMAT', help: 'text or json (default text)' },
  'field-manager': { type: 'string', argument: 'NAME', help: 'the field manager of our changes (default nightshift)' },
} satisfies Record<string, Option>;

/** The command with its flags, or what is wrong with the words. */
export function parseCommandLine(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): CommandLine {
  let parsed: { values: Record<string, string | boolean | undefined>; positionals: string[] };
  try {
    const switches = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } } as const;
    parsed = parseArgs({ args: [...words], options: { ...OPTIONS, ...switches }, allowPositionals: true });
  } catch (error) {
    return usage(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error));
  }
  const { values, positionals } = parsed;
  if (values['help'] === true) return { kind: 'help' };
  if (values['version'] === true) return { kind: 'version' };
  const [command, file, ...more] = positionals;
  if (command === undefined) return usage(`no command given: expected one of ${COMMANDS.join(', ')}`);
  if (command === 'help') return { kind: 'help' };
  if (!isCommand(command)) return usage(`unknown command ${command}: expected one of ${COMMANDS.join(', ')}`);
  if (command === 'validate' && file === undefined) return usage('validate needs a FILE');
  const surplus = command === 'validate' ? more[0] : file;
  if (surplus !== undefined) return usage(`${command} does not take ${surplus}`);
  const flags = flagsFrom(name => values[name] ?? environment[`NIGHTSHIFT_${name.toUpperCase().replaceAll('-', '_')}`]);
  return typeof flags === 'string' ? usage(flags) : { kind: 'command', command, file, flags };
}

const usage = (problem: string): CommandLine => ({ kind: 'usage', problem });

const isCommand = (word: string): word is CommandName => COMMANDS.some(command => command === word);

/** The flags, or what is wrong with one. */
function flagsFrom(valueOf: (name: keyof typeof OPTIONS) => string | boolean | undefined): Flags | string {
  const text = (name: keyof typeof OPTIONS): string | undefined => {
    const value = valueOf(name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const flag = (name: keyof typeof OPTIONS): boolean | string => {
    const value = valueOf(name) ?? false;
    if (typeof value === 'boolean') return value;
    if (value === 'true' || value === 'false' || value === '') return value === 'true';
    return `--${name} is ${JSON.stringify(value)}: expected true or false`;
  };
  const output = text('output') ?? 'text';
  if (output !== 'text' && output !== 'json') return `--output is ${JSON.stringify(output)}: expected text or json`;
  const logLevel = text('log-level') ?? 'info';
  if (!LOG_LEVELS.some(level => level === logLevel))
    return `--log-level is ${JSON.stringify(logLevel)}: expected one of ${LOG_LEVELS.join(', ')}`;
  const ignoreWindow = flag('ignore-window');
  if (typeof ignoreWindow === 'string') return ignoreWindow;
  const dryRun = flag('dry-run');
  if (typeof dryRun === 'string') return dryRun;
  const yes = flag('yes');
  if (typeof yes === 'string') return yes;
  const namespace = text('namespace');
  if (namespace !== undefined && !DNS_LABEL.test(namespace))
    return `--namespace is ${JSON.stringify(namespace)}: expected the name of a Namespace`;
  const namespaces = (text('namespaces') ?? '')
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '');
  const odd = namespaces.find(name => !DNS_LABEL.test(name));
  if (odd !== undefined)
    return `--namespaces has ${JSON.stringify(odd)}: expected names of Namespaces, separated by commas`;
  const checkpoint = text('checkpoint') ?? 'nightshift-checkpoint';
  if (!DNS_NAME.test(checkpoint))
    return `--checkpoint is ${JSON.stringify(checkpoint)}: expected the name of a ConfigMap`;
  const only = text('only');
  const [onlyNamespace = '', onlyName = '', ...rest] = only?.split('/') ?? [];
  if (only !== undefined && (rest.length > 0 || !DNS_LABEL.test(onlyNamespace) || !DNS_NAME.test(onlyName))) {
    return `--only is ${JSON.stringify(only)}: expected NAMESPACE/NAME`;
  }
  return {
    policy: text('policy') ?? '/etc/nightshift/policy.yaml',
    kubeconfig: text('kubeconfig'),
    context: text('context'),
    namespace,
    namespaces: [...new Set(namespaces)],
    checkpoint,
    only,
    ignoreWindow,
    dryRun,
    yes,
    logLevel,
    output,
    fieldManager: text('field-manager') ?? 'nightshift',
  };
}
