import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeCheckpoint, encodeCheckpoint, EMPTY, type Checkpoint } from '../src/domain/checkpoint.ts';
import { readCheckpoint, takeHold, type Hold, type Taken } from '../src/hold.ts';
import { NotPermitted, OutOfReach, type SaveAnswer } from '../src/ports.ts';
import { aCheckpoint, SECOND } from './build.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeAnnouncer, FakeStore } from './fake-world.ts';

const ME = { run: 'run-me', pod: { name: 'nightshift-1', uid: 'u1' } };
const OTHER = { run: 'run-other', pod: { name: 'nightshift-0', uid: 'u0' } };
const SILENCE: SaveAnswer = { kind: 'unanswered', message: 'no answer', retryAfter: undefined };

function aWorld(checkpoint: Checkpoint | undefined = aCheckpoint()) {
  const clock = new FakeClock();
  const store = new FakeStore(checkpoint);
  const interruption = new AbortController();
  const world = { store, clock, announcer: new FakeAnnouncer(clock), interrupted: interruption.signal };
  const take = async (me: Parameters<typeof takeHold>[1] = ME): Promise<Taken> => {
    const read = await readCheckpoint(store);
    return read.kind === 'read' ? takeHold(read, me, world) : assert.fail(read.detail);
  };
  const held = async (): Promise<Hold> => {
    const taken = await take();
    return taken.kind === 'held' ? taken.hold : assert.fail(JSON.stringify(taken));
  };
  return { ...world, interruption, take, held };
}

/** Answers once with this, after the write took effect or instead of it; then as ever. */
function answerOnce(store: FakeStore, answer: SaveAnswer, { applied }: { readonly applied: boolean }): void {
  const usual = store.onWrite;
  store.onWrite = apply => {
    store.onWrite = usual;
    if (applied) apply();
    return Promise.resolve(answer);
  };
}

/** Another run takes the checkpoint over. */
function takeOver(store: FakeStore): void {
  const { save } = store.checkpoint;
  store.put(encodeCheckpoint({ ...store.checkpoint, save: { run: OTHER.run, number: save.number + 1 }, hold: OTHER }));
}

describe('the checkpoint', () => {
  test('of a first run is empty', async () => {
    const read = await readCheckpoint(new FakeStore());
    assert.deepEqual(read, { kind: 'read', checkpoint: EMPTY, resourceVersion: '1' });
  });

  test('that is missing is refused, naming helm upgrade', async () => {
    const store = new FakeStore();
    store.missing = true;
    const read = await readCheckpoint(store);
    assert.ok(read.kind === 'unusable' && read.detail.includes('helm upgrade'));
  });

  test('that is damaged is refused, naming the command that resets it', async () => {
    const store = new FakeStore();
    store.put('{');
    const read = await readCheckpoint(store);
    assert.match(
      read.kind === 'unusable' ? read.detail : '',
      /nightshift reset --yes --namespace ops --checkpoint nightshift-checkpoint/,
    );
  });
});

describe('the hold', () => {
  test('that nobody has is taken at once, with the name of the run and its Pod', async () => {
    const { store, clock, held } = aWorld();
    await held();
    assert.equal(clock.elapsed(), 0);
    assert.deepEqual(store.checkpoint, { ...aCheckpoint(), save: { run: ME.run, number: 9 }, hold: ME });
  });

  test('of a laptop has no Pod', async () => {
    const { store, take } = aWorld();
    await take({ run: 'laptop', pod: undefined });
    assert.deepEqual(store.checkpoint.hold, { run: 'laptop' });
  });

  test('given back is free, and the last change is saved with it', async () => {
    const { store, held } = aWorld();
    const hold = await held();
    await hold.release(checkpoint => ({ ...checkpoint, sweep: null }));
    assert.deepEqual([store.checkpoint.hold, store.checkpoint.sweep], [null, null]);
  });

  test('is not taken by two', async () => {
    const { store, take } = aWorld();
    const [first, second] = await Promise.all([take(ME), take(OTHER)]);
    assert.deepEqual([first.kind, second.kind], ['held', 'heldByAnother']);
    assert.deepEqual(store.checkpoint.hold, ME);
  });

  test('survives a label that changed between the read and the first save', async () => {
    const { store, take } = aWorld();
    const taking = take();
    store.put();
    assert.equal((await taking).kind, 'held');
  });
});

