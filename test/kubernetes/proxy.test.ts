import assert from 'node:assert/strict';
import { it } from 'node:test';
import { proxyFor } from '../../src/kubernetes/proxy.ts';

const PROXY = 'http://proxy.test:3128';

for (const [server, env, expected] of [
  ['https://api.example.com', {}, undefined],
  ['https://api.example.com', { HTTPS_PROXY: PROXY }, PROXY],
  ['https://api.example.com', { https_proxy: PROXY }, PROXY],
  ['https://api.example.com', { HTTPS_PROXY: 'proxy.test:3128' }, PROXY],
  ['https://api.example.com', { HTTPS_PROXY: '' }, undefined],
  ['https://api.example.com', { HTTP_PROXY: PROXY }, undefined],
  ['http://api.example.com', { HTTP_PROXY: PROXY }, PROXY],
  ['https://127.0.0.1:6443', { HTTPS_PROXY: PROXY }, undefined],
  ['https://localhost:6443', { HTTPS_PROXY: PROXY }, undefined],
  ['https://[::1]:6443', { HTTPS_PROXY: PROXY }, undefined],
  ['https://api.example.com', { HTTPS_PROXY: PROXY, NO_PROXY: '*' }, undefined],
  ['https://api.example.com', { HTTPS_PROXY: PROXY, no_proxy: 'a.test, example.com' }, undefined],
  ['https://api.example.com', { HTTPS_PROXY: PROXY, NO_PROXY: '.example.com' }, undefined],
  ['https://api.example.com', { HTTPS_PROXY: PROXY, NO_PROXY: '*.example.com' }, undefined],
  ['https://example.com', { HTTPS_PROXY: PROXY, NO_PROXY: '.example.com' }, PROXY],
  ['https://API.example.com', { HTTPS_PROXY: PROXY, NO_PROXY: 'Example.Com' }, undefined],
  ['https://notexample.com', { HTTPS_PROXY: PROXY, NO_PROXY: 'example.com' }, PROXY],
  ['https://api.example.com:6443', { HTTPS_PROXY: PROXY, NO_PROXY: 'example.com:6443' }, undefined],
  ['https://api.example.com:6443', { HTTPS_PROXY: PROXY, NO_PROXY: 'example.com:443' }, PROXY],
  ['https://api.example.com', { HTTPS_PROXY: PROXY, NO_PROXY: 'example.com:443' }, undefined],
  ['https://10.96.0.1', { HTTPS_PROXY: PROXY, NO_PROXY: '10.96.0.0/12' }, undefined],
  ['https://10.96.0.1', { HTTPS_PROXY: PROXY, NO_PROXY: '192.168.0.0/16,10.96.0.1' }, undefined],
  ['https://10.196.0.1', { HTTPS_PROXY: PROXY, NO_PROXY: '10.96.0.0/12' }, PROXY],
  ['https://[fd00::1]', { HTTPS_PROXY: PROXY, NO_PROXY: 'fd00::/8' }, undefined],
  ['https://[fd00::1]:6443', { HTTPS_PROXY: PROXY, NO_PROXY: '[fd00::1]:6443' }, undefined],
  ['https://10.96.0.1', { HTTPS_PROXY: PROXY, NO_PROXY: '10.96.0.0/99, /8, ,' }, PROXY],
] as const) {
  it(`${server} with ${JSON.stringify(env)} goes ${expected === undefined ? 'directly' : `through ${expected}`}`, () => {
    assert.equal(proxyFor(new URL(server), env), expected);
  });
}
