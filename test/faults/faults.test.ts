/** The real worker and the real API server, with a network between them that breaks at every kind of request. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Fault, Rule } from './proxy.ts';
import { openFaultySite } from './proxy-site.ts';

const PATCH = { method: 'PATCH', path: /deployments/ };
const SAVE = { method: 'PUT', path: /configmaps/ };
const LIST_PODS = { method: 'GET', path: /pods\?/ };
const LIST = { method: 'GET', path: /deployments\?limit/ };
const WATCH = { method: 'GET', path: /watch=true/ };

const KINDS: Readonly<Record<string, Fault>> = {
  'reset before it arrives': { kind: 'resetBefore' },
  'reset after it took effect': { kind: 'resetAfter' },
  'answered by half': { kind: 'half' },
  'refused with 429 and a time to wait': { kind: 'status', status: 429, retryAfter: 1 },
  'refused with 500': { kind: 'status', status: 500 },
  'refused with 503': { kind: 'status', status: 503 },
  'answered with 504': { kind: 'status', status: 504 },
  slow: { kind: 'slow', milliseconds: 2_000 },
};

const REQUESTS: Readonly<Record<string, Omit<Rule, 'fault'>>> = {
  'every second restart': { ...PATCH, every: 2, times: 6 },
  'the save of the checkpoint': { ...SAVE, every: 2, times: 4 },
  'the proof': { ...LIST_PODS, every: 2, times: 6 },
  'the inventory': { ...LIST, times: 2 },
  'the watch': { ...WATCH, times: 3 },
};

describe('whatever breaks, each workload is restarted once, and all are fresh in the end', { concurrency: 6 }, () => {
  for (const [request, rule] of Object.entries(REQUESTS)) {
    for (const [kind, fault] of Object.entries(KINDS)) {
      test(`${request} is ${kind}`, async () => {
        await using faulty = await openFaultySite();
        faulty.proxy.add({ ...rule, fault });
        const codes = await faulty.untilFresh();
        assert.ok((faulty.proxy.injected.get(fault.kind) ?? 0) > 0, 'the fault was injected');
        assert.ok(
          codes.every(code => code === 0 || code === 1),
          codes.join(),
        );
        await faulty.assertSound();
      });
    }
  }

  test('the watch falls silent without a reset', async () => {
    await using faulty = await openFaultySite({ freeze: false });
    faulty.proxy.add({ ...WATCH, times: 1, fault: { kind: 'stall', afterMilliseconds: 200 } });
    assert.deepEqual(await faulty.untilFresh(), [0]);
    await faulty.assertSound();
  });

  test('one request in ten breaks in one way or another', async () => {
    await using faulty = await openFaultySite();
    // Each waits for another number of requests, so that they meet requests of every kind.
    for (const [index, fault] of Object.values(KINDS).entries()) faulty.proxy.add({ every: 70 + 7 * index, fault });
    const codes = await faulty.untilFresh();
    assert.ok(
      codes.every(code => code === 0 || code === 1),
      codes.join(),
    );
    await faulty.assertSound();
  });
});