describe('the hold of another run', () => {
  const stored = aCheckpoint({ hold: OTHER });

  test('is respected while it is renewed', async () => {
    const { store, take, clock } = aWorld(stored);
    store.holderState = 'running';
    for (let renewal = 1; renewal < 10; renewal++) clock.after(renewal * 15 * SECOND, () => store.put());
    assert.equal((await take()).kind, 'heldByAnother');
    assert.ok(clock.elapsed() <= 25 * SECOND);
    assert.equal(store.saves.length, 0);
  });

  test('is taken over at once when its container is terminated', async () => {
    const { store, clock, held } = aWorld(stored);
    store.holderState = 'terminated';
    await held();
    assert.deepEqual([clock.elapsed(), store.checkpoint.hold], [0, ME]);
  });

  for (const [because, hold, holderState] of [
    ['when its Pod vanished', OTHER],
    ['when it names no Pod', { run: OTHER.run }],
    ['when its Pod is said to run on a lost node', OTHER, 'running'],
  ] as const) {
    test(`is taken over after a minute in which it stood still, ${because}`, async () => {
      const { store, clock, announcer, held } = aWorld({ ...stored, hold });
      store.holderState = holderState ?? 'vanished';
      await held();
      assert.equal(clock.elapsed(), 60 * SECOND);
      assert.deepEqual(store.checkpoint.hold, ME);
      assert.equal(announcer.of('waitingForHold').length, 1);
    });
  }

  for (const { at, kind } of [
    { at: 1, kind: 'heldByAnother' },
    { at: 59_999, kind: 'heldByAnother' },
  ]) {
    test(`is respected when it changed after ${at} ms of the minute`, async () => {
      const { store, clock, take } = aWorld(stored);
      clock.after(at, () => store.put());
      assert.equal((await take()).kind, kind);
      assert.equal(store.saves.length, 0);
    });
  }

  test('is respected when the process is told to end while it waits', async () => {
    const { clock, store, take, interruption } = aWorld(stored);
    clock.after(25 * SECOND, () => interruption.abort());
    assert.equal((await take()).kind, 'interrupted');
    assert.deepEqual([clock.elapsed(), store.version], [25 * SECOND, 1]);
  });
});

describe('a hold is fresh', () => {
  for (const { after, fresh } of [
    { after: 29_999, fresh: true },
    { after: 30_000, fresh: true },
    { after: 30_001, fresh: false },
  ]) {
    test(`${fresh ? 'still' : 'no longer'} ${after} ms after the last acknowledged save`, async () => {
      const { clock, held } = aWorld();
      const hold = await held();
      await clock.sleep(after);
      assert.equal(hold.isFresh(), fresh);
      await hold.save();
      assert.ok(hold.isFresh());
    });
  }

  test('counted from when that save was sent', async () => {
    const { clock, store, held } = aWorld();
    const hold = await held();
    store.onWrite = async apply => {
      const answer = apply();
      await clock.sleep(20 * SECOND);
      return answer;
    };
    await hold.save();
    await clock.sleep(10 * SECOND);
    assert.ok(hold.isFresh());
    await clock.sleep(1);
    assert.ok(!hold.isFresh());
  });

  test('again only after one more save, where the process stood still in the last', async () => {
    const { clock, store, held } = aWorld();
    const hold = await held();
    await clock.sleep(30_001);
    store.onWrite = async apply => {
      const answer = apply();
      if (store.saves.length === 2) await clock.sleep(180 * SECOND);
      return answer;
    };
    await hold.freshen();
    assert.deepEqual([store.saves.length, hold.isFresh()], [3, true]);
    await hold.freshen();
    assert.equal(store.saves.length, 3);
  });

  test('for ever while it is renewed, with a save every 15 s', async () => {
    const { clock, store, held } = aWorld();
    const hold = await held();
    const over = new AbortController();
    const renewal = hold.keepFresh(over.signal);
    await clock.sleep(150 * SECOND - 1);
    over.abort();
    await renewal;
    assert.equal(store.saves.length, 1 + 9);
  });

  test('renewed less often when there is something to save anyway', async () => {
    const { clock, store, held } = aWorld();
    const hold = await held();
    const over = new AbortController();
    const renewal = hold.keepFresh(over.signal);
    await clock.sleep(14 * SECOND);
    await hold.save();
    await clock.sleep(14 * SECOND);
    over.abort();
    await renewal;
    assert.equal(store.saves.length, 2);
  });
});

