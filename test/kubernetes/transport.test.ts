import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { Call } from '../../src/kubernetes/resource.ts';
import { resourceOf } from '../../src/kubernetes/kinds.ts';
import { CONFIG_MAPS } from '../../src/kubernetes/resource.ts';
import { ONE_OBJECT, ONE_WRITE } from '../../src/kubernetes/transport.ts';
import { NotPermitted, OutOfReach } from '../../src/ports.ts';
import type { Handler } from './fake-api-server.ts';
import {
  failure,
  fakeApiServer,
  kubeconfigFile,
  reply,
  TOKEN,
  transportTo,
  meaningIt,
  REVIEWS,
} from './fake-api-server.ts';

const DEPLOYMENTS = resourceOf('Deployment');
const GET: Call = { verb: 'get', resource: DEPLOYMENTS, namespace: 'shop', name: 'cart' };
const GET_PATH = '/apis/apps/v1/namespaces/shop/deployments/cart';
const PATCH: Call = { verb: 'patch', resource: DEPLOYMENTS, namespace: 'shop', name: 'cart', body: { a: 1 } };

/** Answers with each of these in turn, and with the last one from then on. */
function inTurn(...answers: ((response: ServerResponse) => void)[]): Handler {
  let next = 0;
  return (_, response) => answers[Math.min(next++, answers.length - 1)]?.(response);
}
const status =
  (code: number, headers = {}) =>
  (response: ServerResponse) =>
    reply(response, code, code < 300 ? { ok: true } : failure(code, `no ${code}`), headers);
const reset = (response: ServerResponse) => response.socket?.resetAndDestroy();
const silence = () => {};

/** Resolves when the server has been asked so often. */
async function asked(server: { readonly seen: readonly unknown[] }, times: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (server.seen.length < times) {
    assert.ok(performance.now() < deadline, `asked ${server.seen.length} times, not ${times}`);
    await new Promise(resolve => setImmediate(resolve));
  }
}

describe('every request', () => {
  it('shares at most 16 sockets and speaks HTTP/1.1, however many there are', async () => {
    await using server = await fakeApiServer((_, response) => setTimeout(status(200), 1, response));
    await using to = transportTo(server);
    let left = 200;
    const worker = async () => {
      while (left-- > 0) await (left % 2 === 0 ? to.transport.read(GET) : to.transport.attempt(PATCH, ONE_WRITE));
    };
    await Promise.all(Array.from({ length: 50 }, worker));
    assert.equal(server.seen.length, 200);
    assert.ok(server.sockets <= 16, `${server.sockets} sockets`);
    assert.deepEqual([...new Set(server.seen.map(request => request.httpVersion))], ['1.1']);
    assert.deepEqual(Object.fromEntries(to.transport.requests), {
      'get deployments.apps': 100,
      'patch deployments.apps': 100,
    });
  });

  it('carries the token, no wish for compression, and a merge patch when it patches', async () => {
    await using server = await fakeApiServer((_, response) => status(200)(response));
    await using to = transportTo(server);
    await to.transport.attempt({ ...PATCH, query: { timeout: '10s' } }, ONE_WRITE);
    const [request] = server.seen;
    assert.equal(request?.method, 'PATCH');
    assert.equal(request.path, '/apis/apps/v1/namespaces/shop/deployments/cart');
    assert.deepEqual(request.query, { timeout: '10s' });
    assert.deepEqual(request.body, { a: 1 });
    assert.equal(request.headers.authorization, `Bearer ${TOKEN}`);
    assert.equal(request.headers['accept-encoding'], 'identity');
    assert.equal(request.headers['content-type'], 'application/merge-patch+json');
  });

  it('goes below the path of a gateway', async () => {
    await using server = await fakeApiServer((_, response) => status(200)(response));
    await using to = transportTo(server, {
      kubeconfig: kubeconfigFile(server.folder, `${server.url}/k8s/clusters/c-1/`),
    });
    await to.transport.read(GET);
    assert.equal(server.seen[0]?.path, '/k8s/clusters/c-1/apis/apps/v1/namespaces/shop/deployments/cart');
  });
});

