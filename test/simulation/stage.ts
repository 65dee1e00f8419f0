import type { Namespace } from '../../src/domain/model.ts';
import { keyOf, type Workload } from '../../src/domain/model.ts';
import { parseRecord } from '../../src/domain/record.ts';
import { aNamespace } from '../build.ts';
import { ApiServer } from './api-server.ts';
import { ConfigMap } from './config-map.ts';
import { Court } from './court.ts';
import { CronJob } from './cron-job.ts';
import { ControllerManager } from './controller-manager.ts';
import { INJECTOR, NAMESPACES } from './draft.ts';
import { aResident } from './fleet.ts';
import { Injector, type InjectorState } from './injector.ts';
import { Network } from './network.ts';
import { PodQuotas } from './pod-quotas.ts';
import { PolicyBoard } from './policy-board.ts';
import type { Cosmos } from './process-cluster.ts';
import { Random } from './random.ts';
import type { Story } from './story.ts';
import { Timeline } from './timeline.ts';
import { Trace } from './trace.ts';

const DAY = 86_400_000;

/** Everything that is there when a story begins, put together. */
export class Stage {
  readonly timeline: Timeline;
  readonly trace: Trace;
  readonly random: Random;
  readonly api = new ApiServer();
  readonly injector: Injector;
  readonly controller: ControllerManager;
  readonly network: Network;
  readonly configMap: ConfigMap;
  readonly board: PolicyBoard;
  readonly court: Court;
  readonly cron: CronJob;
  readonly cosmos: Cosmos;
  /** Workloads whose restarts somebody takes back, by key: so many milliseconds later. */
  readonly takenBack = new Map<string, number>();
  /** Faults by kind. */
  readonly met = new Map<string, number>();

  constructor(story: Story, isTraced: boolean) {
    const { seed, begin, draft, version, fleet, budgets, room } = story;
    const timeline = new Timeline(begin);
    this.timeline = timeline;
    const now = (): number => timeline.now;
    this.trace = new Trace(isTraced, now);
    this.random = new Random(`${seed}/stage`);
    const { api, trace, met } = this;
    this.injector = new Injector(story.isUpgraded ? version + 1 : version);
    const { injector } = this;
    const random = this.random.stream('world');
    this.controller = new ControllerManager({ timeline, api, injector, random });
    this.controller.servesTerminating = story.servesTerminating;
    const quotas = new PodQuotas(room, { api, controller: this.controller });
    this.controller.isFull = namespace => quotas.isFull(namespace);
    this.network = new Network({ timeline, random: this.random.stream('network'), trace, met });
    this.configMap = new ConfigMap(now);
    this.board = new PolicyBoard(draft, { from: begin - 2 * DAY, to: begin + 30 * DAY }, text => {
      quotas.wantedOf = workload => this.court.wanted.get(keyOf(workload)) ?? workload.replicas;
      this.court.policy = { text, changedAt: now() };
    });
    const { controller, configMap, network } = this;
    const configChanges = new Map<string, number>();
    this.court = new Court({ timeline, api, controller, injector, configMap, configChanges, budgets, quotas, trace });
    this.court.policy = { text: this.board.text, changedAt: begin };
    this.court.isCalm = () => !network.isRough;
    const namespaces = new Map<string, Namespace>(
      [...NAMESPACES, INJECTOR.namespace].map(name => [name, aNamespace({ name })]),
    );
    const denied = new Set<string>();
    const rights = { mayPatch: true };
    const shared = { timeline, api, controller, injector, network, trace, random, namespaces, budgets, quotas };
    this.cosmos = { ...shared, configChanges, denied, blocked: new Set(), rights };
    controller.blocked = this.cosmos.blocked;
    this.cron = new CronJob({ cosmos: this.cosmos, court: this.court, configMap, board: this.board });
    this.#furnish(fleet);
    api.listen((after, before) => this.#note(after, before));
  }

  /** The workloads that runs are about. */
  workloads(): Workload[] {
    return this.api.all().filter(({ namespace }) => NAMESPACES.includes(namespace));
  }

  count(kind: string): void {
    this.met.set(kind, (this.met.get(kind) ?? 0) + 1);
  }

  injectorGoes(state: InjectorState): void {
    this.injector.goes(state, this.timeline.now);
    this.court.injectorChangedAt = this.timeline.now;
    const own = this.api.get(INJECTOR);
    if (own === undefined) return;
    this.api.update(INJECTOR, { status: { ...own.status, availableReplicas: state === 'up' ? own.replicas : 0 } });
  }

  #furnish(fleet: Story['fleet']): void {
    const temper = { ready: [500, 2_000], ending: [200, 1_000], deadline: 600_000, sickness: undefined } as const;
    const own = aResident(INJECTOR.name, INJECTOR.namespace, { replicas: 1 });
    const pods = [{ createdAt: this.timeline.now, sidecar: undefined }];
    const injector = { workload: own, temper, pods, takenBackAfter: undefined, blockedFor: undefined };
    for (const resident of [injector, ...fleet]) {
      const { workload, takenBackAfter, blockedFor } = resident;
      if (blockedFor !== undefined) this.#block(keyOf(workload), blockedFor);
      if (takenBackAfter !== undefined) this.takenBack.set(keyOf(workload), takenBackAfter);
      this.controller.tempers.set(keyOf(workload), { ...resident.temper });
      this.court.wanted.set(keyOf(workload), workload.replicas);
      this.controller.adopt(workload, resident.pods);
      this.api.create(workload);
    }
  }

