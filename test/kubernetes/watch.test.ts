import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import type { Known } from '../../src/kubernetes/watch.ts';
import { watchWorkloads } from '../../src/kubernetes/watch.ts';
import { resourceOf } from '../../src/kubernetes/kinds.ts';
import { NotPermitted, type WatchBookmark } from '../../src/ports.ts';
import type { FakeApiServer, Handler, Seen, TestTransport } from './fake-api-server.ts';
import { failure, fakeApiServer, reply, transportTo, meaningIt, REVIEWS } from './fake-api-server.ts';
import type { Json } from './objects.ts';
import { aDeployment, aList } from './objects.ts';

const at = (name: string, resourceVersion: string, metadata: Json = {}) =>
  aDeployment(name, { metadata: { resourceVersion, ...metadata } });
const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;
const bookmark = (resourceVersion: string) => line('BOOKMARK', { metadata: { resourceVersion } });

/** Waits for a condition without waiting for time. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, what);
    await new Promise(resolve => setImmediate(resolve));
  }
}

interface Watching extends AsyncDisposable {
  readonly server: FakeApiServer;
  readonly to: TestTransport;
  /** `+NAME` for a change, `-NAME UID` for a deletion, in order. */
  readonly told: readonly string[];
  /** The watch requests so far. */
  readonly watches: readonly Seen[];
  readonly done: Promise<void>;
  readonly stop: () => void;
  hear(...expected: readonly string[]): Promise<void>;
  /** Waits for the watch request of this number, from 1. */
  watched(number: number): Promise<Seen>;
}

const placeIn = (namespace: string, resourceVersion: string) => ({
  kind: 'Deployment' as const,
  namespace,
  resourceVersion,
});