describe('a read', () => {
  for (const [name, first] of [
    ['429', status(429)],
    ['408', status(408)],
    ['500', status(500)],
    ['503', status(503)],
    ['504', status(504)],
    ['a gateway that answers in HTML', (response: ServerResponse) => reply(response, 502, '<html>')],
    ['a reset connection', reset],
    [
      'an answer that breaks off',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{');
        setImmediate(() => response.destroy());
      },
    ],
  ] as const) {
    it(`is repeated after ${name}`, async () => {
      await using server = await fakeApiServer(inTurn(first, first, status(200)));
      await using to = transportTo(server);
      const { body } = await to.transport.read(GET);
      assert.deepEqual(body, { ok: true });
      assert.equal(server.seen.length, 3);
      assert.deepEqual(to.clock.pauses, [125, 250]);
      assert.equal(to.troubles.length, 2);
    });
  }

  it('returns a 404', async () => {
    await using server = await fakeApiServer(inTurn(status(404)));
    await using to = transportTo(server);
    assert.equal((await to.transport.read(GET)).status, 404);
  });

  it('returns the 410 of a list', async () => {
    await using server = await fakeApiServer(inTurn(status(410)));
    await using to = transportTo(server);
    assert.equal((await to.transport.read({ verb: 'list', resource: DEPLOYMENTS, namespace: '' })).status, 410);
  });

  for (const code of [400, 405, 410, 422, 301]) {
    it(`is not repeated after ${code}`, async () => {
      await using server = await fakeApiServer(inTurn(status(code)));
      await using to = transportTo(server);
      await assert.rejects(to.transport.read(GET), (error: Error) => {
        assert.ok(error instanceof OutOfReach);
        assert.match(error.message, new RegExp(`"get deployments.apps shop/cart": no ${code} \\(HTTP ${code}\\)`));
        return true;
      });
      assert.equal(server.seen.length, 1);
    });
  }

  for (const [name, headers, body, expected] of [
    ['Retry-After in seconds', { 'retry-after': '7' }, failure(429, 'slow down'), 7000],
    ['Retry-After as a date', { 'retry-after': 'Mon, 23 Nov 2026 01:00:05 GMT' }, failure(503, 'later'), 5000],
    ['Retry-After in the past', { 'retry-after': 'Mon, 23 Nov 2026 00:00:00 GMT' }, failure(503, 'later'), 125],
    ['retryAfterSeconds of the Status', {}, failure(504, 'later', { retryAfterSeconds: 3 }), 3000],
    ['Retry-After shorter than the pause', { 'retry-after': '0' }, failure(429, 'x'), 125],
    ['nonsense in Retry-After', { 'retry-after': 'soon' }, failure(429, 'x'), 125],
  ] as const) {
    it(`waits as long as the server says: ${name}`, async () => {
      const refuse = (response: ServerResponse) => reply(response, 503, body, headers);
      await using server = await fakeApiServer(inTurn(refuse, status(200)));
      await using to = transportTo(server);
      await to.transport.read(GET);
      assert.deepEqual(to.clock.pauses, [expected]);
    });
  }

  it('is given up after a minute of repeats, in one sentence', async () => {
    await using server = await fakeApiServer(inTurn(status(503)));
    await using to = transportTo(server);
    await assert.rejects(to.transport.read(GET), {
      name: 'OutOfReach',
      message: 'no usable answer from the API server to "get deployments.apps shop/cart": no 503 (HTTP 503)',
    });
    assert.ok(to.clock.elapsed() > 50_000 && to.clock.elapsed() <= 60_000, String(to.clock.elapsed()));
    assert.ok(server.seen.length > 10 && server.seen.length < 25, String(server.seen.length));
  });

  it('is given up at once when the server says to come back after our patience', async () => {
    await using server = await fakeApiServer(inTurn(status(503, { 'retry-after': '61' })));
    await using to = transportTo(server);
    await assert.rejects(to.transport.read(GET), OutOfReach);
    assert.equal(server.seen.length, 1);
  });

  it('is repeated by a process that stood still for longer than its patience', async () => {
    await using server = await fakeApiServer(inTurn(silence, status(200)));
    await using to = transportTo(server);
    const read = to.transport.read(GET);
    await asked(server, 1);
    to.clock.pass(120_000);
    assert.equal((await read).status, 200);
  });

  it('is repeated when no answer comes within its deadline', async () => {
    await using server = await fakeApiServer(inTurn(silence, status(200)));
    await using to = transportTo(server);
    const read = to.transport.read(GET);
    await asked(server, 1);
    to.clock.pass(ONE_OBJECT.deadline);
    assert.equal((await read).status, 200);
    assert.deepEqual(to.troubles, ['get deployments.apps shop/cart: no answer within 10 s']);
  });

  it('is repeated when an answer stops in the middle', async () => {
    const stall = (response: ServerResponse) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{');
    };
    await using server = await fakeApiServer(inTurn(stall, status(200)));
    await using to = transportTo(server);
    const read = to.transport.read(GET);
    await asked(server, 1);
    await new Promise(resolve => setImmediate(resolve));
    to.clock.pass(ONE_OBJECT.deadline);
    assert.equal((await read).status, 200);
  });

  it('takes no more bytes than it is allowed, and does not ask for them again', async () => {
    await using server = await fakeApiServer((_, response) => reply(response, 200, { text: 'x'.repeat(5 << 20) }));
    await using to = transportTo(server);
    await assert.rejects(to.transport.read(GET), /the answer is larger than 4096 KiB/);
    assert.equal(server.seen.length, 1);
  });

  it('says when the other side is no API server', async () => {
    await using server = await fakeApiServer((_, response) => reply(response, 200, '<html>please log in</html>'));
    await using to = transportTo(server);
    await assert.rejects(to.transport.read(GET), /the answer is no JSON: is this a Kubernetes API server\?/);
    assert.equal(server.seen.length, 1);
  });

  it('keeps characters whole that come in two pieces', async () => {
    const bytes = Buffer.from(JSON.stringify({ text: 'Schichtübergabe 🌙' }));
    await using server = await fakeApiServer((_, response) => {
      response.writeHead(200);
      for (const byte of bytes) response.write(Buffer.of(byte));
      response.end();
    });
    await using to = transportTo(server);
    assert.deepEqual((await to.transport.read(GET)).body, { text: 'Schichtübergabe 🌙' });
  });

  it('names verb, resource and namespace when it is not permitted, with the server’s words as the cause', async () => {
    await using server = await fakeApiServer(meaningIt(inTurn(status(403))));
    await using to = transportTo(server);
    await assert.rejects(to.transport.read(GET), (error: Error) => {
      assert.ok(error instanceof NotPermitted);
      assert.deepEqual(error.permission, { verb: 'get', resource: 'deployments.apps', namespace: 'shop' });
      assert.match(String(error.cause), /no 403 \(HTTP 403\)/);
      return true;
    });
    assert.deepEqual(
      server.seen.map(({ path }) => path),
      [GET_PATH, REVIEWS],
    );
  });

  it('repeats what an API server refuses that has just started and knows nobody’s rights', async () => {
    const words =
      'deployments.apps "cart" is forbidden: User "system:serviceaccount:a:b" cannot get resource "deployments"';
    const refuse = (response: ServerResponse) => reply(response, 403, failure(403, words));
    const allow = (response: ServerResponse) => reply(response, 201, { status: { allowed: true } });
    const answers: Readonly<Record<string, ((response: ServerResponse) => void)[]>> = {
      [GET_PATH]: [refuse, refuse, status(200)],
      [REVIEWS]: [status(403), allow],
    };
    await using server = await fakeApiServer(({ path }, response) => answers[path]?.shift()?.(response));
    await using to = transportTo(server);
    assert.equal((await to.transport.read(GET)).status, 200);
    assert.equal(to.clock.pauses.length, 2);
  });

  it('believes a 403 in the end when nobody says whose it is', async () => {
    await using server = await fakeApiServer(inTurn(status(403)));
    await using to = transportTo(server);
    await assert.rejects(to.transport.read(GET), NotPermitted);
    assert.ok(to.clock.elapsed() > 45_000 && to.clock.elapsed() <= 60_000, `after ${to.clock.elapsed()} ms`);
  });

  it('says what is wrong when nobody listens', async () => {
    const server = await fakeApiServer(inTurn(status(200)));
    await using to = transportTo(server);
    await server[Symbol.asyncDispose]();
    await assert.rejects(to.transport.read(GET), /ECONNREFUSED/);
  });

  it('is broken off when the transport is closed', async () => {
    await using server = await fakeApiServer(silence);
    await using to = transportTo(server);
    const read = assert.rejects(to.transport.read(GET), OutOfReach);
    await asked(server, 1);
    await to.transport.close();
    await read;
  });
});

