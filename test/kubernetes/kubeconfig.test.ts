import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { findDestination } from '../../src/kubernetes/kubeconfig.ts';

const folder = mkdtempSync(join(tmpdir(), 'nightshift-test-'));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
/** Writes a text and returns its path. */
function file(text: string, name = `config-${files++}`): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const TWO = `
apiVersion: v1
kind: Config
clusters:
- {name: dev, cluster: {server: "https://dev.test:6443/"}}
- name: prod
  cluster:
    server: https://prod.test
    certificate-authority: pki/ca.crt
    tls-server-name: kube
    proxy-url: http://proxy.test:3128
users:
- {name: dev, user: {token: dev-token}}
- name: prod
  user: {client-certificate: pki/me.crt, client-key-data: a2V5, client-key: ignored.key}
contexts:
- {name: dev, context: {cluster: dev, user: dev}}
- {name: prod, context: {cluster: prod, user: prod, namespace: night}}
current-context: dev
`;

describe('a kubeconfig', () => {
  it('gives the current context', () => {
    assert.deepEqual(findDestination({ kubeconfig: file(TWO), env: {} }), {
      cluster: { name: 'cluster', server: 'https://dev.test:6443', skipTLSVerify: false },
      user: { name: 'dev', token: 'dev-token' },
      proxy: undefined,
      namespace: undefined,
    });
  });

  it('gives another context when it is asked for, with paths relative to the file', () => {
    assert.deepEqual(findDestination({ kubeconfig: file(TWO), context: 'prod', env: {} }), {
      cluster: {
        name: 'cluster',
        server: 'https://prod.test',
        skipTLSVerify: false,
        tlsServerName: 'kube',
        caFile: join(folder, 'pki/ca.crt'),
      },
      user: { name: 'prod', certFile: join(folder, 'pki/me.crt'), keyData: 'a2V5' },
      proxy: 'http://proxy.test:3128',
      namespace: 'night',
    });
  });

  for (const [name, user, expected] of [
    [
      'a tokenFile beats a token',
      '{token: t, tokenFile: ./token}',
      { authProvider: { name: 'tokenFile', config: { tokenFile: join(folder, 'token') } } },
    ],
    ['a password', '{username: me, password: p}', { username: 'me', password: 'p' }],
    ['an impersonated user', '{token: t, as: them}', { token: 't', impersonateUser: 'them' }],
    ['nothing', '{}', {}],
  ] as const) {
    it(`knows users with ${name}`, () => {
      const kubeconfig = file(
        `{clusters: [{name: c, cluster: {server: "https://c"}}], users: [{name: u, user: ${user}}], contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}`,
      );
      assert.deepEqual(findDestination({ kubeconfig, env: {} }).user, { name: 'u', ...expected });
    });
  }

  it('gives exec plugins their request, and paths relative to the file', () => {
    const kubeconfig = file(`
clusters: [{name: c, cluster: {server: "https://c"}}]
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: bin/login, env: [{name: A, value: b}], provideClusterInfo: true}}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x`);
    const { exec } = findDestination({ kubeconfig, env: {} }).user;
    assert.equal(exec.command, join(folder, 'bin/login'));
    assert.deepEqual(exec.env[0], { name: 'A', value: 'b' });
    assert.deepEqual(JSON.parse(exec.env[1].value), {
      kind: 'ExecCredential',
      apiVersion: 'client.authentication.k8s.io/v1beta1',
      spec: { interactive: false, cluster: { server: 'https://c' } },
    });
  });

  for (const [name, text, context, words] of [
    ['an unknown context', TWO, 'nowhere', /^no context "nowhere" in .*config-\d+$/],
    ['no current context', '{clusters: []}', undefined, /^no current-context in .*: name one with --context$/],
    [
      'a context of an unknown cluster',
      '{contexts: [{name: x, context: {cluster: gone}}], current-context: x}',
      undefined,
      /^no cluster "gone" in/,
    ],
    [
      'a context of an unknown user',
      '{clusters: [{name: c, cluster: {server: s}}], contexts: [{name: x, context: {cluster: c, user: gone}}], current-context: x}',
      undefined,
      /^no user "gone" in/,
    ],
    [
      'a cluster without a server',
      '{clusters: [{name: c}], contexts: [{name: x, context: {cluster: c}}], current-context: x}',
      undefined,
      /names no server$/,
    ],
    [
      'impersonated groups',
      '{clusters: [{name: c, cluster: {server: s}}], users: [{name: u, user: {as: a, as-groups: [g]}}], contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}',
      undefined,
      /as-groups/,
    ],
    ['broken YAML', 'users:\n- token: "the-secret', undefined, /is no YAML: \w+ in line 2$/],
    ['something else', '- the-secret', undefined, /is no kubeconfig$/],
  ] as const) {
    it(`is refused for ${name}, in words that show no secret`, () => {
      assert.throws(
        () => findDestination({ kubeconfig: file(text), context, env: {} }),
        (error: Error) => words.test(error.message) && !/the-secret/.test(error.message),
      );
    });
  }

  it('that is named must exist', () => {
    assert.throws(
      () => findDestination({ kubeconfig: join(folder, 'gone'), env: {} }),
      /there is no kubeconfig .*gone/,
    );
  });
});

describe('without --kubeconfig', () => {
  it('the files of KUBECONFIG count together, the first one that has an entry wins, and missing ones are skipped', () => {
    const first = file('{users: [{name: dev, user: {token: first}}], current-context: prod}');
    const env = { KUBECONFIG: [join(folder, 'gone'), first, file(TWO)].join(delimiter) };
    assert.equal(findDestination({ env }).cluster.server, 'https://prod.test');
    assert.equal(findDestination({ env, context: 'dev' }).user.token, 'first');
  });

  it('~/.kube/config is next', () => {
    mkdirSync(join(folder, '.kube'));
    file(TWO, '.kube/config');
    assert.equal(findDestination({ env: { HOME: folder, KUBECONFIG: '' } }).cluster.server, 'https://dev.test:6443');
  });

  for (const [host, port, server] of [
    ['10.96.0.1', '443', 'https://10.96.0.1:443'],
    ['fd00::1', '6443', 'https://[fd00::1]:6443'],
  ] as const) {
    it(`the service account of the Pod is last: ${server}`, () => {
      const serviceAccount = mkdtempSync(join(folder, 'sa-'));
      writeFileSync(join(serviceAccount, 'token'), 't');
      writeFileSync(join(serviceAccount, 'namespace'), 'nightshift\n');
      const env = { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port, HOME: '/nonexistent' };
      assert.deepEqual(findDestination({ env, serviceAccount }), {
        cluster: { name: 'pod', server, caFile: join(serviceAccount, 'ca.crt'), skipTLSVerify: false },
        user: {
          name: 'pod',
          authProvider: { name: 'tokenFile', config: { tokenFile: join(serviceAccount, 'token') } },
        },
        proxy: undefined,
        namespace: 'nightshift',
      });
    });
  }

  it('and without any of them it says where it looked', () => {
    assert.throws(
      () => findDestination({ env: {} }),
      /no cluster to talk to.*--kubeconfig, KUBECONFIG, ~\/\.kube\/config/,
    );
  });
});