/** A watch from resourceVersion 10. The streams are answered in turn, the last one again and again. */
async function watching(
  streams: readonly ((response: ServerResponse, request: Seen) => void)[],
  {
    list = aList([]),
    known = [],
    from = [{ kind: 'Deployment', namespace: '', resourceVersion: '10' }],
    refuses = meaningIt,
  }: {
    readonly list?: Json | ((response: ServerResponse) => void);
    readonly known?: readonly Known[];
    readonly from?: WatchBookmark;
    /** How a 403 is meant. */
    readonly refuses?: (handle: Handler) => Handler;
  } = {},
): Promise<Watching> {
  const watches: Seen[] = [];
  const handle: Handler = (request, response) => {
    if (request.query['watch'] === undefined)
      return typeof list === 'function' ? list(response) : reply(response, 200, list);
    watches.push(request);
    return streams[Math.min(watches.length, streams.length) - 1]?.(response, request);
  };
  const server = await fakeApiServer(refuses(handle));
  const to = transportTo(server);
  const told: string[] = [];
  const stop = new AbortController();
  const done = watchWorkloads({
    transport: to.transport,
    clock: to.clock,
    bookmark: from,
    known,
    onChange: change =>
      told.push(change.kind === 'changed' ? `+${change.workload.name}` : `-${change.ref.name} ${change.uid}`),
    signal: stop.signal,
  });
  done.catch(() => {});
  return {
    server,
    to,
    told,
    watches,
    done,
    stop: () => stop.abort(),
    hear: (...expected) => until(`told ${told.join()}, not ${expected.join()}`, () => told.join() === expected.join()),
    async watched(number) {
      await until(`watch ${number}`, () => watches.length >= number);
      const request = watches[number - 1];
      assert.ok(request);
      return request;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done.catch(() => {});
      await to[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const say =
  (...lines: readonly string[]) =>
  (response: ServerResponse) => {
    response.writeHead(200);
    response.write(lines.join(''));
  };
const sayAndEnd =
  (...lines: readonly string[]) =>
  (response: ServerResponse) => {
    response.writeHead(200);
    response.end(lines.join(''));
  };
const refuse =
  (code: number, headers = {}) =>
  (response: ServerResponse) =>
    reply(response, code, failure(code, `no ${code}`), headers);
const silence = say('');

describe('a watch', () => {
  it('begins at the bookmark, wants bookmarks, and tells of changes and deletions', async () => {
    const lines = [line('ADDED', at('a', '11')), line('MODIFIED', at('a', '12')), line('DELETED', at('a', '13'))];
    await using watch = await watching([say(...lines)]);
    await watch.hear('+a', '+a', '-a uid-a');
    const { path, query } = await watch.watched(1);
    assert.equal(path, '/apis/apps/v1/deployments');
    const { timeoutSeconds, ...others } = query;
    assert.deepEqual(others, { watch: 'true', allowWatchBookmarks: 'true', resourceVersion: '10' });
    assert.ok(Number(timeoutSeconds) >= 300 && Number(timeoutSeconds) <= 360);
  });

  it('understands a stream that comes byte by byte', async () => {
    const bytes = Buffer.from(
      line('MODIFIED', at('a', '11', { labels: { team: 'Schichtübergabe' } })) + line('MODIFIED', at('b', '12')),
    );
    await using watch = await watching([
      response => {
        response.writeHead(200);
        for (const byte of bytes) response.write(Buffer.of(byte));
      },
    ]);
    await watch.hear('+a', '+b');
  });

  it('ends when it is told to, and says nothing afterwards', async () => {
    await using watch = await watching([say(line('MODIFIED', at('a', '11')))]);
    await watch.hear('+a');
    watch.stop();
    await watch.done;
    assert.deepEqual(watch.told, ['+a']);
  });

  it('ends at once when it is told to while nothing is heard', async () => {
    await using watch = await watching([() => {}]);
    await watch.watched(1);
    watch.stop();
    await watch.done;
  });

  it('never keeps another request waiting, however many there are', async () => {
    const from = Array.from({ length: 40 }, (_, index) => placeIn(`ns-${index}`, '10'));
    await using watch = await watching([silence], { from });
    await watch.watched(40);
    await watch.to.transport.read({ verb: 'list', resource: resourceOf('Deployment'), namespace: '' });
  });
});

describe('a stream that ends', () => {
  it('is resumed where it was, without a pause', async () => {
    await using watch = await watching([sayAndEnd(line('MODIFIED', at('a', '11'))), silence]);
    assert.equal((await watch.watched(2)).query['resourceVersion'], '11');
    assert.deepEqual(watch.to.clock.pauses, [0]);
  });

  it('is resumed at its last bookmark', async () => {
    await using watch = await watching([sayAndEnd(line('MODIFIED', at('a', '11')), bookmark('500')), silence]);
    assert.equal((await watch.watched(2)).query['resourceVersion'], '500');
    assert.deepEqual(watch.told, ['+a']);
  });

  it('in the middle of a line is resumed before it', async () => {
    const broken = line('MODIFIED', at('b', '12')).slice(0, 50);
    await using watch = await watching([sayAndEnd(line('MODIFIED', at('a', '11')), broken), silence]);
    assert.equal((await watch.watched(2)).query['resourceVersion'], '11');
    assert.deepEqual(watch.told, ['+a']);
  });

  it('by a broken connection is resumed after a pause, and said to be', async () => {
    const breaking = (response: ServerResponse) => {
      response.writeHead(200);
      response.write(line('MODIFIED', at('a', '11')), () => response.socket?.resetAndDestroy());
    };
    await using watch = await watching([breaking, silence]);
    assert.equal((await watch.watched(2)).query['resourceVersion'], '11');
    assert.deepEqual(watch.to.clock.pauses, [125]);
    assert.equal(watch.to.troubles.length, 1);
  });

  it('again and again without a word is resumed ever more slowly', async () => {
    await using watch = await watching([...Array.from({ length: 5 }, () => sayAndEnd()), silence]);
    await watch.watched(6);
    assert.deepEqual(watch.to.clock.pauses, [0, 125, 250, 500, 1000]);
  });
});

for (const [name, refusal, pause] of [
  ['503 with Retry-After', refuse(503, { 'retry-after': '7' }), 7000],
  ['429', refuse(429), 250],
  ['500', refuse(500), 250],
  ['an ERROR event', say(line('ERROR', failure(500, 'internal'))), 250],
  ['a line that is no JSON', say('<html>\n'), 250],
] as const) {
  it(`a watch that is refused with ${name} is tried again from the same place`, async () => {
    await using watch = await watching([refusal, silence]);
    assert.equal((await watch.watched(2)).query['resourceVersion'], '10');
    assert.deepEqual(watch.to.clock.pauses, [pause]);
    assert.equal(watch.to.troubles.length, 1);
  });
}

describe('a stream that says nothing', () => {
  it('is cut after 90 seconds and resumed', async () => {
    await using watch = await watching([say(line('MODIFIED', at('a', '11'))), silence]);
    await watch.hear('+a');
    watch.to.clock.pass(89_999);
    await new Promise(resolve => setImmediate(resolve));
    assert.equal(watch.watches.length, 1);
    watch.to.clock.pass(1);
    assert.equal((await watch.watched(2)).query['resourceVersion'], '11');
    assert.deepEqual(watch.to.troubles, ['watch deployments.apps: nothing heard for 90 s']);
  });

  it('is left alone while bookmarks come', async () => {
    const stream = Promise.withResolvers<ServerResponse>();
    await using watch = await watching([
      response => {
        say(line('MODIFIED', at('a', '11')))(response);
        stream.resolve(response);
      },
      silence,
    ]);
    await watch.hear('+a');
    watch.to.clock.pass(60_000);
    (await stream.promise).write(bookmark('12') + line('MODIFIED', at('b', '13')));
    await watch.hear('+a', '+b');
    watch.to.clock.pass(60_000);
    await new Promise(resolve => setImmediate(resolve));
    assert.equal(watch.watches.length, 1);
  });

  it('is cut as well when it never even begins', async () => {
    await using watch = await watching([() => {}, silence]);
    await watch.watched(1);
    watch.to.clock.pass(90_000);
    await watch.watched(2);
  });
});

describe('after a 410', () => {
  const gone = say(line('ERROR', failure(410, 'too old resource version')));
  const known = ['a', 'b', 'c'].map(name => ({
    kind: 'Deployment' as const,
    namespace: 'shop',
    name,
    uid: `uid-${name}`,
  }));
  const list = aList([at('a', '40'), at('b', '41', { uid: 'uid-new' })], { resourceVersion: '50' });

  for (const [name, first] of [
    ['as an event', gone],
    ['as an HTTP status', refuse(410)],
  ] as const) {
    it(`${name} everything is listed again, deletions are told of, and it goes on from there`, async () => {
      await using watch = await watching([first, silence], { list, known });
      assert.equal((await watch.watched(2)).query['resourceVersion'], '50');
      assert.deepEqual(watch.told, ['-c uid-c', '+a', '-b uid-b', '+b']);
    });
  }

  it('deletions are told of also for what was only seen since', async () => {
    const stream = say(line('ADDED', at('d', '11')), line('ERROR', failure(410, 'old')));
    await using watch = await watching([stream, silence], { list: aList([]) });
    await watch.watched(2);
    assert.deepEqual(watch.told, ['+d', '-d uid-d']);
  });

  it('what was told to be deleted is not told again', async () => {
    const stream = say(line('DELETED', at('a', '11')), line('ERROR', failure(410, 'old')));
    await using watch = await watching([stream, silence], { list: aList([]), known: known.slice(0, 1) });
    await watch.watched(2);
    assert.deepEqual(watch.told, ['-a uid-a']);
  });

  it('it is tried again when the list cannot be read', async () => {
    let lists = 0;
    const failing = (response: ServerResponse) => (lists++ === 0 ? refuse(400)(response) : reply(response, 200, list));
    await using watch = await watching([gone, gone, silence], { list: failing, known });
    assert.equal((await watch.watched(3)).query['resourceVersion'], '50');
  });

  it('or after five streams without a word everything is listed again, whatever the server says', async () => {
    await using watch = await watching([...Array.from({ length: 5 }, () => refuse(504)), silence], { list, known });
    assert.equal((await watch.watched(5)).query['resourceVersion'], '10');
    assert.equal((await watch.watched(6)).query['resourceVersion'], '50');
    assert.deepEqual(watch.told, ['-c uid-c', '+a', '-b uid-b', '+b']);
  });

  it('the server is spared when it comes again and again', async () => {
    await using watch = await watching([gone, gone, gone, silence], { list });
    await watch.watched(4);
    assert.deepEqual(watch.to.clock.pauses, [0, 125, 250]);
  });

  it('a stop while listing is obeyed', async () => {
    const listing = Promise.withResolvers<void>();
    await using watch = await watching([gone], { list: () => listing.resolve() });
    await listing.promise;
    watch.stop();
    await watch.done;
    assert.deepEqual(watch.told, []);
  });
});

describe('without the right to watch', () => {
  it('it ends and names the right', async () => {
    await using watch = await watching([refuse(403)]);
    await assert.rejects(watch.done, (error: Error) => {
      assert.ok(error instanceof NotPermitted);
      assert.deepEqual(error.permission, { verb: 'watch', resource: 'deployments.apps', namespace: '' });
      return true;
    });
  });

  it('as long as nobody has any, because the API server has just started, it is opened again', async () => {
    const stream = say(line('MODIFIED', at('cart', '11')));
    await using watch = await watching([refuse(403), refuse(403), stream, silence], {
      refuses: handle => (request, response) =>
        request.path === REVIEWS ? refuse(403)(response) : handle(request, response),
    });
    await watch.hear('+cart');
  });

  it('in one namespace it ends in all', async () => {
    const from = [placeIn('shop', '10'), placeIn('other', '20')];
    const stream = (response: ServerResponse, { path }: Seen) =>
      (path.includes('/other/') ? refuse(403) : silence)(response);
    await using watch = await watching([stream], { from });
    await assert.rejects(watch.done, NotPermitted);
  });
});

it('namespaces are watched each by itself', async () => {
  const from = [placeIn('shop', '10'), placeIn('other', '20')];
  const stream = (response: ServerResponse, { path, query }: Seen) =>
    say(line('MODIFIED', at(`${path.split('/')[5]}-${query['resourceVersion']}`, '99')))(response);
  await using watch = await watching([stream], { from });
  await until('both', () => watch.told.length === 2);
  assert.deepEqual(watch.told.toSorted(), ['+other-20', '+shop-10']);
});

it('a token that the server no longer accepts is renewed for a watch as well', async () => {
  await using watch = await watching([refuse(401), say(line('MODIFIED', at('a', '11')))]);
  await watch.hear('+a');
  assert.deepEqual(watch.to.troubles, []);
});

it('an error of the listener ends the watch and is passed on', async () => {
  await using server = await fakeApiServer((_, response) => say(line('MODIFIED', at('a', '11')))(response));
  await using to = transportTo(server);
  const { transport, clock } = to;
  const onChange = () => {
    throw new TypeError('a bug');
  };
  const { signal } = new AbortController();
  const watch = watchWorkloads({
    transport,
    clock,
    bookmark: [{ kind: 'Deployment', namespace: '', resourceVersion: '1' }],
    known: [],
    onChange,
    signal,
  });
  await assert.rejects(watch, { message: 'a bug' });
});