  /** By a budget, for so long after the story began. */
  #block(key: string, milliseconds: number): void {
    const { blocked } = this.cosmos;
    blocked.add(key);
    this.timeline.after(milliseconds, () => blocked.delete(key));
  }

  #note(after: Workload | undefined, before: Workload | undefined): void {
    if (after === undefined) return;
    const { timeline, trace, court } = this;
    if (after.optedOut && before?.optedOut !== true) court.optedOutAt.set(after.uid, timeline.now);
    const isScaled = before !== undefined && before.replicas !== after.replicas;
    // A spare Pod comes and goes together with the record.
    const isSpare = isScaled && after.record !== before.record;
    if (isScaled && !isSpare) court.isScaled(after);
    if (before?.uid !== after.uid) court.wanted.set(keyOf(after), after.replicas);
    // Who erases the record with the template keeps the number that stands there (kubectl rollout undo).
    if (after.record === undefined) court.wanted.set(keyOf(after), after.replicas);
    if (before?.template !== after.template) court.editedAt.set(keyOf(after), timeline.now);
    trace.say(after.kind.toLowerCase(), () => shown(after));
    const wait = this.takenBack.get(keyOf(after));
    const isOurs = after.restartedAt !== before?.restartedAt && after.record !== before?.record;
    if (wait !== undefined && isOurs) timeline.after(wait, () => this.#takeBack(after, before?.restartedAt));
    if (wait !== undefined && isSpare) timeline.after(wait, () => this.#healReplicas(after, before.replicas));
  }

  #healReplicas(workload: Workload, replicas: number): void {
    if (this.api.get(workload)?.replicas !== workload.replicas || !this.takenBack.has(keyOf(workload))) return;
    this.count('replicasTakenBack');
    this.trace.say('gitops', () => `puts the replicas of ${keyOf(workload)} back to ${replicas}`);
    this.api.update(workload, { replicas });
  }

  /** As a GitOps tool does, which knows nothing of our annotation. */
  #takeBack(workload: Workload, restartedAt: string | undefined): void {
    const now = this.api.get(workload);
    if (now?.restartedAt !== workload.restartedAt || !this.takenBack.has(keyOf(workload))) return;
    this.count('takenBack');
    this.trace.say('gitops', () => `takes ${workload.restartedAt} of ${keyOf(workload)} back`);
    this.api.update(workload, { restartedAt });
  }
}

function shown({
  name,
  generation,
  resourceVersion,
  replicas,
  restartedAt,
  template,
  revision,
  record,
  awaits,
  status,
}: Workload): string {
  const { observedGeneration, updatedReplicas, availableReplicas, terminatingReplicas } = status;
  const counted = `${updatedReplicas} new of ${status.replicas} for ${replicas}, ${availableReplicas} available, ${terminatingReplicas} ending${awaits === undefined ? '' : `, ${awaits}`}`;
  const spare = parseRecord(record)?.replicas === undefined ? '' : ', one to spare';
  const lag = observedGeneration < generation ? ', not seen yet' : '';
  return `${name} v${resourceVersion} ${template} r${revision} T=${restartedAt ?? 'none'}: ${counted}${spare}${lag}`;
}
