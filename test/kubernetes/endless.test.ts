import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { list } from '../../src/kubernetes/lists.ts';
import type { Call } from '../../src/kubernetes/resource.ts';
import { resourceOf } from '../../src/kubernetes/kinds.ts';
import { PODS } from '../../src/kubernetes/resource.ts';
import { streamOf } from '../../src/kubernetes/stream.ts';
import { OutOfReach } from '../../src/ports.ts';
import { textAt } from '../../src/kubernetes/json.ts';
import { fakeApiServer, reply, transportTo } from './fake-api-server.ts';
import { aDeployment } from './objects.ts';

/** A server that never stops talking is cut off, with an error and without filling the memory. */

const DEPLOYMENTS = resourceOf('Deployment');
const GET: Call = { verb: 'get', resource: DEPLOYMENTS, namespace: 'shop', name: 'cart' };
const WATCH: Call = { verb: 'watch', resource: DEPLOYMENTS, namespace: '', query: { watch: 'true' } };
const MIB = 1 << 20;

/** Sends for as long as anybody takes it; counts what was taken. */
function flood(response: ServerResponse, status: number, start: string, taken: { bytes: number }): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.write(start);
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const more = () => {
    if (response.destroyed) return;
    taken.bytes += chunk.length;
    response.write(chunk, () => setImmediate(more));
  };
  more();
}

describe('a body without end', () => {
  for (const [what, status, most, send] of [
    ['of an object', 200, 4, transport => transport.read(GET)],
    ['of a refusal', 422, 4, transport => transport.read(GET)],
    ['of an error that would be asked for again', 503, 4, transport => transport.read(GET)],
    ['of a 401, twice', 401, 5, transport => transport.read(GET)],
    [
      'of a list page, in whatever size it is asked for',
      200,
      4 * 16,
      transport => list(transport, { resource: PODS, namespace: '', keep: () => 1 }),
    ],
  ] as const satisfies readonly (readonly [
    string,
    number,
    number,
    (transport: ReturnType<typeof transportTo>['transport']) => Promise<unknown>,
  ])[]) {
    it(`${what} is cut off, and ends in an error`, async () => {
      const taken = { bytes: 0 };
      await using server = await fakeApiServer((_, response) => flood(response, status, '{"text":"', taken));
      await using to = transportTo(server);
      await assert.rejects(send(to.transport), OutOfReach);
      // Sockets hold some of it.
      assert.ok(taken.bytes < (most + 16) * MIB, `${taken.bytes / MIB} MiB were taken`);
    });
  }

  it('of one line of a watch is cut off, and the watch is broken', async () => {
    const taken = { bytes: 0 };
    await using server = await fakeApiServer((_, response) =>
      flood(response, 200, '{"type":"ADDED","object":"', taken),
    );
    await using to = transportTo(server);
    const told = [];
    const { signal } = new AbortController();
    for await (const one of streamOf({ transport: to.transport, clock: to.clock, call: WATCH, signal })) told.push(one);
    assert.deepEqual(
      told.map(({ kind }) => kind),
      ['broken'],
    );
    assert.match(JSON.stringify(told), /longer than 16384 KiB/);
    assert.ok(taken.bytes < 32 * MIB, `${taken.bytes / MIB} MiB were taken`);
  });
});

it('a page that is too large is asked for again in smaller ones, and nothing is read twice', async () => {
  const names = Array.from({ length: 40 }, (_, index) => `d${index}`);
  const fat = 'x'.repeat(MIB / 2);
  await using server = await fakeApiServer(({ query }, response) => {
    const from = Number(query['continue'] ?? 0);
    const to = from + Number(query['limit']);
    const items = names.slice(from, to).map(name => aDeployment(name, { metadata: { annotations: { fat } } }));
    reply(response, 200, { kind: 'List', metadata: to < names.length ? { continue: String(to) } : {}, items });
  });
  await using to = transportTo(server);
  const keep = (object: unknown) => textAt(object, 'metadata', 'name');
  const { items } = await list(to.transport, { resource: DEPLOYMENTS, namespace: '', keep });
  assert.deepEqual(items, names);
  assert.deepEqual(
    server.seen.slice(0, 4).map(({ query }) => query['limit']),
    ['250', '62', '15', '15'],
  );
});
