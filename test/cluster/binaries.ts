/** A real Kubernetes, built from the Go module proxy: `go.mod` and `go.sum` beside this file pin it. */
import { type GoModule, made } from './go-module.ts';

const PACKAGES = {
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
  kwok: 'sigs.k8s.io/kwok/cmd/kwok',
  helm: 'helm.sh/helm/v4/cmd/helm',
  kubelet: 'k8s.io/kubernetes/cmd/kubelet',
} as const;

export type Tool = keyof typeof PACKAGES;

const CONTROL_PLANE: GoModule<Tool> = {
  title: 'the control plane',
  name: 'controlplane',
  folder: import.meta.dirname,
  // Without a version of their own the servers call themselves v0.0.0-master, which helm and charts refuse.
  flags: ['-trimpath', '-ldflags=-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3'],
  products: PACKAGES,
};

/** What the fake cluster needs; the real kubelet is built only where one is asked for. */
const USUAL: readonly Tool[] = [
  'kubectl',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kwok',
  'helm',
];

/** The folder with the tools, each under its name; see `made`. */
export function binaries(tools: readonly Tool[] = USUAL): Promise<string> {
  return made(CONTROL_PLANE, tools);
}
