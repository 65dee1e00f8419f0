import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { movedLately } from '../../src/domain/autoscaler.ts';
import { anAutoscaler, MINUTE, NOW } from '../build.ts';

describe('an autoscaler has moved lately', () => {
  for (const [because, lastScaled, moved] of [
    ['not when it never did', undefined, false],
    ['when it just did', NOW, true],
    ['when it did not quite five minutes ago', NOW - 5 * MINUTE + 1, true],
    ['not when it did five minutes ago', NOW - 5 * MINUTE, false],
    ['when our clock is a little behind', NOW + MINUTE, true],
    ['not when that is absurd', Date.parse('9999-12-31T00:00:00Z'), false],
  ] as const) {
    test(because, () => assert.equal(movedLately(anAutoscaler({ lastScaled }), NOW), moved));
  }

  test('not where there is none', () => assert.equal(movedLately(undefined, NOW), false));
});
