/** helm and the chart, without a cluster. */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  V1ClusterRole,
  V1ClusterRoleBinding,
  V1ConfigMap,
  V1Container,
  V1CronJob,
  V1CronJobSpec,
  V1JobSpec,
  V1ObjectMeta,
  V1PodSpec,
  V1Role,
  V1RoleBinding,
  V1ServiceAccount,
  V1ValidatingAdmissionPolicy,
  V1ValidatingAdmissionPolicyBinding,
} from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import { binaries } from '../cluster/binaries.ts';

export const CHART = join(import.meta.dirname, '../../charts/nightshift');

export const ENVIRONMENTS = ['dev', 'staging', 'production'] as const;
export const environmentFile = (name: (typeof ENVIRONMENTS)[number]) => join(CHART, 'environments', `${name}.yaml`);

/** The least that a user must say. */
export const POLICY = {
  windows: { allow: [{ name: 'nights', opens: '0 1 * * *', lasts: '4h' }] },
  stale: [{ podOlderThan: '7d' }],
};

interface Kinds {
  readonly ClusterRole: V1ClusterRole;
  readonly ClusterRoleBinding: V1ClusterRoleBinding;
  readonly ConfigMap: V1ConfigMap;
  readonly CronJob: V1CronJob;
  readonly Role: V1Role;
  readonly RoleBinding: V1RoleBinding;
  readonly ServiceAccount: V1ServiceAccount;
  readonly ValidatingAdmissionPolicy: V1ValidatingAdmissionPolicy;
  readonly ValidatingAdmissionPolicyBinding: V1ValidatingAdmissionPolicyBinding;
}

/** An object that the chart may create; `kind` tells which. */
export type Manifest = { readonly [Kind in keyof Kinds]: Kinds[Kind] & { readonly kind: Kind } }[keyof Kinds];

export interface Release {
  readonly name?: string;
  readonly namespace?: string;
  /** Over the defaults of the chart; the policy is POLICY unless it is named. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** In their place, as text. */
  readonly yaml?: string;
  readonly args?: readonly string[];
}

/** What `helm template` makes of the chart. Throws with helm's words when it refuses. */
export async function render(release: Release = {}): Promise<readonly Manifest[]> {
  const text = await template(release);
  return parseAllDocuments(text).flatMap(document => {
    // Trusted here, once: what is absent shows in an assertion.
    const manifest: Manifest | null = document.toJS();
    return manifest === null ? [] : [manifest];
  });
}

/** `KIND NAMESPACE NAME` of each, sorted. */
export const placed = (manifests: readonly Manifest[]): readonly string[] =>
  manifests.map(({ kind, metadata }) => [kind, metadata?.namespace, metadata?.name].join(' ')).toSorted();

export interface Run {
  readonly cronJob: V1CronJobSpec;
  readonly job: V1JobSpec;
  readonly podMetadata: V1ObjectMeta;
  readonly pod: V1PodSpec;
  readonly container: V1Container;
}

/** The CronJob of what was rendered, taken apart. */
export function runOf(manifests: readonly Manifest[]): Run {
  const cronJob = manifests.find(manifest => manifest.kind === 'CronJob')?.spec;
  const job = cronJob?.jobTemplate.spec;
  const pod = job?.template.spec;
  const [container] = pod?.containers ?? [];
  if (cronJob === undefined || job?.template.metadata === undefined || pod === undefined || container === undefined) {
    throw new Error('no CronJob with a container was rendered');
  }
  return { cronJob, job, podMetadata: job.template.metadata, pod, container };
}

/** The text under `policy.yaml`, the only key of that ConfigMap. */
export function policyTextOf(manifests: readonly Manifest[]): string {
  const texts = manifests.flatMap(manifest =>
    manifest.kind === 'ConfigMap' ? Object.entries(manifest.data ?? {}) : [],
  );
  const [[key, text] = ['', ''], ...others] = texts;
  if (key !== 'policy.yaml' || others.length > 0) throw new Error(`not one policy but ${JSON.stringify(texts)}`);
  return text;
}

/** The same as text. */
export function template({
  name = 'nightshift',
  namespace = 'ops',
  values = {},
  yaml,
  args = [],
}: Release): Promise<string> {
  const command = ['template', name, CHART, '--namespace', namespace, '--values', '-', ...args];
  // JSON, because helm reads YAML 1.1, where a bare `no` is false.
  return helm(command, yaml ?? JSON.stringify({ policy: POLICY, ...values }));
}

/** Runs helm with a home of its own, so that nobody's plugins or repositories matter. Throws with its words. */
export async function helm(args: readonly string[], input = ''): Promise<string> {
  const folder = await binaries(['helm']);
  const home = join(tmpdir(), 'no-such-home');
  const env = { PATH: '', HOME: home, XDG_CACHE_HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home };
  return new Promise((resolve, reject) => {
    const child = execFile(join(folder, 'helm'), args, { env }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${stdout}${stderr}`.trim(), { cause: error }));
    });
    child.stdin?.on('error', () => undefined).end(input);
  });
}
