/** Argo Rollouts' controller and its custom resources, from one Go module: `go.mod` and `go.sum` beside this file pin it. */
import { join } from 'node:path';
import { type GoModule, made } from '../cluster/go-module.ts';

const ARGO: GoModule<'rollouts-controller' | 'manifests'> = {
  title: 'Argo Rollouts',
  name: 'argo',
  folder: import.meta.dirname,
  flags: ['-trimpath', '-ldflags=-s -w'],
  products: {
    'rollouts-controller': 'github.com/argoproj/argo-rollouts/cmd/rollouts-controller',
    // The folder above its manifests holds no Go code; this one is as good as any to find the module by.
    manifests: { package: 'github.com/argoproj/argo-rollouts/cmd/rollouts-controller', folder: '../../manifests' },
  },
};

export interface ArgoFiles {
  /** The controller, a program. */
  readonly controller: string;
  /** The folder with its CustomResourceDefinitions. */
  readonly crds: string;
  /** The folder with its ClusterRole. */
  readonly roles: string;
}

/** Builds what is missing; see `made`. */
export async function argoFiles(): Promise<ArgoFiles> {
  const folder = await made(ARGO, ['rollouts-controller', 'manifests']);
  return {
    controller: join(folder, 'rollouts-controller'),
    crds: join(folder, 'manifests', 'crds'),
    roles: join(folder, 'manifests', 'role'),
  };
}
