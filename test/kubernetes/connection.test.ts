import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { after, describe, it } from 'node:test';
import type { Call } from '../../src/kubernetes/resource.ts';
import { NAMESPACES } from '../../src/kubernetes/resource.ts';
import { expired, selfSigned } from './certificates.ts';
import { fakeApiServer, kubeconfigFile, reply, TOKEN, transportTo } from './fake-api-server.ts';

const CALL: Call = { verb: 'get', resource: NAMESPACES, namespace: '', name: 'shop' };

const folder = mkdtempSync(join(tmpdir(), 'nightshift-test-'));
after(() => rmSync(folder, { recursive: true }));
const address = selfSigned(folder, '127.0.0.1');
const other = selfSigned(folder, 'api.test');
const late = expired(folder, address);

const base64 = (text: string) => Buffer.from(text).toString('base64');

it('HTTP/1.1 is spoken also where HTTP/2 is offered', async () => {
  // This server would break a connection on which it is chosen.
  const offers = { ...address, ALPNProtocols: ['h2', 'http/1.1'] };
  await using server = await fakeApiServer((_, response) => reply(response, 200, {}), offers);
  const cluster = { 'certificate-authority': address.certFile };
  const kubeconfig = kubeconfigFile(server.folder, server.url, undefined, cluster);
  await using to = transportTo(server, { kubeconfig });
  assert.equal((await to.transport.read(CALL)).status, 200);
  assert.equal(server.seen[0]?.httpVersion, '1.1');
});

describe('the certificate of the API server', () => {
  for (const [name, certificate, cluster] of [
    ['from certificate-authority-data', address, { 'certificate-authority-data': base64(address.cert) }],
    ['from a certificate-authority file', address, { 'certificate-authority': address.certFile }],
    [
      'for another name, by tls-server-name',
      other,
      { 'certificate-authority': other.certFile, 'tls-server-name': 'api.test' },
    ],
    ['or none, by insecure-skip-tls-verify', other, { 'insecure-skip-tls-verify': true }],
  ] as const) {
    it(`is verified with the CA ${name}`, async () => {
      await using server = await fakeApiServer((_, response) => reply(response, 200, {}), certificate);
      await using to = transportTo(server, {
        kubeconfig: kubeconfigFile(server.folder, server.url, undefined, cluster),
      });
      assert.equal((await to.transport.read(CALL)).status, 200);
      assert.equal(server.seen[0]?.headers.authorization, `Bearer ${TOKEN}`);
    });
  }

  for (const [name, certificate, cluster, words] of [
    ['no CA is named', address, {}, /self-signed certificate/],
    ['another CA is named', address, { 'certificate-authority': other.certFile }, /self-signed certificate|unable to/],
    ['it has expired', late, { 'certificate-authority': late.certFile }, /expired/],
    ['it is for another name', other, { 'certificate-authority': other.certFile }, /does not match/],
  ] as const) {
    it(`is refused at once, and the token not sent, when ${name}`, async () => {
      await using server = await fakeApiServer((_, response) => reply(response, 200, {}), certificate);
      await using to = transportTo(server, {
        kubeconfig: kubeconfigFile(server.folder, server.url, undefined, cluster),
      });
      await assert.rejects(to.transport.read(CALL), words);
      assert.equal(server.seen.length, 0);
      assert.deepEqual(to.clock.pauses, []);
    });
  }
});

it('the certificate is verified, whatever the environment says', async () => {
  await using server = await fakeApiServer((_, response) => reply(response, 200, {}), address);
  await using to = transportTo(server);
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  try {
    await assert.rejects(to.transport.read(CALL), /self-signed certificate/);
  } finally {
    delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  }
  assert.equal(server.seen.length, 0);
});

it('no TLS before 1.2 is spoken', async () => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await using server = await fakeApiServer((_, response) => reply(response, 200, {}), { ...address, ...old });
  const kubeconfig = kubeconfigFile(server.folder, server.url, undefined, {
    'certificate-authority': address.certFile,
  });
  await using to = transportTo(server, { kubeconfig, patience: 0 });
  await assert.rejects(to.transport.read(CALL), /protocol version/i);
  assert.equal(server.seen.length, 0);
});

describe('a client certificate', () => {
  for (const [name, user] of [
    ['of files', { 'client-certificate': other.certFile, 'client-key': other.keyFile }],
    ['of data', { 'client-certificate-data': base64(other.cert), 'client-key-data': base64(other.key) }],
    [
      'of an exec plugin',
      {
        exec: {
          command: 'echo',
          args: [JSON.stringify({ status: { clientCertificateData: other.cert, clientKeyData: other.key } })],
        },
      },
    ],
  ] as const) {
    it(`${name} is shown`, async () => {
      const names: string[] = [];
      const tls = { ...address, requestCert: true, rejectUnauthorized: false };
      await using server = await fakeApiServer((_, response) => {
        const peer = response.socket instanceof TLSSocket ? response.socket.getPeerCertificate() : undefined;
        names.push(String(peer?.subject?.CN));
        reply(response, 200, {});
      }, tls);
      const kubeconfig = kubeconfigFile(server.folder, server.url, user, { 'certificate-authority': address.certFile });
      await using to = transportTo(server, { kubeconfig });
      await to.transport.read(CALL);
      assert.deepEqual(names, ['api.test']);
    });
  }
});

it('the proxy-url of the kubeconfig is used, as a tunnel', async () => {
  await using server = await fakeApiServer((_, response) => reply(response, 200, {}), address);
  const tunnels: string[] = [];
  const proxy = createServer();
  proxy.on('connect', (request, socket, head) => {
    tunnels.push(request.url ?? '');
    const [host, port] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
  });
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve));
  const place = proxy.address();
  const url = `http://127.0.0.1:${typeof place === 'object' && place !== null ? place.port : 0}`;
  const cluster = { 'certificate-authority': address.certFile, 'proxy-url': url };
  await using to = transportTo(server, { kubeconfig: kubeconfigFile(server.folder, server.url, undefined, cluster) });
  await Promise.all(Array.from({ length: 40 }, () => to.transport.read(CALL)));
  assert.deepEqual([...new Set(tunnels)], [new URL(server.url).host]);
  assert.ok(server.sockets <= 16, `${server.sockets} sockets`);
  assert.deepEqual([...new Set(server.seen.map(request => request.httpVersion))], ['1.1']);
  await to.transport.close();
  await new Promise(resolve => proxy.close(resolve));
});

describe('an exec plugin that does not work', () => {
  for (const [name, exec, words] of [
    ['is not there', { command: 'no-such-plugin' }, /the exec plugin of user "u" failed: .*no-such-plugin.*ENOENT/],
    ['fails', { command: 'sh', args: ['-c', 'echo log in first >&2; exit 1'] }, /failed: log in first/],
    ['prints no JSON', { command: 'echo', args: ['the-secret'] }, /printed no ExecCredential/],
    ['prints no credential', { command: 'echo', args: ['{"token": "the-secret"}'] }, /printed no ExecCredential/],
  ] as const) {
    it(`is named when it ${name}, and what it printed is not shown`, async () => {
      await using server = await fakeApiServer((_, response) => reply(response, 200, {}));
      await using to = transportTo(server, { kubeconfig: kubeconfigFile(server.folder, server.url, { exec }) });
      await assert.rejects(to.transport.read(CALL), (error: Error) => {
        assert.match(error.message, words);
        assert.doesNotMatch(String(error.stack) + String(error.cause), /the-secret/);
        return true;
      });
      assert.equal(server.seen.length, 0);
    });
  }
});
