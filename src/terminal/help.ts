import { OPTIONS, type CommandName } from '../flags.ts';
import { table } from './table.ts';

const WHAT: Record<CommandName, string> = {
  run: 'restart what is stale, as the policy says',
  plan: 'print what a run would do now; changes nothing',
  status: 'print the checkpoint: sweep, stop, last runs',
  windows: 'print the openings of the next two weeks',
  validate: 'check a policy FILE; prints every problem with its place',
  schema: "print the policy's JSON Schema for your editor",
  resume: 'forget a stop, so that the next run goes on',
  reset: 'say what the checkpoint would forget; with --yes, start over',
};

const EXITS: readonly (readonly [string, string])[] = [
  [
    '0',
    'the run did what it could: all fresh, more next time, window closed, stopped earlier, or another run is active',
  ],
  ['1', 'unexpected error, or the API server stayed out of reach'],
  ['2', 'invalid policy or usage'],
  ['3', 'a workload failed, was denied or was ineffective in this run'],
  ['4', 'not permitted: names verb, resource and namespace'],
  ['5', 'the checkpoint cannot be used'],
  ['143', 'stopped by SIGTERM after saving'],
];

export function helpText(): string {
  const indent = (text: string): string =>
    text
      .split('\n')
      .slice(1)
      .map(line => `  ${line}`)
      .join('\n');
  const commands = Object.entries(WHAT).map(([name, what]) => [name === 'validate' ? 'validate FILE' : name, what]);
  const flags = Object.entries(OPTIONS).map(([name, option]) => [
    `--${name}${'argument' in option ? ` ${option.argument}` : ''}`,
    option.help,
  ]);
  return [
    'nightshift restarts stale workloads of a Kubernetes cluster: a few at a time, inside maintenance windows.',
    'Usage: nightshift COMMAND [FLAGS]',
    indent(table(['', ''], commands)),
    'Flags; each is also an environment variable, --log-level is NIGHTSHIFT_LOG_LEVEL:',
    indent(table(['', ''], flags)),
    'Exit codes:',
    indent(table(['', ''], EXITS)),
  ].join('\n\n');
}
