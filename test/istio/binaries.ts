/** A real istiod and its charts, from one Go module: `go.mod` and `go.sum` beside this file pin it. */
import { join } from 'node:path';
import { type GoModule, made } from '../cluster/go-module.ts';

const ISTIO: GoModule<'pilot-discovery' | 'charts'> = {
  title: 'istiod',
  name: 'istio',
  folder: import.meta.dirname,
  flags: ['-trimpath', '-ldflags=-s -w'],
  products: {
    'pilot-discovery': 'istio.io/istio/pilot/cmd/pilot-discovery',
    charts: { package: 'istio.io/istio/manifests', folder: 'charts' },
  },
};

export interface IstioFiles {
  /** istiod, the program. */
  readonly pilotDiscovery: string;
  /** The folder with the charts `base` and `istio-control/istio-discovery`. */
  readonly charts: string;
}

/** Builds what is missing; see `made`. */
export async function istioFiles(): Promise<IstioFiles> {
  const folder = await made(ISTIO, ['pilot-discovery', 'charts']);
  return { pilotDiscovery: join(folder, 'pilot-discovery'), charts: join(folder, 'charts') };
}
