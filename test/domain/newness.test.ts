import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KINDS } from '../../src/domain/model.ts';
import { isOfRestart } from '../../src/domain/newness.ts';
import { aPod, LAST_MONTH, SECOND, T } from '../build.ts';

const AT = Date.parse(T);

describe('a restart made the Pod', () => {
  for (const kind of KINDS.filter(one => one !== 'Rollout')) {
    for (const { because, restartedAt, createdAt, made } of [
      { because: 'when it carries T, whatever the clocks say', restartedAt: T, createdAt: LAST_MONTH, made: true },
      { because: 'not when it carries nothing, however young', restartedAt: undefined, createdAt: AT + 1, made: false },
      { because: 'not when it carries another T', restartedAt: '2026-11-01T01:00:00Z', createdAt: AT + 1, made: false },
    ]) {
      test(`of a ${kind} ${because}`, () => {
        assert.equal(isOfRestart(aPod({ restartedAt, createdAt }), { kind, at: T }), made);
      });
    }
  }

  for (const { because, createdAt, made } of [
    { because: 'not when it was created a second before T', createdAt: AT - SECOND, made: false },
    { because: 'when it was created in the second of T, as its controller has it', createdAt: AT, made: true },
    { because: 'when it was created after T', createdAt: AT + SECOND, made: true },
    { because: 'not when nobody tells when it was created', createdAt: 0, made: false },
  ]) {
    test(`of a Rollout ${because}, whatever its template says`, () => {
      for (const restartedAt of [undefined, T]) {
        assert.equal(isOfRestart(aPod({ restartedAt, createdAt }), { kind: 'Rollout', at: T }), made);
      }
    });
  }

  test('of a Rollout not when T is no time', () => {
    assert.equal(isOfRestart(aPod({ createdAt: AT }), { kind: 'Rollout', at: 'soon' }), false);
  });
});
