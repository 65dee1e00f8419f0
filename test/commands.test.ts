import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { COMMANDS } from '../src/commands.ts';
import type { Session } from '../src/session.ts';
import { parseCommandLine, type CommandName } from '../src/flags.ts';
import type { Events, NewEvent } from '../src/kubernetes/events.ts';
import { OutOfReach } from '../src/ports.ts';
import { InvalidPolicy } from '../src/read-policy.ts';
import { EMPTY } from '../src/domain/checkpoint.ts';
import { aCheckpoint, aStart, aTrouble, aWorkload, BEGIN, HOUR, SECOND, T, WANT } from './build.ts';
import { getsStuck } from './fake-world.ts';
import { aNight, revisions, WISHES } from './night.ts';

const STOP = { at: T, why: 'failures', detail: 'shop/x failed', want: WANT } as const;

type Night = ReturnType<typeof aNight>;

/** The class has private parts; only `create` is called. */
const isEvents = (fake: Pick<Events, 'create'>): fake is Events => 'create' in fake;

/** One command in a night, and all that leaves the process by it. */
async function command(name: CommandName, night: Night = aNight(), words: readonly string[] = []) {
  const parsed = parseCommandLine([name, ...(name === 'validate' ? ['my.yaml'] : []), ...words], {});
  const flags = parsed.kind === 'command' ? parsed.flags : assert.fail(JSON.stringify(parsed));
  const [printed, complaints, messages]: [string[], string[], string[]] = [[], [], []];
  const events: NewEvent[] = [];
  const fakeEvents = { create: (event: NewEvent) => Promise.resolve(void events.push(event)) };
  assert.ok(isEvents(fakeEvents));
  let connects = 0;
  let gently = 0;
  const session: Session = {
    flags,
    wishes: {
      holder: { run: WISHES.holder.run, pod: { name: 'nightshift-1', uid: 'u1' } },
      only: flags.only,
      ignoreWindow: flags.ignoreWindow,
    },
    clock: night.clock,
    policySource: night.policySource,
    announcer: night.announcer,
    kubernetes: () => {
      connects++;
      return {
        cluster: night.cluster,
        checkpointStore: night.store,
        events: fakeEvents,
        namespace: 'ops',
        server: 'https://cluster',
        requests: new Map(),
        readConfigMapKey: () => assert.fail('nobody asks for it'),
        close: () => Promise.resolve(),
      };
    },
    endGently: () => {
      gently++;
      return night.interruption.signal;
    },
    print: text => printed.push(text),
    complain: sentence => complaints.push(sentence),
    leaveMessage: message => messages.push(message),
  };
  const exitCode = await COMMANDS[name](session);
  return { exitCode, printed: printed.join('\n'), complaints, messages, events, connects, gently };
}

describe('run', () => {
  test('sweeps, and leaves its last words and one Event', async () => {
    const night = aNight();
    const { exitCode, printed, messages, events, gently } = await command('run', night);
    assert.deepEqual([exitCode, printed, gently, revisions(night)], [0, '', 1, [5, 5, 5]]);
    assert.equal(JSON.parse(messages[0] ?? '').ending, 'swept');
    assert.deepEqual(
      events.map(({ namespace, regarding, reason }) => [namespace, regarding.kind, regarding.name, reason]),
      [['ops', 'Pod', 'nightshift-1', 'RunEnded']],
    );
  });

  test('ends with the code of its report, and an Event where it failed', async () => {
    const night = aNight();
    night.cluster.scripts.set('shop/w0', getsStuck({ troubles: [aTrouble()] }));
    const { exitCode, events } = await command('run', night);
    assert.equal(exitCode, 3);
    assert.deepEqual(
      events.map(({ namespace, regarding, type, reason }) => [namespace, regarding.name, type, reason]),
      [
        ['shop', 'w0', 'Warning', 'RestartFailed'],
        ['ops', 'nightshift-1', 'Warning', 'RunEnded'],
      ],
    );
  });

  test('ends with one line for machines when they ask for it', async () => {
    const { printed } = await command('run', aNight(), ['--output', 'json']);
    assert.equal(printed.split('\n').length, 1);
    assert.deepEqual([JSON.parse(printed).version, JSON.parse(printed).exitCode], [1, 0]);
  });

  test('outside the window connects to nobody', async () => {
    const { exitCode, connects, events, messages } = await command('run', aNight({ now: BEGIN - 1 }));
    assert.deepEqual([exitCode, connects, events, messages.length], [0, 0, [], 1]);
  });

  test('with --dry-run is the plan: it changes nothing and holds nothing', async () => {
    const night = aNight();
    const { exitCode, printed, gently } = await command('run', night, ['--dry-run']);
    assert.deepEqual([exitCode, gently, night.store.version, revisions(night)], [0, 0, 1, [4, 4, 4]]);
    assert.match(printed, /3 restarts in 2 batches \(1, 2\)/);
  });
});

