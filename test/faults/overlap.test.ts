/** Runs that overlap: together they are one run, and a run that was away too long is none. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../cluster/until.ts';
import type { Worker } from '../e2e/site.ts';
import { reportOf } from '../worker-log.ts';
import type { Passage, Rule } from './proxy.ts';
import { type FaultySite, openFaultySite } from './proxy-site.ts';

/** Nobody can tell whether such a run is still there, but by its saves. */
const WITHOUT_POD = { NIGHTSHIFT_POD_NAME: '' };

const endingOf = (worker: Worker): string => reportOf(worker.stdout()).ending.kind;

describe('started in the same second', { concurrency: 3 }, () => {
  for (const count of [2, 5, 10]) {
    test(`${count} runs do what one would`, async () => {
      await using faulty = await openFaultySite({ freeze: false });
      const workers = Array.from({ length: count }, () => faulty.start(WITHOUT_POD));
      const codes = await Promise.all(workers.map(({ ended }) => ended));
      assert.deepEqual(new Set(codes), new Set([0]));
      const endings = workers.map(endingOf);
      assert.equal(endings.filter(kind => kind === 'swept').length, 1, endings.join());
      // A late one may come when all is done.
      assert.ok(
        endings.every(kind => ['swept', 'heldByAnother', 'nothingToDo'].includes(kind)),
        endings.join(),
      );
      await faulty.assertSound();
    });
  }
});

/** Twice as long as a checkpoint has to stand still before another run takes it. */
const AWAY = 120_000;

interface Stopped {
  readonly worker: Worker;
  /** What it had sent goes on now, and has been answered. */
  readonly arrive: () => Promise<void>;
}

/** Stopped with a request on its way, which arrives when it is told to. */
const withRequest =
  (rule: Omit<Rule, 'fault'>) =>
  async (faulty: FaultySite): Promise<Stopped> => {
    const stopped = Promise.withResolvers<Passage | undefined>();
    const arrival = Promise.withResolvers<void>();
    let worker: Worker | undefined;
    const act = (): void => {
      worker?.process.kill('SIGSTOP');
      stopped.resolve(faulty.proxy.seen.at(-1));
    };
    faulty.proxy.add({ ...rule, times: 1, fault: { kind: 'delayed', act, until: arrival.promise } });
    worker = faulty.start(WITHOUT_POD);
    const onItsWay = await stopped.promise;
    const arrive = async (): Promise<void> => {
      arrival.resolve();
      await until('the API server to answer what was on its way', () => onItsWay?.status !== undefined);
    };
    return { worker, arrive };
  };

/** Stopped once it has said something. */
const afterSaying =
  (message: string) =>
  async (faulty: FaultySite): Promise<Stopped> => {
    const worker = faulty.start(WITHOUT_POD);
    await worker.said(message);
    worker.process.kill('SIGSTOP');
    return { worker, arrive: () => Promise.resolve() };
  };

const PAUSE = { batches: { sizes: [2, 50], pause: '20s', inFlight: { workloads: 3, pods: 50, perNamespace: 10 } } };

const MOMENTS: Readonly<Record<string, (faulty: FaultySite) => Promise<Stopped>>> = {
  'with the save on its way that names its starts': withRequest({ method: 'PUT', path: /configmaps/, every: 2 }),
  'with a restart on its way, in the middle of a batch': withRequest({
    method: 'PATCH',
    path: /deployments/,
    every: 4,
  }),
  'with a proof on its way': withRequest({ method: 'GET', path: /namespaces\/[^/]+\/pods\?/ }),
  'while it waits for Pods to be ready': afterSaying('restart started'),
  'in the pause between two batches': afterSaying('pausing before the next batch'),
};

describe('stopped for two minutes, while another run takes over', { concurrency: 5 }, () => {
  for (const [moment, stop] of Object.entries(MOMENTS)) {
    test(`${moment}: it notices, and leaves without a further change`, async () => {
      await using faulty = await openFaultySite({ freeze: false, policy: moment.includes('pause') ? PAUSE : {} });
      const { worker, arrive } = await stop(faulty);
      const [other] = await Promise.all([afterTakingOver(faulty), sleep(AWAY)]);
      assert.equal(endingOf(other), 'swept');
      const continued = Date.now();
      await arrive();
      worker.process.kill('SIGCONT');
      assert.equal(await worker.ended, 0);
      assert.equal(endingOf(worker), 'holdLost');
      const writes = (await faulty.site.requests()).filter(
        ({ verb, at }) => at >= continued && ['create', 'update', 'patch', 'delete'].includes(verb),
      );
      assert.ok(writes.length > 0, 'it tried to save');
      assert.deepEqual(new Set(writes.map(({ code }) => code)), new Set([409]), JSON.stringify(writes));
      await faulty.assertSound();
    });
  }
});

async function afterTakingOver(faulty: FaultySite): Promise<Worker> {
  const worker = faulty.start(WITHOUT_POD);
  assert.equal(await worker.ended, 0, worker.stderr());
  return worker;
}