describe('saves', () => {
  test('are numbered and name the run', async () => {
    const { store, held } = aWorld();
    const hold = await held();
    await hold.save();
    assert.deepEqual(
      store.saves.map(({ save }) => save),
      [
        { run: ME.run, number: 9 },
        { run: ME.run, number: 10 },
      ],
    );
  });

  test('go out one at a time, and the next carries all that was asked for meanwhile', async () => {
    const { clock, store, held } = aWorld();
    const hold = await held();
    let underWay = 0;
    store.onWrite = async apply => {
      assert.equal(++underWay, 1);
      await clock.sleep(5 * SECOND);
      underWay--;
      return apply();
    };
    const done = (place: number) => (checkpoint: Checkpoint) => ({
      ...checkpoint,
      occurrence: { name: 'nights', opensAt: '', failures: 0, done: place },
    });
    const saving: Promise<void>[] = [];
    for (const place of [1, 2, 3, 4]) {
      hold.change(done(place));
      saving.push(hold.save());
      await clock.sleep(SECOND);
    }
    await Promise.all(saving);
    assert.deepEqual(
      store.saves.slice(1).map(({ occurrence }) => occurrence?.done),
      [1, 4],
    );
  });

  test('resolve only when what was changed before them is saved', async () => {
    const { clock, store, held } = aWorld();
    const hold = await held();
    store.onWrite = async apply => {
      await clock.sleep(5 * SECOND);
      return apply();
    };
    const first = hold.save();
    await clock.sleep(SECOND);
    hold.change(checkpoint => ({ ...checkpoint, sweep: null }));
    await hold.save();
    assert.equal(store.checkpoint.sweep, null);
    await first;
  });

  test('that were answered but not heard of are ours: the conflict names our number', async () => {
    const { store, held } = aWorld();
    const hold = await held();
    answerOnce(store, SILENCE, { applied: true });
    await hold.save();
    assert.deepEqual([hold.loss, store.saves.length, hold.isFresh()], [undefined, 2, true]);
    await hold.save();
    assert.equal(store.checkpoint.save.number, 11);
  });

  test('go on when only a label changed', async () => {
    const { store, held } = aWorld();
    const hold = await held();
    store.put();
    await hold.save();
    assert.deepEqual([hold.loss, store.checkpoint.save.number], [undefined, 10]);
  });

  test('go out again when the API server does not answer', async () => {
    const { clock, store, held } = aWorld();
    const hold = await held();
    for (let times = 0; times < 3; times++) {
      answerOnce(store, { ...SILENCE, retryAfter: 3 * SECOND }, { applied: false });
      await hold.save();
    }
    assert.deepEqual([hold.loss, clock.elapsed(), store.saves.length], [undefined, 9 * SECOND, 4]);
  });
});

