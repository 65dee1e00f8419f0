/** The simulator as a theatre: virtual time, and no trouble but what the scenario makes. */
import { nextRestartedAt } from '../../src/domain/instant.ts';
import { keyOf, type Kind, type Strategy, type Workload } from '../../src/domain/model.ts';
import type { Draft, Wish } from '../simulation/draft.ts';
import { aResident, uidOf } from '../simulation/fleet.ts';
import { Process } from '../simulation/process.ts';
import { type ClusterWitness, ProcessCluster } from '../simulation/process-cluster.ts';
import { Random } from '../simulation/random.ts';
import { Stage } from '../simulation/stage.ts';
import type { Story } from '../simulation/story.ts';
import {
  NODES,
  rolling,
  type Ended,
  type Part,
  type Running,
  type Scenario,
  type Somebody,
  type Theatre,
  type Wishes,
  wished,
} from './theatre.ts';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const NAMESPACE = 'shop';
const OLD = 1;

/** What it comes to with the chances of that seed. Throws where an invariant of the simulator does not hold. */
export async function playSimulated({ play }: Scenario, seed: number): Promise<unknown> {
  const stage = new Stage(aStory(seed), false);
  let isOver = false;
  const playing = play(new SimulatedTheatre(stage)).finally(() => (isOver = true));
  await Promise.all([playing, stage.timeline.pass(() => isOver)]);
  const { broken } = stage.court;
  if (broken !== undefined) throw new Error(`${broken.invariant}: ${broken.detail}`);
  return playing;
}

function draftFor(wishes: Wishes): Draft {
  const { stale, sizes, stopAfter, downtime, undo, kinds } = wished(wishes);
  const criteria: Record<typeof stale, Wish> = {
    age: { kind: 'age', age: SECOND },
    image: { kind: 'image', version: OLD + 1 },
    typo: { kind: 'image', version: OLD + 9 },
    drift: { kind: 'drift' },
  };
  return {
    windows: { timeZone: 'UTC', allow: [{ hour: 0, minute: 0, weekday: undefined, lasts: 24 * HOUR }], deny: [] },
    stale: [criteria[stale]],
    namespaces: [NAMESPACE],
    kinds,
    sizes,
    pause: 0,
    inFlight: { workloads: 10, pods: 200, perNamespace: 10 },
    timeout: 60 * SECOND,
    soak: 0,
    stopAfter,
    resume: 'nextWindow',
    undo,
    retryAfter: 20 * HOUR,
    downtime,
    unhealthy: 'skip',
    isReadyAsked: false,
    mayReplace: false,
  };
}

const aStory = (seed: number): Story => ({
  seed,
  begin: Date.parse('2026-11-24T02:00:00Z'),
  draft: draftFor({}),
  version: OLD,
  fleet: [],
  budgets: new Map(),
  room: new Map(),
  nights: 0,
  trouble: 0,
  isSluggish: false,
  servesTerminating: true,
  isUpgraded: true,
  plots: [],
});

/** A scenario looks, and is not judged. */
const NOBODY: ClusterWitness = {
  inventoryRead: () => undefined,
  podsRead: () => undefined,
  restartSent: () => undefined,
  restartTookEffect: () => undefined,
  recordSent: () => undefined,
  undoSent: () => undefined,
  recordRewritten: () => undefined,
  rescaled: () => undefined,
  evictionSent: () => undefined,
  evictionRefused: () => undefined,
  evicted: () => undefined,
};

class SimulatedTheatre implements Theatre {
  readonly namespace = NAMESPACE;
  readonly clock: Theatre['clock'];
  readonly cluster: Theatre['cluster'];
  readonly #stage: Stage;
  readonly #random: Random;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#random = stage.random.stream('theatre');
    const onlooker = new Process(stage.timeline, { run: 'onlooker', pod: undefined, skew: 0 });
    this.clock = onlooker.clock;
    this.cluster = new ProcessCluster(stage.cosmos, onlooker, NOBODY);
  }

  async deploy(...parts: readonly Part[]): Promise<void> {
    for (const part of parts) this.#deploy(part);
    await this.clock.sleep(5 * SECOND);
  }

  start(wishes: Wishes): Running {
    const { cron, board } = this.#stage;
    board.edit(draftFor(wishes));
    const { promise: ended, resolve } = Promise.withResolvers<Ended>();
    const process = cron.start({ onEnd: resolve });
    return { ended, terminate: () => process.terminate() };
  }

  readonly somebody: Somebody = {
    scales: this.#act((workload, replicas: number) => this.#api.update(workload, { replicas })),
    pauses: this.#act((workload, paused: boolean) => this.#api.update(workload, { paused })),
    restarts: this.#act(workload => {
      const restartedAt = nextRestartedAt(this.clock.now(), workload.restartedAt);
      this.#api.update(workload, { restartedAt });
    }),
    setsImage: this.#act(workload => this.#api.update(workload, { template: 't2' })),
    undoes: this.#act(workload => {
      const [, before] = this.#stage.controller.sets(workload).toSorted((a, b) => b.revision - a.revision);
      if (before === undefined) throw new Error(`nothing to undo at ${keyOf(workload)}`);
      const { template, restartedAt } = before;
      this.#api.update(workload, { template, restartedAt, record: undefined });
    }),
    takesBack: this.#act(workload => this.#api.update(workload, { restartedAt: undefined, record: undefined })),
    relabels: this.#act(workload => this.#api.update(workload, { labels: { round: '1' } })),
    removes: this.#act(workload => this.#api.remove(workload)),
    deploys: part => this.deploy(part),
    denies: this.#act(workload => this.#stage.cosmos.denied.add(keyOf(workload))),
  };

  async [Symbol.asyncDispose](): Promise<void> {}

  get #api() {
    return this.#stage.api;
  }

  #act<Rest extends readonly unknown[]>(does: (workload: Workload, ...rest: Rest) => unknown) {
    return (name: string, ...rest: Rest): Promise<void> => {
      const workload = this.#api.get({ kind: 'Deployment', namespace: NAMESPACE, name });
      if (workload === undefined) return Promise.reject(new Error(`there is no ${name}`));
      does(workload, ...rest);
      return Promise.resolve();
    };
  }

  #deploy({ name, kind = 'Deployment', ready, sick, deadline = 600, parallel, ...part }: Part): void {
    const { controller, timeline, api } = this.#stage;
    const { strategy = strategyOf(kind), optedOut = false, downtimeAllowed = false, priority } = part;
    const replicas = kind === 'DaemonSet' ? NODES : (part.replicas ?? 2);
    const workload = aResident(name, NAMESPACE, {
      kind,
      uid: uidOf(this.#random),
      replicas,
      optedOut,
      downtimeAllowed,
      priority: priority === undefined ? undefined : String(priority),
      strategy,
    });
    const [least, most] = ready === undefined ? [200, 500] : [ready * SECOND, ready * SECOND];
    controller.tempers.set(keyOf(workload), {
      ready: [least, most],
      ending: [150, 300],
      deadline: deadline * SECOND,
      sickness: sick,
      ofRestarts: true,
      isParallel: parallel === true,
    });
    const createdAt = timeline.now - HOUR;
    controller.adopt(
      workload,
      Array.from({ length: replicas }, () => ({ createdAt, sidecar: OLD })),
    );
    api.create(workload);
  }
}

/** Where nothing is said. */
const strategyOf = (kind: Kind): Strategy => (kind === 'Deployment' ? rolling('25%', '25%') : rolling(0, 1));