describe('plan', () => {
  test('prints what a run would do', async () => {
    const night = aNight();
    const { exitCode, printed, gently } = await command('plan', night);
    assert.deepEqual([exitCode, gently, night.store.version], [0, 0, 1]);
    assert.match(printed, /^Window nights is open since/);
  });

  test('prints it for machines', async () => {
    const { printed } = await command('plan', aNight(), ['--output', 'json']);
    assert.deepEqual(
      JSON.parse(printed).batches.map((batch: readonly unknown[]) => batch.length),
      [1, 2],
    );
  });

  test('ends with 4 when a namespace could not be read', async () => {
    const night = aNight();
    night.cluster.skipped = [{ namespace: 'secret', why: 'forbidden' }];
    assert.equal((await command('plan', night)).exitCode, 4);
  });

  test('looks at one workload when it is told to', async () => {
    const { printed } = await command('plan', aNight(), ['--only', 'shop/w1']);
    assert.match(printed, /1 restart in 1 batch/);
  });
});

describe('a checkpoint that cannot be used', () => {
  for (const name of ['run', 'plan', 'status', 'resume'] as const) {
    test(`ends ${name} with 5 and a sentence`, async () => {
      const night = aNight();
      night.store.put('{');
      const { exitCode, complaints, messages } = await command(name, night);
      assert.equal(exitCode, 5);
      assert.match([...complaints, ...messages].join(''), /nightshift reset --yes/);
    });
  }
});

describe('status', () => {
  test('prints the checkpoint, and nothing else is asked', async () => {
    const night = aNight({ checkpoint: aCheckpoint({ stop: STOP }) });
    const { exitCode, printed } = await command('status', night);
    assert.deepEqual([exitCode, night.cluster.calls], [0, []]);
    assert.match(printed, /Stopped at 2026-11-24T01:05:00Z \(failures\): shop\/x failed/);
  });

  test('prints it for machines', async () => {
    const checkpoint = aCheckpoint({ stop: STOP });
    const { printed } = await command('status', aNight({ checkpoint }), ['--output', 'json']);
    assert.deepEqual(JSON.parse(printed), JSON.parse(JSON.stringify(checkpoint)));
  });
});

describe('windows, validate and schema ask nobody', () => {
  test('windows prints the openings of two weeks', async () => {
    const { exitCode, printed, connects } = await command('windows', aNight({ now: BEGIN - HOUR }));
    assert.deepEqual([exitCode, connects, printed.split('\n').length], [0, 0, 1 + 14]);
  });

  test('windows prints them for machines', async () => {
    const { printed } = await command('windows', aNight({ now: BEGIN - HOUR }), ['--output', 'json']);
    const { now, upcoming } = JSON.parse(printed);
    assert.deepEqual(now, { kind: 'closed', why: 'outsideWindows', opensAt: '2026-11-24T01:00:00Z' });
    assert.deepEqual(
      [upcoming.length, upcoming[0].opensAt, upcoming[0].closesAt],
      [14, '2026-11-24T01:00:00Z', '2026-11-24T05:00:00Z'],
    );
  });

  for (const { now, says } of [
    { now: BEGIN, says: 'policy.yaml is valid; the window is open now.' },
    { now: BEGIN - 1, says: 'policy.yaml is valid; the window opens 2026-11-24T01:00:00Z.' },
  ]) {
    test(`validate says: ${says}`, async () => {
      const { exitCode, printed, connects } = await command('validate', aNight({ now }));
      assert.deepEqual([exitCode, printed, connects], [0, says, 0]);
    });
  }

  for (const name of ['run', 'plan', 'windows', 'validate'] as const) {
    test(`a policy that cannot be used ends ${name} before anybody is asked`, async () => {
      const night = aNight();
      night.source.text = 'kind: RestartPolicy';
      await assert.rejects(command(name, night), InvalidPolicy);
      assert.equal(night.cluster.calls.length, 0);
    });
  }

  test('schema is a JSON Schema with every key of the policy', async () => {
    const { exitCode, printed, connects } = await command('schema');
    assert.deepEqual([exitCode, connects], [0, 0]);
    const keys = ['windows', 'select', 'stale', 'availability', 'batches', 'rollout', 'onFailure'];
    for (const key of keys) assert.ok(key in JSON.parse(printed).properties, key);
  });
});

