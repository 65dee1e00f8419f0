import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { formatImage, imageMatches, mayOverlap, parseImage, parseImagePattern } from '../../src/domain/image.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('a reference means', () => {
  for (const [text, meant] of [
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['istio/proxyv2:1.24.2', 'docker.io/istio/proxyv2:1.24.2'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['index.docker.io/library/nginx:1', 'docker.io/library/nginx:1'],
    ['localhost/app', 'localhost/app:latest'],
    ['registry:5000/app', 'registry:5000/app:latest'],
    ['registry.example/team/app:1', 'registry.example/team/app:1'],
    [`app@${DIGEST}`, `docker.io/library/app@${DIGEST}`],
    [`app:1@${DIGEST}`, `docker.io/library/app:1@${DIGEST}`],
  ] as const) {
    test(`${text} -> ${meant}`, () => assert.equal(formatImage(parseImage(text)), meant));
  }

  test('the same when it is spelled out', () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const name = fc.array(part, { minLength: 1, maxLength: 3 }).map(parts => parts.join('/'));
    fc.assert(
      fc.property(name, fc.option(part), (repository, tag) => {
        const spelled = formatImage(parseImage(tag === null ? repository : `${repository}:${tag}`));
        assert.equal(formatImage(parseImage(spelled)), spelled);
      }),
    );
  });

  test('something whatever the text', () => {
    fc.assert(fc.property(fc.string(), text => assert.equal(typeof formatImage(parseImage(text)), 'string')));
  });
});

describe('a pattern', () => {
  const matches = (pattern: string, image: string, imageId?: string): boolean | undefined => {
    const parsed = parseImagePattern(pattern);
    assert.ok(!('problem' in parsed), pattern);
    return imageMatches(formatImage(parsed), { image, imageId });
  };

  for (const [pattern, image, expected] of [
    ['istio/proxyv2:1.24.*', 'docker.io/istio/proxyv2:1.24.2', true],
    ['istio/proxyv2:1.24.*', 'docker.io/istio/proxyv2:1.25.0', false],
    ['istio/proxyv2:1.24.*', 'istio/proxyv2:1.24.2-distroless', true],
    ['istio/proxyv2', 'istio/proxyv2:latest', true],
    ['istio/proxyv2', 'istio/proxyv2:1', false],
    ['istio/proxyv2:*', `istio/proxyv2@${DIGEST}`, true],
    ['istio/proxyv2:1', `istio/proxyv2@${DIGEST}`, false],
    ['istio/proxyv2:1', `istio/proxyv2:1@${DIGEST}`, true],
    ['*/proxyv2:1', 'gcr.io/istio-release/proxyv2:1', true],
    ['*/proxyv2:1', 'gcr.io/istio-release/proxyv20:1', false],
    ['*.example/app:1', 'eu.registry.example/app:1', true],
    [`istio/proxyv2@${DIGEST}`, `istio/proxyv2:1@${DIGEST}`, true],
    [`other@${DIGEST}`, `istio/proxyv2:1@${DIGEST}`, false],
  ] as const) {
    test(`${pattern} ${expected ? 'means' : 'does not mean'} ${image}`, () => {
      assert.equal(matches(pattern, image), expected);
    });
  }

  test('with a digest says nothing while the node has not told what it runs', () => {
    const pattern = `istio/proxyv2:1.24.2@${DIGEST}`;
    assert.equal(matches(pattern, 'istio/proxyv2:1'), undefined);
    assert.equal(matches(pattern, 'istio/proxyv2:1', `mirror.example/istio/proxyv2@${DIGEST}`), true);
    assert.equal(matches(pattern, 'istio/proxyv2:1', `docker-pullable://istio/proxyv2@${DIGEST}`), true);
    assert.equal(matches(pattern, 'istio/proxyv2:1', `istio/proxyv2@${DIGEST.replace('0', '1')}`), false);
  });

  for (const [pattern, problem] of [
    ['*', 'every image'],
    ['*:*', 'every image'],
    ['app:', 'no tag'],
    ['/app:1', 'no repository'],
    ['a//b', 'no repository'],
    ['app@sha256:abc', 'a digest is'],
    ['app@1.2', 'a digest is'],
  ] as const) {
    test(`${pattern} is none: ${problem}`, () => {
      const parsed = parseImagePattern(pattern);
      assert.ok('problem' in parsed && parsed.problem.includes(problem), JSON.stringify(parsed));
    });
  }
});

describe('a star', () => {
  const meaning = (pattern: string, image: string): boolean | undefined => {
    const parsed = parseImagePattern(pattern);
    assert.ok(!('problem' in parsed), pattern);
    return imageMatches(formatImage(parsed), { image, imageId: undefined });
  };

  test('in the first part stands for a registry, and for a part of a name below the default one', () => {
    assert.equal(meaning('nginx*:1.27', 'nginx:1.27'), true);
    assert.equal(meaning('istio*/proxyv2:1.27', 'istio/proxyv2:1.27'), true);
    assert.equal(meaning('*/proxyv2:1.27', 'mirror.example/istio/proxyv2:1.27'), true);
  });

  test('in a name asks for a tag, because nobody knows whether latest is meant', () => {
    for (const pattern of ['docker.io/istio/*', 'proxyv2*']) {
      const parsed = parseImagePattern(pattern);
      assert.ok('problem' in parsed && parsed.problem.includes(`${pattern}:*`), pattern);
    }
  });

  test('may not stand for every image', () => {
    for (const pattern of ['*/*:*', '*o*:*', '*.*:*']) assert.ok('problem' in parseImagePattern(pattern), pattern);
  });
});

describe('two patterns may mean one image', () => {
  const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
  for (const [one, other, expected] of [
    ['a:1', 'a:1', true],
    ['a:1', 'a:2', false],
    ['a:1', 'b:1', false],
    ['a:1*', 'a:1.2', true],
    ['a:1*', 'a:2*', false],
    ['a:1*', 'a:*-distroless', true],
    [`a@${digest('1')}`, 'a:1', true],
    [`a@${digest('1')}`, 'b:1', false],
    [`a@${digest('1')}`, `a@${digest('2')}`, false],
  ] as const) {
    test(`${one} and ${other}: ${expected}`, () => {
      const [a, b] = [one, other].map(text => {
        const parsed = parseImagePattern(text);
        assert.ok(!('problem' in parsed));
        return formatImage(parsed);
      });
      assert.equal(mayOverlap(a ?? '', b ?? ''), expected);
    });
  }
});
