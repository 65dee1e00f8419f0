/** A Pod as far as the kubelet of one page reads it. */
export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly deletionGracePeriodSeconds?: number;
  };
  readonly spec: {
    readonly containers: readonly [Container, ...Container[]];
    readonly volumes?: readonly Volume[];
    readonly serviceAccountName?: string;
    readonly nodeName?: string;
    readonly terminationGracePeriodSeconds?: number;
    readonly activeDeadlineSeconds?: number;
  };
  readonly status: { readonly phase?: string };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly env?: readonly EnvironmentVariable[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  readonly terminationMessagePath?: string;
  readonly terminationMessagePolicy?: 'File' | 'FallbackToLogsOnError';
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly fieldRef?: FieldRef;
    readonly configMapKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
  };
}

export interface FieldRef {
  readonly fieldPath: string;
}

export interface ConfigMapSource {
  readonly name: string;
  readonly items?: readonly { readonly key: string; readonly path: string }[];
  readonly optional?: boolean;
}

export interface TokenSource {
  readonly audience?: string;
  readonly expirationSeconds?: number;
  readonly path: string;
}

export interface ProjectedSource {
  readonly serviceAccountToken?: TokenSource;
  readonly configMap?: ConfigMapSource;
  readonly downwardAPI?: { readonly items?: readonly { readonly path: string; readonly fieldRef?: FieldRef }[] };
}

export interface Volume {
  readonly name: string;
  readonly configMap?: ConfigMapSource;
  readonly projected?: { readonly sources?: readonly ProjectedSource[] };
  readonly emptyDir?: object;
}

/** The value of a downward API field; throws for one that is not supported here. */
export function fieldOf(pod: Pod, { fieldPath }: FieldRef): string {
  const { metadata, spec } = pod;
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace;
    case 'metadata.uid':
      return metadata.uid;
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default';
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'status.podIP':
    case 'status.hostIP':
      return '127.0.0.1';
    default:
      return keyedFieldOf(pod, fieldPath);
  }
}

function keyedFieldOf(pod: Pod, fieldPath: string): string {
  const [, field, key] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath) ?? [];
  if (key === undefined) throw new Error(`this kubelet does not know the field ${fieldPath}`);
  return (field === 'labels' ? pod.metadata.labels : pod.metadata.annotations)?.[key] ?? '';
}
