/** A namespace of the real control plane as a theatre; its nodes are fake. */
import { connect, type Kubernetes } from '../../src/kubernetes/connect.ts';
import { unreachable, type Strategy } from '../../src/domain/model.ts';
import { ofKind, settledKinds } from '../cluster/fleet.ts';
import type { Behaviour } from '../cluster/stages.ts';
import { SIDECAR } from '../cluster/injector.ts';
import { quickPolicy, Site } from '../e2e/site.ts';
import { refuseRestarts, removeOurKeys, rollout } from '../e2e/somebody.ts';
import { injectedSite, NEW, NEWER, upgrade } from '../e2e/upgraded.ts';
import { realClock } from '../kubernetes/real-clock.ts';
import { reportOf } from '../worker-log.ts';
import {
  wished,
  type Illness,
  type Part,
  type Running,
  type Scenario,
  type Somebody,
  type Theatre,
  type Wishes,
} from './theatre.ts';

/** What it comes to in a namespace of its own. */
export async function playReally({ play, injected = false }: Scenario): Promise<unknown> {
  const kinds = ['statefulsets', 'daemonsets'] as const;
  const also = ['create pods', 'create pods/eviction'];
  const site = injected ? await injectedSite({ also }) : await Site.open({ kinds, also });
  await using theatre = new RealTheatre(site, injected);
  return await play(theatre);
}

const BEHAVIOURS: Readonly<Record<Illness, Behaviour>> = {
  image: 'image-pull',
  crashes: 'crash-loop',
  config: 'config-error',
  init: 'init-crash',
};

class RealTheatre implements Theatre {
  readonly clock = realClock;
  readonly cluster: Theatre['cluster'];
  readonly namespace: string;
  readonly #site: Site;
  readonly #isInjected: boolean;
  readonly #kubernetes: Kubernetes;

  constructor(site: Site, isInjected: boolean) {
    this.#site = site;
    this.#isInjected = isInjected;
    const [namespace = ''] = site.namespaces;
    this.namespace = namespace;
    const { kubeconfig } = site.cluster;
    this.#kubernetes = connect({ kubeconfig, clock: realClock, env: {}, checkpoint: 'none', namespaces: [namespace] });
    this.cluster = this.#kubernetes.cluster;
  }

  async deploy(...parts: readonly Part[]): Promise<void> {
    const others = parts.filter(({ kind = 'Deployment' }) => kind !== 'Deployment');
    for (const part of others) await this.#site.cluster.kubectlApply(JSON.stringify(this.#manifest(part)));
    if (others.length > 0) await settledKinds(this.#site.cluster, this.namespace);
    const deployments = parts.filter(part => !others.includes(part));
    if (deployments.length === 0) await this.#site.age();
    else await this.#site.deploy(...deployments.map(part => this.#manifest(part)));
    if (this.#isInjected) await upgrade(this.#site);
  }

  start(wishes: Wishes): Running {
    const { stale, sizes, stopAfter, downtime, undo, kinds } = wished(wishes);
    const criteria: Record<typeof stale, object> = {
      age: { podOlderThan: '1s' },
      image: { container: SIDECAR, imageNot: [NEW] },
      typo: { container: SIDECAR, imageNot: [NEWER] },
      drift: { injection: 'drift' },
    };
    const { batches, ...policy } = quickPolicy(this.#site, {
      select: { kinds, namespaces: { include: this.#site.namespaces } },
      stale: [criteria[stale]],
      onFailure: { stopAfter, undo },
      availability: { downtime },
    });
    const file = this.#site.policyFile({ ...policy, batches: { ...Object(batches), sizes } });
    const worker = this.#site.start(['run', '--policy', file, '--output', 'json']);
    return {
      ended: worker.ended.then(() => reportOf(worker.stdout())),
      terminate: () => worker.process.kill('SIGTERM'),
    };
  }

  readonly somebody: Somebody = {
    scales: (name, replicas) => this.#kubectl('scale', `deployment/${name}`, `--replicas=${replicas}`),
    pauses: (name, paused) => this.#kubectl('rollout', paused ? 'pause' : 'resume', `deployment/${name}`),
    restarts: name => rollout(this.#site, 'restart', name),
    setsImage: name => this.#kubectl('set', 'image', `deployment/${name}`, 'app=example.test/app:2'),
    undoes: name => rollout(this.#site, 'undo', name),
    takesBack: name => removeOurKeys(this.#site, name),
    relabels: name => this.#kubectl('label', '--overwrite', 'deployment', name, 'round=1'),
    removes: name => this.#kubectl('delete', 'deployment', name),
    deploys: part => this.deploy(part),
    denies: name => refuseRestarts(this.#site, this.namespace, { name }),
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kubernetes.close();
  }

  async #kubectl(...words: readonly string[]): Promise<void> {
    await this.#site.cluster.kubectl('-n', this.namespace, ...words);
  }

  #manifest({ kind = 'Deployment', ...part }: Part): object {
    if (kind === 'Deployment') return this.#site.deployment(this.#wishes(part));
    const { spec: _, ...wishes } = this.#wishes(part);
    const updateStrategy = part.strategy === undefined ? {} : { updateStrategy: updateStrategyOf(part.strategy, kind) };
    const own = part.parallel === true ? { podManagementPolicy: 'Parallel' } : {};
    return ofKind(kind, { ...wishes, namespace: this.namespace, spec: { ...updateStrategy, ...own } });
  }

  #wishes({ name, replicas = 2, strategy, sick, deadline = 600, ready, ...part }: Part) {
    const annotations: Record<string, string> = {
      ...(part.optedOut === true ? { 'nightshift/restart': 'never' } : {}),
      ...(part.downtimeAllowed === true ? { 'nightshift/downtime': 'allow' } : {}),
      ...(part.priority === undefined ? {} : { 'nightshift/priority': String(part.priority) }),
    };
    return {
      name,
      replicas,
      annotations,
      initContainer: sick === 'init',
      ...(sick === undefined ? {} : { whenRestarted: BEHAVIOURS[sick] }),
      podAnnotations: ready === undefined ? {} : { 'test.nightshift/delay': `${ready}s` },
      spec: {
        progressDeadlineSeconds: deadline,
        ...(strategy === undefined ? {} : { strategy: strategySpec(strategy) }),
      },
    };
  }
}

function strategySpec(strategy: Strategy): object {
  if (strategy.kind !== 'rollingUpdate') return { type: 'Recreate' };
  const { maxSurge, maxUnavailable } = strategy;
  return { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } };
}

function updateStrategyOf(strategy: Strategy, kind: 'StatefulSet' | 'DaemonSet'): object {
  switch (strategy.kind) {
    case 'onDelete':
      return { type: 'OnDelete' };
    case 'partitioned':
      return { rollingUpdate: { partition: strategy.partition } };
    case 'rollingUpdate': {
      const { maxSurge, maxUnavailable } = strategy;
      return { rollingUpdate: kind === 'DaemonSet' ? { maxSurge, maxUnavailable } : {} };
    }
    case 'recreate':
    case 'templateElsewhere':
      throw new Error(`a ${kind} has no strategy ${strategy.kind}`);
    default:
      return unreachable(strategy);
  }
}
