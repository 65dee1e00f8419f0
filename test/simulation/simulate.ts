import { keyOf, type Workload } from '../../src/domain/model.ts';
import { parseRecord } from '../../src/domain/record.ts';
import type { Broken } from './court.ts';
import { decoded } from './court.ts';
import { spareOf, wayIn } from './flights.ts';
import { isHeldBack } from './kinds.ts';
import { makeMischief } from './mischief.ts';
import { die, standStill } from './mischief-with-runs.ts';
import type { SimulatedPod } from './pods.ts';
import { Random } from './random.ts';
import { Stage } from './stage.ts';
import { drawStory, type Cut, type Story } from './story.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const TICK = 10 * MINUTE;
/** Once nothing goes wrong any more, everything stale and willing is fresh after so many nights. */
const PATIENCE = 12;

export interface Result {
  readonly story: Story;
  readonly broken: Broken | undefined;
  /** That passed, quiet ones included. */
  readonly nights: number;
  readonly runs: number;
  readonly restarts: number;
  readonly events: number;
  /** Faults and interference by kind. */
  readonly met: ReadonlyMap<string, number>;
  readonly trace: readonly string[];
  readonly digest: string;
}

/** Plays the story of one seed to its end, or to the first invariant that does not hold. */
export async function simulate(
  seed: number,
  { isTraced = false, cut = {} }: { readonly isTraced?: boolean; readonly cut?: Cut } = {},
): Promise<Result> {
  return new Simulation(drawStory(seed, cut), { isTraced, cut }).toTheEnd();
}

class Simulation {
  readonly #story: Story;
  readonly #stage: Stage;
  readonly #random: Random;
  readonly #cut: Cut;
  #nights = 0;
  #isOver = false;
  /** Stale Pods of willing workloads when it became quiet. */
  #wanted: readonly { readonly workload: Workload; readonly pod: SimulatedPod }[] = [];

  constructor(story: Story, { isTraced, cut }: { readonly isTraced: boolean; readonly cut: Cut }) {
    this.#story = story;
    this.#cut = cut;
    this.#stage = new Stage(story, isTraced);
    this.#random = this.#stage.random.stream('story');
  }