describe('resume', () => {
  test('forgets the stop, and the next run goes on with its canary', async () => {
    const night = aNight({ checkpoint: aCheckpoint({ stop: STOP }), policy: { onFailure: { resume: 'manual' } } });
    const { exitCode, printed } = await command('resume', night);
    assert.deepEqual([exitCode, night.store.checkpoint.stop, night.store.checkpoint.hold], [0, null, null]);
    assert.match(printed, /Forgot the stop of 2026-11-24T01:05:00Z \(shop\/x failed\)/);
    assert.equal((await command('run', night)).exitCode, 0);
    assert.deepEqual(revisions(night), [5, 5, 5]);
  });

  test('has nothing to do without a stop', async () => {
    const night = aNight();
    const { exitCode, printed } = await command('resume', night);
    assert.deepEqual([exitCode, night.store.version], [0, 1]);
    assert.match(printed, /There is no stop/);
  });

  test('with --dry-run only says what it would do', async () => {
    const night = aNight({ checkpoint: aCheckpoint({ stop: STOP }) });
    const { exitCode, printed } = await command('resume', night, ['--dry-run']);
    assert.deepEqual([exitCode, night.store.version], [0, 1]);
    assert.match(printed, /Would forget the stop/);
  });

  test('gives way to a run that is active', async () => {
    const night = aNight({ checkpoint: aCheckpoint({ stop: STOP, hold: { run: 'other' } }) });
    night.clock.after(15 * SECOND, () => night.store.put());
    const { exitCode, complaints } = await command('resume', night);
    assert.deepEqual([exitCode, night.store.checkpoint.stop], [1, STOP]);
    assert.match(complaints[0] ?? '', /run other is active: try again/);
  });

  test('that cannot save says so, with the code for it', async () => {
    for (const [happens, code] of [
      [(night: Night) => void (night.store.onWrite = () => Promise.reject(new OutOfReach('away'))), 1],
      [(night: Night) => void (night.store.onWrite = () => Promise.resolve({ kind: 'missing' })), 5],
    ] as const) {
      const night = aNight({ checkpoint: aCheckpoint({ stop: STOP }) });
      happens(night);
      const { exitCode, complaints } = await command('resume', night);
      assert.deepEqual([exitCode, complaints.length], [code, 1]);
    }
  });

  test('ends with 143 when it is told to while it waits for a holder', async () => {
    const night = aNight({ checkpoint: aCheckpoint({ stop: STOP, hold: { run: 'dead' } }), workloads: [aWorkload()] });
    night.clock.after(5 * SECOND, () => night.interruption.abort());
    assert.equal((await command('resume', night)).exitCode, 143);
  });
});

describe('reset', () => {
  const full = aCheckpoint({ stop: STOP, starts: [aStart(), aStart({ workload: 'shop/api', outcome: 'failed' })] });

  test('says what it will forget, and changes nothing without --yes', async () => {
    const night = aNight({ checkpoint: full });
    const { exitCode, printed } = await command('reset', night);
    assert.deepEqual([exitCode, night.store.version], [2, 1]);
    for (const line of [/the open sweep/, /the stop of .*shop\/x failed/, /1 start that nobody saw/, /1 failed/]) {
      assert.match(printed, line);
    }
    assert.match(printed, /Nothing was changed/);
    assert.equal((await command('reset', night, ['--yes', '--dry-run'])).exitCode, 0);
    assert.equal(night.store.version, 1);
  });

  test('starts over with --yes, and the next run with its canary', async () => {
    const night = aNight({ checkpoint: full });
    assert.equal((await command('reset', night, ['--yes'])).exitCode, 0);
    const { save: _, ...rest } = night.store.checkpoint;
    const { save: __, ...empty } = EMPTY;
    assert.deepEqual(rest, empty);
    assert.equal((await command('run', night)).exitCode, 0);
    assert.deepEqual(revisions(night), [5, 5, 5]);
  });

  test('is the way out of a checkpoint that cannot be read, and the refusal names it', async () => {
    const night = aNight();
    night.store.put('{"version": 99}');
    const refused = await command('run', night);
    assert.equal(refused.exitCode, 5);
    assert.match(
      refused.messages[0] ?? '',
      /nightshift reset --yes --namespace ops --checkpoint nightshift-checkpoint/,
    );
    const { exitCode, printed } = await command('reset', night, ['--yes']);
    assert.equal(exitCode, 0);
    assert.match(printed, /cannot be used: it has version 99/);
    assert.equal((await command('run', night)).exitCode, 0);
  });

  test('gives way to a run that is active', async () => {
    const night = aNight({ checkpoint: aCheckpoint({ stop: STOP, hold: { run: 'other' } }) });
    night.clock.after(15 * SECOND, () => night.store.put());
    const { exitCode, complaints } = await command('reset', night, ['--yes']);
    assert.deepEqual([exitCode, night.store.checkpoint.stop], [1, STOP]);
    assert.match(complaints[0] ?? '', /run other is active: try again/);
  });

  test('without a ConfigMap says what to do', async () => {
    const night = aNight();
    night.store.missing = true;
    const { exitCode, complaints } = await command('reset', night, ['--yes']);
    assert.equal(exitCode, 5);
    assert.match(complaints[0] ?? '', /there is no ConfigMap/);
  });
});
