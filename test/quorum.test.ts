import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Budget } from '../src/domain/budget.ts';
import { OutOfReach } from '../src/ports.ts';
import { aRestart, SECOND } from './build.ts';
import { walk, type WalkWorld } from './walk.ts';

const SET = {
  name: 'db',
  kind: 'StatefulSet' as const,
  strategy: { kind: 'rollingUpdate' as const, maxSurge: 0, maxUnavailable: 1 },
};
const KEY = 'shop/db (StatefulSet)';

const allowing = (allowed: number): Budget => ({
  name: 'shop/quorum',
  minAvailable: 2,
  counted: { expected: 3, allowed, isFailing: false },
});

/** One StatefulSet whose budget allowed one Pod less when the plan was made; `later` is what it says since, by seconds. */
async function night(
  later: (seconds: number) => Budget,
  restart = aRestart(SET),
  before: readonly Budget[] = [allowing(1)],
) {
  let asked = 0;
  const { outcomes, executed, flights } = await walk({
    restarts: [restart],
    before: ({ cluster, clock }: WalkWorld) => {
      cluster.budgetsOf.set(KEY, before);
      cluster.budgets = () => {
        asked++;
        return Promise.resolve([later(clock.elapsed() / SECOND)]);
      };
    },
  });
  const left = executed.left.map(({ why }) => why);
  return { outcomes, left, asked, startedAt: flights[0]?.from, ending: executed.ending?.kind };
}

describe('the budgets of a StatefulSet, asked again right before its rollout,', () => {
  test('let it start while they allow what it takes', async () => {
    const { outcomes, left, asked } = await night(() => allowing(1));
    assert.deepEqual({ outcomes, left, asked }, { outcomes: ['db restarted'], left: [], asked: 1 });
  });

  test('keep it back where another Pod of the quorum is missing by now', async () => {
    const { outcomes, left } = await night(() => allowing(0));
    assert.deepEqual({ outcomes, left }, { outcomes: [], left: ['budgetForbids'] });
  });

  test('are waited for while a Pod has just come back', async () => {
    const { outcomes, left, asked } = await night(seconds => allowing(seconds < 7 ? 0 : 1));
    assert.deepEqual({ outcomes, left, asked }, { outcomes: ['db restarted'], left: [], asked: 5 });
  });

  test('are asked although nobody had counted them, or there were none, when the plan was made', async () => {
    for (const before of [[{ name: 'shop/quorum', minAvailable: 2 }], []]) {
      const { outcomes, left } = await night(() => allowing(0), aRestart(SET), before);
      assert.deepEqual({ outcomes, left }, { outcomes: [], left: ['budgetForbids'] });
    }
  });

  test('are no matter of others', async () => {
    const { outcomes, asked } = await night(() => allowing(0), aRestart({ name: 'db' }));
    assert.deepEqual({ outcomes, asked }, { outcomes: ['db restarted'], asked: 0 });
  });

  test('that cannot be read end the run', async () => {
    const { outcomes, ending } = await night(() => {
      throw new OutOfReach('no answer');
    });
    assert.deepEqual({ outcomes, ending }, { outcomes: [], ending: 'error' });
  });
});