  async toTheEnd(): Promise<Result> {
    const { timeline, court, network, board, trace, cron } = this.#stage;
    trace.say('story', () => board.describe());
    network.trouble = this.#story.trouble;
    network.isSluggish = this.#story.isSluggish;
    network.onAccident = (process, { pause }) => {
      if (process.isOver) return;
      if (pause === undefined) die(this.#stage, process, this.#random);
      else standStill(this.#stage, process, this.#random);
    };
    this.#schedule();
    try {
      await timeline.pass(() => this.#isDone());
    } catch (error) {
      court.breaks(
        'the simulation itself does not throw',
        error instanceof Error ? (error.stack ?? '') : String(error),
      );
    }
    return {
      story: this.#story,
      broken: court.broken,
      nights: this.#nights,
      runs: cron.processes.length,
      restarts: court.flights.all.length,
      events: timeline.steps,
      met: this.#stage.met,
      trace: trace.lines,
      digest: trace.digest,
    };
  }

  #isDone(): boolean {
    const { court, cron } = this.#stage;
    for (const { state, pending, run } of cron.active) {
      if (state === 'alive' && pending === 0) court.breaks('no run hangs', `${run} waits for nothing`);
    }
    return this.#isOver || court.broken !== undefined;
  }

  #schedule(): void {
    const { timeline, board, cron } = this.#stage;
    const { nights, plots } = this.#story;
    const all = [...board.calendar.nights(timeline.now)];
    for (const [number, { from, to }] of all.slice(0, nights).entries()) {
      const first = from + this.#random.int(0, 8 * 60) * SECOND;
      timeline.at(from - 2 * MINUTE, () => cron.tick());
      this.#tickThrough(first, to + TICK);
      timeline.at(to, () => this.#nights++);
      for (const [index, plot] of plots.entries()) {
        if (plot.night !== number || this.#cut.withoutPlots?.has(index) === true) continue;
        timeline.at(first + plot.tick * TICK + plot.later, () =>
          makeMischief(plot.kind, this.#stage, this.#random.stream(`plot/${index}`)),
        );
      }
    }
    const quietFrom = (all[nights - 1]?.to ?? 0) + 2 * TICK;
    timeline.at(quietFrom, () => this.#calmDown());
    for (const [number, { from, to }] of all.slice(nights, nights + PATIENCE).entries()) {
      timeline.at(from - 5 * MINUTE, () => {
        if (number === 0) this.#lookWhatIsWanted();
        if (decoded(this.#stage.configMap.text)?.stop) cron.resume();
      });
      this.#tickThrough(from + this.#random.int(-60, 60) * SECOND, to);
      timeline.at(to + 20 * MINUTE, () => this.#endOfQuietNight(number));
    }
  }

  #tickThrough(from: number, to: number): void {
    const { timeline, cron } = this.#stage;
    for (let at = from; at < to; at += TICK) timeline.at(at, () => cron.tick());
  }

  /** Nothing goes wrong from here: what is broken is mended, and nobody interferes. */
  #calmDown(): void {
    const { network, injector, cosmos, configMap, board, controller, takenBack, cron, trace, court } = this.#stage;
    trace.say('story', () => 'it becomes quiet');
    network.trouble = 0;
    network.isDown = false;
    network.isSluggish = false;
    network.isStalled = false;
    injector.version++;
    injector.pinned.clear();
    this.#stage.injectorGoes('up');
    cosmos.denied.clear();
    cosmos.blocked.clear();
    cosmos.rights.mayPatch = true;
    takenBack.clear();
    cron.accidents.length = 0;
    if (!configMap.exists || (configMap.text !== undefined && decoded(configMap.text) === undefined)) {
      configMap.recreate();
      configMap.put(undefined);
      court.losesAll();
    }
    const stale = board.draft.stale.map(wish =>
      wish.kind === 'image' ? { ...wish, version: injector.version } : wish,
    );
    board.edit({ ...board.draft, stale, windows: this.#story.draft.windows, timeout: 10 * MINUTE });
    for (const workload of this.#stage.workloads()) controller.heal(workload);
    for (const temper of controller.tempers.values())
      Object.assign(temper, { ready: [500, 4_000], ending: [200, 3_000] });
    for (const process of cron.active) {
      process.accident = undefined;
      process.wake();
    }
  }

  #lookWhatIsWanted(): void {
    const { court, board, timeline, trace } = this.#stage;
    court.isQuiet = true;
    this.#wanted = this.#stage
      .workloads()
      .filter(workload => this.#isWilling(workload))
      .flatMap(workload =>
        court.eyes.stale(workload, board.draft, { begin: timeline.now }).map(pod => ({ workload, pod })),
      );
    trace.say(
      'story',
      () => `stale and willing: ${[...new Set(this.#wanted.map(({ workload }) => keyOf(workload)))].join(', ')}`,
    );
  }

  #isWilling(workload: Workload): boolean {
    const { draft } = this.#stage.board;
    const { paused, optedOut, replicas } = workload;
    const { way, hasGap } = wayIn(workload, draft);
    return !paused && !optedOut && replicas > 0 && way !== undefined && !hasGap && !isHeldBack(workload);
  }

  #endOfQuietNight(number: number): void {
    const { court, cron, configMap } = this.#stage;
    if (this.#isOver) return;
    this.#nights++;
    const left = this.#wanted.filter(({ workload, pod }) => this.#isLeft(workload, pod));
    if (left.length > 0 && number < PATIENCE - 1) return;
    const names = [...new Set(left.map(({ workload }) => keyOf(workload)))].join(', ');
    court.demands(
      left.length === 0,
      'nothing stale and willing is forgotten',
      () => `${names} after ${PATIENCE} nights`,
    );
    for (const workload of this.#stage.workloads()) {
      const wanted = court.wanted.get(keyOf(workload));
      const isWhole = workload.replicas === wanted && spareOf(workload) === undefined;
      court.demands(isWhole, 'nobody keeps a spare Pod', () => `${keyOf(workload)} wants ${wanted}`);
    }
    const marked = decoded(configMap.text)?.starts.filter(({ spare }) => spare === true) ?? [];
    court.demands(marked.length === 0, 'nobody keeps a spare Pod', () => JSON.stringify(marked));
    const busy = cron.active.map(({ run }) => run).join(', ');
    court.demands(busy === '', 'every run ends', () => busy);
    const hold = decoded(configMap.text)?.hold;
    court.demands(hold === null || hold === undefined, 'the hold is given back', () => JSON.stringify(hold));
    this.#isOver = true;
  }

  #isLeft(before: Workload, pod: SimulatedPod): boolean {
    const { api, court, board } = this.#stage;
    const workload = api.get(before);
    if (workload?.uid !== before.uid || !court.eyes.live(workload).includes(pod)) return false;
    const record = parseRecord(workload.record);
    const last = court.flights.last(workload);
    // It did not help, and nothing is different since.
    const standing = record?.way === undefined ? record?.at : record.before;
    const isVain =
      last?.end?.outcome === 'ineffective' || (record?.outcome === 'ineffective' && standing === workload.restartedAt);
    return !(isVain && last?.template === workload.template && last.want === court.eyes.want(workload, board.draft));
  }
}
