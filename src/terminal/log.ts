import { pino, type Logger } from 'pino';
import { keyOf, unreachable } from '../domain/model.ts';
import type { Report } from '../domain/report.ts';
import type { News } from '../news.ts';
import type { Announcer } from '../ports.ts';
import { visible } from './json.ts';
import { countedCodes } from './table.ts';

/** Looks, a tenth of a second apart, whether a pipe that is full takes more. */
const PATIENCE = 20;
/** Bytes that are kept for a reader that stalls; what comes then is dropped. */
const KEPT = 1 << 20;

/**
 * JSON lines on standard output, written synchronously, so that none is lost when the process ends. A reader that stalls
 * costs two seconds: for ever would keep the run, and with a CronJob that forbids overlaps every later one.
 */
export function openLog(level: string, run: string): Logger {
  let looks = 0;
  const destination = pino.destination({ dest: 1, sync: true, maxLength: KEPT, retryEAGAIN: () => looks++ < PATIENCE });
  destination.on('write', bytes => {
    if (bytes > 0) looks = 0;
  });
  // A reader that went away must not end a run.
  destination.on('error', () => undefined);
  return pino(
    {
      level,
      base: { run },
      formatters: { level: label => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
    },
    { write: (line: string) => void destination.write(visible(line)) },
  );
}

/** One constant message for each kind of news, everything else in fields. */
export class LogAnnouncer implements Announcer {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  tell(news: News): void {
    const log = this.#log;
    switch (news.kind) {
      case 'windowIgnored':
        return log.warn('the window is ignored, as told');
      case 'waitingForHold':
        return log.info(
          { holder: news.holder, seconds: news.milliseconds / 1000 },
          'waiting whether the holder of the checkpoint is still there',
        );
      case 'namespaceSkipped':
        return log.warn({ namespace: news.namespace, detail: news.detail }, 'namespace skipped');
      case 'tried':
        return log.info(
          { workloads: news.workloads, dryRuns: news.dryRuns, seconds: Math.round(news.milliseconds / 100) / 10 },
          'Pods were tried (dry runs)',
        );
      case 'commonCause': {
        const { cause } = news;
        return log[cause.why === 'unknown' ? 'warn' : 'info'](cause, 'one cause for several workloads');
      }
      case 'containerUnseen':
        return log.warn({ container: news.container }, 'no Pod has a container that the policy names');
      case 'kindUnserved':
        return log.warn({ kind: news.unserved }, 'the API server does not serve a kind that the policy names');
      case 'notReady':
        return log.warn({ detail: news.detail }, 'waiting for what must be ready first');
      case 'planned': {
        const { inFlight, batches, left } = news.plan;
        const sizes = batches.map(batch => batch.length);
        return log.info(
          {
            sweep: news.sweep,
            inFlight: inFlight.length,
            batches: sizes,
            left: countedCodes(left.map(({ why }) => why)),
          },
          'planned',
        );
      }
      case 'batchStarted':
        return log.info({ size: news.size, remaining: news.remaining }, 'batch started');
      case 'pausing':
        return log.info(
          { seconds: news.milliseconds / 1000, remaining: news.remaining },
          'pausing before the next batch',
        );
      case 'resumed':
        return log.info({ workload: keyOf(news.workload), at: news.at }, 'restart of an earlier run is in flight');
      case 'started':
        return log.info(
          { workload: keyOf(news.workload), at: news.at, way: news.way, why: news.why, detail: news.detail },
          'restart started',
        );
      case 'repeating':
        return log.warn({ workload: keyOf(news.workload), detail: news.detail }, 'no answer to the restart, repeating');
      case 'judgedAgain':
        return log.info(
          { workload: keyOf(news.workload), detail: news.detail },
          'changed since the plan, judged again',
        );
      case 'progress':
        return log.debug({ workload: keyOf(news.workload), detail: news.detail }, 'rollout progress');
      case 'evictionBlocked':
        return log.info({ workload: keyOf(news.workload), detail: news.detail }, 'waiting for a PodDisruptionBudget');
      case 'spares':
        return log[news.isWarning ? 'warn' : 'info']({ detail: news.detail }, 'spare Pods of an earlier run');
      case 'undoing':
        return log.warn({ workload: keyOf(news.workload), detail: news.detail }, 'failed, taking it back');
      case 'ended': {
        const { namespace: _n, name: _m, kind: _k, uid: _u, ...fields } = news.outcome;
        const isFailure = fields.outcome === 'failed' || fields.outcome === 'undone';
        const level = fields.outcome === 'restarted' ? 'info' : isFailure ? 'error' : 'warn';
        return log[level]({ workload: keyOf(news.outcome), ...fields, remaining: news.remaining }, 'restart ended');
      }
      case 'ending':
        return log.info({ ending: news.ending.kind, detail: news.ending.detail }, 'nothing new starts');
      case 'saved':
        return log.debug({ number: news.number }, 'checkpoint saved');
      case 'recordNotWritten':
        return log.warn({ workload: keyOf(news.workload), detail: news.detail }, 'outcome not written on the workload');
      case 'trouble':
        return log.warn({ detail: news.detail }, 'no usable answer from the API server, asking again');
      case 'eventNotCreated':
        return log.warn({ namespace: news.namespace, detail: news.detail }, 'an Event could not be created');
      case 'unexpected':
        return log.error({ error: stackOf(news.error) }, 'unexpected error: please report it');
      default:
        return unreachable(news);
    }
  }

  report({ counts, ending, sweep, summary, exitCode, remaining }: Report): Promise<void> {
    const level = exitCode === 0 ? 'info' : 'error';
    this.#log[level](
      { summary, ending: ending.kind, sweep, outcomes: counts.outcomes, left: counts.left, remaining, exitCode },
      'run ended',
    );
    return Promise.resolve();
  }
}

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