describe('a write', () => {
  for (const [name, answer] of [
    ['429', status(429)],
    ['500', status(500)],
    ['503', status(503)],
    ['504', status(504)],
    ['409', status(409)],
    ['a reset connection', reset],
  ] as const) {
    it(`is sent once, also when ${name} comes of it`, async () => {
      await using server = await fakeApiServer(inTurn(answer, status(200)));
      await using to = transportTo(server);
      await to.transport.attempt(PATCH, ONE_WRITE);
      assert.equal(server.seen.length, 1);
      assert.deepEqual(to.clock.pauses, []);
    });
  }

  it('is unanswered when no answer comes in time', async () => {
    await using server = await fakeApiServer(silence);
    await using to = transportTo(server);
    const attempt = to.transport.attempt(PATCH, ONE_WRITE);
    await asked(server, 1);
    to.clock.pass(ONE_WRITE.deadline);
    const answer = await attempt;
    assert.equal(answer.kind === 'unanswered' && answer.message, 'no answer within 12 s');
    assert.equal(server.seen.length, 1);
  });
});

describe('a token that the server no longer accepts', () => {
  const onlyToken =
    (good: string): Handler =>
    ({ headers }, response) =>
      status(headers.authorization === `Bearer ${good}` ? 200 : 401)(response);

  it('is read again once, for a read and for a write', async () => {
    await using server = await fakeApiServer(onlyToken('new'));
    const tokenFile = join(server.folder, 'token');
    writeFileSync(tokenFile, 'old\n');
    await using to = transportTo(server, {
      kubeconfig: kubeconfigFile(server.folder, server.url, { tokenFile: 'token' }),
    });
    await to.transport.attempt(PATCH, ONE_WRITE);
    assert.equal(server.seen.length, 2, 'the file still has the old one');
    writeFileSync(tokenFile, 'new\n');
    const answer = await to.transport.attempt(PATCH, ONE_WRITE);
    assert.equal(answer.kind === 'answered' && answer.status, 200);
    assert.equal(server.seen.length, 4);
    assert.equal((await to.transport.read(GET)).status, 200);
    assert.equal(server.seen.length, 5);
  });

  it('is renewed once for all requests that met the same 401', async () => {
    await using server = await fakeApiServer(onlyToken('2'));
    const count = 'printf x >> calls; printf \'{"status": {"token": "%d"}}\' $(wc -c < calls)';
    const user = { exec: { command: 'sh', args: ['-c', `cd "${server.folder}"; ${count}`] } };
    await using to = transportTo(server, { kubeconfig: kubeconfigFile(server.folder, server.url, user) });
    const replies = await Promise.all(Array.from({ length: 10 }, () => to.transport.read(GET)));
    assert.deepEqual([...new Set(replies.map(({ status: code }) => code))], [200]);
    assert.equal(server.seen.filter(({ headers }) => headers.authorization === 'Bearer 1').length, 10);
    assert.equal(server.seen.filter(({ headers }) => headers.authorization === 'Bearer 2').length, 10);
  });

  it('ends a read when the new one is not accepted either', async () => {
    await using server = await fakeApiServer(inTurn(status(401)));
    await using to = transportTo(server);
    await assert.rejects(to.transport.read(GET), /it does not accept our credentials \(HTTP 401\)/);
    assert.equal(server.seen.length, 2);
  });

  it('is read anew after a minute without being asked to', async () => {
    await using server = await fakeApiServer(onlyToken(TOKEN));
    await using to = transportTo(server, {
      kubeconfig: kubeconfigFile(server.folder, server.url, { tokenFile: 'token' }),
    });
    writeFileSync(join(server.folder, 'token'), TOKEN);
    await to.transport.read(GET);
    to.clock.pass(61_000);
    await to.transport.read(GET);
    assert.equal(server.seen.length, 2);
  });
});

it('no error shows the token', async () => {
  for (const answer of [status(401), status(403), status(400), reset]) {
    await using server = await fakeApiServer(inTurn(answer));
    await using to = transportTo(server);
    const error = await to.transport.read({ ...GET, resource: CONFIG_MAPS }).then(
      () => assert.fail('it failed'),
      (reason: unknown) => reason,
    );
    assert.ok(!inspect(error, { depth: 10 }).includes(TOKEN), inspect(error));
    assert.ok(!to.troubles.join().includes(TOKEN));
  }
});
