import { resume } from '../../src/domain/ledger.ts';
import type { Report } from '../../src/domain/report.ts';
import { readCheckpoint, takeHold } from '../../src/hold.ts';
import type { CheckpointStore, HolderPod } from '../../src/ports.ts';
import { InvalidPolicy } from '../../src/read-policy.ts';
import { run } from '../../src/run.ts';
import type { World } from '../../src/world.ts';
import { ProcessStore, type ConfigMap } from './config-map.ts';
import type { Court } from './court.ts';
import type { PolicyBoard } from './policy-board.ts';
import { Process, type Accident } from './process.ts';
import { ProcessCluster, type Cosmos } from './process-cluster.ts';
import { Witness } from './witness.ts';

const SECOND = 1_000;
/** Longer than any window and all that may be awaited after it. */
const LONGEST = 14 * 3_600 * SECOND;

/** The probability that the clock is put right when a run has just begun. */
const JUMPS = 0.02;

export interface CronWorld {
  readonly cosmos: Cosmos;
  readonly court: Court;
  readonly configMap: ConfigMap;
  readonly board: PolicyBoard;
}

/** Starts runs: at its ticks one at a time, and now and then one more than it should. */
export class CronJob {
  readonly processes: Process[] = [];
  /** Runs that came to an end of their own. */
  ended = 0;
  /** What is to happen to the next ones. */
  readonly accidents: Accident[] = [];
  readonly #world: CronWorld;

  constructor(world: CronWorld) {
    this.#world = world;
  }

  /** Those that may still act. */
  get active(): Process[] {
    return this.processes.filter(({ isOver }) => !isOver);
  }

  /** `concurrencyPolicy: Forbid`: a Job that is not known to be over keeps the next one away. */
  tick(): void {
    const isBusy = this.active.some(({ container }) => container === 'running');
    if (!isBusy) this.start();
  }

  start({ only, onEnd }: { readonly only?: string; readonly onEnd?: (report: Report) => void } = {}): Process {
    const { court, board, cosmos } = this.#world;
    const { timeline, random } = cosmos;
    const process = this.#process();
    process.accident = this.accidents.shift();
    if (random.chance(JUMPS))
      timeline.after(random.int(0, 3_000), () => (process.skew += random.pick([-90, 90]) * SECOND));
    const witness = new Witness(court, { process, draft: board.draft, calendar: board.calendar, only });
    court.world.trace.say(process.run, () => `starts, its clock is ${process.skew / SECOND} s ahead`);
    const wasValid = board.isValid;
    const holder = { run: process.run, pod: process.pod };
    run(this.#worldOf(process, witness), { holder, only, ignoreWindow: false }).then(
      report => {
        this.#end(process);
        witness.ended(report);
        onEnd?.(report);
      },
      (error: unknown) => {
        this.#end(process);
        const isMeant = error instanceof InvalidPolicy && !wasValid;
        court.world.trace.say(process.run, () => `throws ${String(error)}`);
        court.demands(
          isMeant,
          'no run throws',
          () => `${process.run}: ${error instanceof Error ? error.stack : String(error)}`,
        );
      },
    );
    timeline.after(LONGEST, () =>
      court.demands(process.isOver, 'every run ends', () => `${process.run} is ${process.state} after 14 h`),
    );
    return process;
  }

  /** `nightshift resume`. */
  resume(): void {
    const { court, board } = this.#world;
    const process = this.#process();
    const witness = new Witness(court, { process, draft: board.draft, calendar: board.calendar });
    witness.isResume = true;
    court.world.trace.say(process.run, () => 'nightshift resume');
    const goOn = async (): Promise<void> => {
      const { clock, interruption } = process;
      const store = this.#store(process, witness);
      const read = await readCheckpoint(store);
      if (read.kind !== 'read' || read.checkpoint.stop === null) return;
      const holder = { run: process.run, pod: process.pod };
      const taken = await takeHold(read, holder, {
        store,
        clock,
        announcer: witness,
        interrupted: interruption.signal,
      });
      if (taken.kind === 'held') await taken.hold.release(resume);
    };
    const end = (): void => this.#end(process);
    goOn().then(end, end);
  }

  /** What the kubelet says of a Pod. */
  holder = ({ uid }: HolderPod): 'running' | 'terminated' | 'vanished' =>
    this.processes.find(({ pod }) => pod?.uid === uid)?.container ?? 'vanished';

  #process(): Process {
    const { timeline, random } = this.#world.cosmos;
    const number = this.processes.length + 1;
    const process = new Process(timeline, {
      run: `run-${number}`,
      pod: random.chance(0.9) ? { name: `pod-${number}`, uid: `pod-uid-${number}` } : undefined,
      skew: random.chance(0.5) ? 0 : random.int(-20, 20) * SECOND + random.int(0, 999),
    });
    this.processes.push(process);
    timeline.awaken();
    return process;
  }

  #end(process: Process): void {
    process.end();
    this.ended++;
  }

  #store(process: Process, witness: Witness): CheckpointStore {
    const { cosmos, configMap } = this.#world;
    const { network, trace } = cosmos;
    return new ProcessStore({ process, network, configMap, holders: this.holder, witness, trace });
  }

  #worldOf(process: Process, witness: Witness): World {
    const { cosmos, board } = this.#world;
    const { clock, interruption } = process;
    return {
      clock,
      policySource: board.source,
      announcer: witness,
      interrupted: interruption.signal,
      connect: () => {
        witness.connected();
        return { cluster: new ProcessCluster(cosmos, process, witness), store: this.#store(process, witness) };
      },
    };
  }
}