describe('a hold is lost', () => {
  type World = ReturnType<typeof aWorld>;
  /** Somebody applies what was saved two saves ago. */
  const restoreOldCopy = (store: FakeStore): void => {
    const { run, number } = store.checkpoint.save;
    store.put(encodeCheckpoint({ ...store.checkpoint, save: { run, number: number - 1 } }));
  };
  const damage = ({ store }: World): void => store.put('{');
  for (const { because, kind, happens } of [
    { because: 'to another run', kind: 'takenOver', happens: ({ store }) => takeOver(store) },
    { because: 'to an old copy of our own', kind: 'takenOver', happens: ({ store }) => restoreOldCopy(store) },
    { because: 'with the ConfigMap', kind: 'missing', happens: ({ store }) => void (store.missing = true) },
    {
      because: 'with what was in it',
      kind: 'missing',
      happens: ({ store }) => {
        store.put();
        store.text = undefined;
      },
    },
    { because: 'when somebody else wrote something there', kind: 'unreadable', happens: damage },
    {
      because: 'when the API server stays away',
      kind: 'outOfReach',
      happens: ({ store }) => void (store.onWrite = () => Promise.resolve(SILENCE)),
    },
    {
      because: 'when it stays away behind a conflict',
      kind: 'outOfReach',
      happens: ({ store }) => {
        store.put();
        store.read = () => Promise.reject(new OutOfReach('away'));
      },
    },
    {
      because: 'when a right is gone',
      kind: 'notPermitted',
      happens: ({ store }) =>
        void (store.onWrite = () =>
          Promise.reject(new NotPermitted({ verb: 'update', resource: 'configmaps', namespace: 'ops' }))),
    },
    {
      because: 'when nobody knows what happened',
      kind: 'error',
      happens: ({ store }) => void (store.onWrite = () => Promise.reject(new Error('boom'))),
    },
  ] satisfies readonly { because: string; kind: string; happens: (world: World) => void }[]) {
    test(`${because}: ${kind}`, async () => {
      const world = aWorld();
      const hold = await world.held();
      const losses: string[] = [];
      hold.onLoss = loss => losses.push(loss.kind);
      happens(world);
      await Promise.all([hold.save(), hold.save()]);
      const { text, version } = world.store;
      await hold.save();
      await hold.release(checkpoint => ({ ...checkpoint, sweep: null }));
      assert.deepEqual(losses, [kind]);
      assert.equal(hold.loss?.kind, kind);
      assert.ok(!hold.isFresh());
      assert.deepEqual([world.store.text, world.store.version], [text, version]);
    });
  }

  test('to another run after it stood still for longer than that, not to silence', async () => {
    const { clock, store, held } = aWorld();
    const hold = await held();
    answerOnce(store, SILENCE, { applied: false });
    const usual = store.onWrite;
    store.onWrite = async apply => {
      await clock.sleep(600 * SECOND);
      takeOver(store);
      return usual(apply);
    };
    await hold.save();
    assert.equal(hold.loss?.kind, 'takenOver');
  });

  test('after two minutes without an answer, and sooner when the process is told to end', async () => {
    const away = async (interruptAfter?: number): Promise<number> => {
      const { clock, store, held, interruption } = aWorld();
      const hold = await held();
      store.onWrite = () => Promise.resolve({ ...SILENCE, retryAfter: 3_600 * SECOND });
      if (interruptAfter !== undefined) clock.after(interruptAfter, () => interruption.abort());
      await hold.save();
      assert.equal(hold.loss?.kind, 'outOfReach');
      return clock.elapsed();
    };
    assert.ok((await away()) <= 135 * SECOND);
    assert.ok((await away(5 * SECOND)) <= 30 * SECOND);
  });

  test('and then it is not renewed any more', async () => {
    const world = aWorld();
    const hold = await world.held();
    takeOver(world.store);
    await hold.keepFresh(new AbortController().signal);
    assert.equal(world.clock.elapsed(), 15 * SECOND);
  });
});

test('what is looked at before every save is looked at before every save', async () => {
  const { held } = aWorld();
  const hold = await held();
  let looks = 0;
  hold.beforeSave = () => Promise.resolve(void looks++);
  await hold.save();
  await Promise.all([hold.save(), hold.save()]);
  assert.equal(looks, 2);
});

test('every save can be read', async () => {
  const { store, held } = aWorld();
  await (await held()).save();
  assert.equal(decodeCheckpoint(store.text).kind, 'checkpoint');
});
