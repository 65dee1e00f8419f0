import { styleText } from 'node:util';
import { formatDuration } from '../domain/duration.ts';
import { keyOf, unreachable, type Way } from '../domain/model.ts';
import { printable } from '../domain/problem.ts';
import type { Outcome, Report } from '../domain/report.ts';
import type { News } from '../news.ts';
import type { Announcer } from '../ports.ts';
import { reportText } from './report-view.ts';
import { countedCodes, plural } from './table.ts';

type Tone = 'green' | 'yellow' | 'red' | 'dim';

/** A run as lines for a person who watches it. */
export class ProgressAnnouncer implements Announcer {
  readonly #write: (line: string) => void;
  readonly #clock: () => number;
  readonly #colours: boolean;

  constructor(options: {
    readonly write: (line: string) => void;
    readonly now: () => number;
    readonly colours: boolean;
  }) {
    this.#write = options.write;
    this.#clock = options.now;
    this.#colours = options.colours;
  }

  tell(news: News): void {
    switch (news.kind) {
      case 'windowIgnored':
        return this.#line('window', 'ignored, as told', 'yellow');
      case 'waitingForHold':
        return this.#line(
          'wait',
          `up to ${formatDuration(news.milliseconds)} to see whether ${news.holder} is still there`,
          'yellow',
        );
      case 'namespaceSkipped':
        return this.#line('skip', `namespace ${news.namespace}: ${news.detail}`, 'yellow');
      case 'tried':
        return this.#line(
          'tried',
          `Pods of ${plural(news.workloads, 'workload')}: ${plural(news.dryRuns, 'dry run')} in ${(news.milliseconds / 1000).toFixed(1)} s`,
          'dim',
        );
      case 'commonCause': {
        const { why, detail, count, example } = news.cause;
        const who = count === 1 ? example : `${count} workloads, such as ${example}`;
        return this.#line('cause', `${who}: ${why}: ${detail}`, why === 'unknown' ? 'yellow' : 'dim');
      }
      case 'containerUnseen':
        return this.#line('policy', `no Pod has a container ${news.container}, which it names`, 'yellow');
      case 'kindUnserved':
        return this.#line('policy', `the API server serves no ${news.unserved}s, which it names`, 'yellow');
      case 'notReady':
        return this.#line('wait', news.detail, 'yellow');
      case 'planned': {
        const { inFlight, batches, left } = news.plan;
        const sizes = batches.map(batch => batch.length).join(', ');
        const todo =
          batches.length === 0
            ? 'nothing to restart'
            : `${plural(batches.flat().length, 'restart')} in batches of ${sizes}`;
        const flying = inFlight.length === 0 ? '' : `, ${inFlight.length} in flight from an earlier run`;
        const rest =
          left.length === 0 ? '' : `; ${left.length} left alone (${countedCodes(left.map(({ why }) => why))})`;
        return this.#line('plan', `${todo}${flying}${rest}`);
      }
      case 'batchStarted':
        return this.#line(
          'batch',
          `of ${news.size}${news.probing ? ', for the last restart did not help' : ''}, then ${news.remaining} to do`,
          'dim',
        );
      case 'pausing':
        return this.#line('pause', `${formatDuration(news.milliseconds)}, then ${news.remaining} to do`, 'dim');
      case 'resumed':
        return this.#line('resume', `${keyOf(news.workload)}, restarted ${news.at}`);
      case 'started':
        return this.#line('start', `${keyOf(news.workload)}${byWay(news.way)}  ${news.detail}`);
      case 'repeating':
        return this.#line('repeat', `${keyOf(news.workload)}  ${news.detail}`, 'yellow');
      case 'judgedAgain':
        return this.#line('again', `${keyOf(news.workload)} changed since the plan; ${news.detail}`, 'dim');
      case 'evictionBlocked':
        return this.#line('wait', `${keyOf(news.workload)}  ${news.detail}`, 'yellow');
      case 'spares':
        return this.#line('spare', news.detail, news.isWarning ? 'yellow' : 'dim');
      case 'undoing':
        return this.#line('undo', `${keyOf(news.workload)} failed and is taken back; ${news.detail}`, 'yellow');
      case 'progress':
      case 'saved':
        return undefined;
      case 'ended':
        return this.#ended(news);
      case 'ending':
        return this.#line('end', `nothing new starts: ${news.ending.detail}`, 'yellow');
      case 'recordNotWritten':
        return this.#line(
          'warn',
          `${keyOf(news.workload)}: its outcome could not be written on it: ${news.detail}`,
          'yellow',
        );
      case 'trouble':
        return this.#line('retry', news.detail, 'yellow');
      case 'eventNotCreated':
        return this.#line('warn', `an Event in ${news.namespace} could not be created: ${news.detail}`, 'yellow');
      case 'unexpected':
        return this.#line(
          'bug',
          `please report it: ${news.error instanceof Error ? news.error.stack : String(news.error)}`,
          'red',
        );
      default:
        return unreachable(news);
    }
  }

  report(report: Report): Promise<void> {
    this.#write(`\n${reportText(report)}`);
    return Promise.resolve();
  }

  #ended({ outcome, remaining, typicalSeconds, width }: News & { readonly kind: 'ended' }): void {
    const rest = remaining === 0 ? '' : `  ${remaining} to do${eta(remaining, typicalSeconds, width)}`;
    if (outcome.outcome === 'restarted') {
      const note = outcome.detail === '' ? '' : ` (${outcome.detail})`;
      return this.#line('done', `${keyOf(outcome)}  in ${outcome.seconds} s${note}${rest}`, 'green');
    }
    return this.#line(
      outcome.outcome,
      `${keyOf(outcome)}  ${[outcome.why, outcome.detail].filter(Boolean).join(': ')}${rest}`,
      toneOf(outcome),
    );
  }

  #line(word: string, text: string, tone?: Tone): void {
    const time = new Date(this.#clock()).toTimeString().slice(0, 8);
    const label = word.padEnd(11);
    this.#write(`${time}  ${tone !== undefined && this.#colours ? styleText(tone, label) : label} ${printable(text)}`);
  }
}

const toneOf = ({ outcome }: Outcome): Tone =>
  outcome === 'failed' || outcome === 'undone' || outcome === 'denied' ? 'red' : 'yellow';

const byWay = (way: Way): string => (way === 'rollout' ? '' : ` by ${way}`);

const MINUTE = 60_000;

/** Pauses between batches are not counted: it says at least. Less than a minute is not worth saying. */
function eta(remaining: number, typicalSeconds: number, width: number): string {
  const milliseconds = Math.ceil((remaining * typicalSeconds) / Math.max(1, width)) * 1000;
  return milliseconds < MINUTE ? '' : `, at least ${formatDuration(milliseconds)}`;
}
