import type { News } from '../../src/news.ts';
import { makePlan } from '../../src/domain/plan.ts';
import { aLeave, anInFlight, anOutcome, aRestart, SWEEP, T } from '../build.ts';

const workload = { kind: 'Deployment' as const, namespace: 'shop', name: 'web' };

/** One of each kind: what a kind lacks here is a type error. */
export const SOME_NEWS: { readonly [Kind in News['kind']]: News & { readonly kind: Kind } } = {
  windowIgnored: { kind: 'windowIgnored' },
  waitingForHold: { kind: 'waitingForHold', holder: 'run other', milliseconds: 60_000 },
  namespaceSkipped: { kind: 'namespaceSkipped', namespace: 'secret', detail: 'forbidden' },
  planned: {
    kind: 'planned',
    plan: makePlan(
      [
        aRestart(),
        aRestart({ name: 'api' }),
        anInFlight({ name: 'flying' }),
        aLeave('paused', { name: 'p' }),
        aLeave('paused'),
      ],
      { sizes: [1, 5], place: 0, probing: false },
    ),
    sweep: SWEEP,
  },
  tried: { kind: 'tried', workloads: 1000, dryRuns: 1203, milliseconds: 12_300 },
  commonCause: {
    kind: 'commonCause',
    cause: { why: 'unknown', detail: 'a Pod cannot be tried', count: 37, example: 'shop/web' },
  },
  containerUnseen: { kind: 'containerUnseen', container: 'istio-proxi' },
  kindUnserved: { kind: 'kindUnserved', unserved: 'Rollout' },
  notReady: { kind: 'notReady', detail: 'istio-system/istiod is not ready: 0 of 1 new Pods available' },
  batchStarted: { kind: 'batchStarted', probing: false, size: 5, remaining: 34 },
  pausing: { kind: 'pausing', milliseconds: 90_000, remaining: 34 },
  resumed: { kind: 'resumed', workload, at: T },
  started: { kind: 'started', workload, at: T, way: 'rollout', why: 'containerImage', detail: 'proxy runs proxy:1' },
  repeating: { kind: 'repeating', workload, detail: '503' },
  judgedAgain: { kind: 'judgedAgain', workload, detail: 'paused: somebody did' },
  progress: { kind: 'progress', workload, detail: '1 of 3 new Pods created' },
  evictionBlocked: { kind: 'evictionBlocked', workload, detail: 'The disruption budget web needs 2 healthy pods' },
  spares: { kind: 'spares', detail: 'the spare Pod of shop/web is taken back', isWarning: false },
  undoing: { kind: 'undoing', workload: anOutcome(), detail: 'container app keeps failing' },
  ended: { kind: 'ended', outcome: anOutcome(), remaining: 34, typicalSeconds: 40, width: 10 },
  ending: { kind: 'ending', ending: { kind: 'windowClosed', detail: 'the window closed' } },
  saved: { kind: 'saved', number: 12 },
  recordNotWritten: { kind: 'recordNotWritten', workload, detail: 'denied' },
  trouble: { kind: 'trouble', detail: 'connection reset' },
  eventNotCreated: { kind: 'eventNotCreated', namespace: 'shop', detail: 'forbidden' },
  unexpected: { kind: 'unexpected', error: new TypeError('boom') },
};
