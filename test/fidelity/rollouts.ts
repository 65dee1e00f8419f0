/** What the Deployment controller makes of a restart, and of what somebody changes meanwhile. */
import type { Workload } from '../../src/domain/model.ts';
import {
  follow,
  isComplete,
  isUnderWay,
  known,
  type Part,
  restart,
  rolling,
  type Scenario,
  type Theatre,
  until,
} from './theatre.ts';

/**
 * Restarts one, and what could be seen from outside until `isOver`: the fewest available, and whether there were more than
 * wanted. How many more is a matter of who is quicker, the controller of Deployments or that of ReplicaSets.
 */
async function rollout(
  theatre: Theatre,
  part: Part,
  {
    meanwhile,
    isOver = isComplete,
  }: { readonly meanwhile?: () => Promise<void>; readonly isOver?: (workload: Workload) => boolean } = {},
) {
  await theatre.deploy(part);
  await using following = await follow(theatre);
  const before = await known(theatre, part.name);
  const answer = await restart(theatre, before);
  if (meanwhile !== undefined) {
    await until(theatre, [part.name, 'under way'], isUnderWay);
    await meanwhile();
  }
  const after = await until(theatre, [part.name, 'over'], isOver);
  // The watch may be behind the read.
  const isThere = ({ resourceVersion }: Workload): boolean => resourceVersion === after.resourceVersion;
  while (!following.of(part.name).some(isThere)) await theatre.clock.sleep(20);
  const states = following.of(part.name).map(({ status }) => status);
  const { updatedReplicas, availableReplicas, replicas, progressing } = after.status;
  return {
    answer: answer.kind,
    least: Math.min(...states.map(status => status.availableReplicas)),
    surges: Math.max(...states.map(status => status.replicas)) > Math.max(before.replicas, after.replicas),
    end: `${updatedReplicas} new of ${replicas}, ${availableReplicas} available, ${progressing?.reason}`,
    revisions: after.revision - before.revision,
  };
}

export const ROLLOUTS: readonly Scenario[] = [
  {
    title: 'a quarter more and less of four',
    play: on => rollout(on, { name: 'a', replicas: 4 }),
    ends: ended({ least: 3, surges: true, replicas: 4 }),
  },
  {
    title: 'one more of three, none less',
    play: on => rollout(on, { name: 'a', replicas: 3, strategy: rolling(1, 0) }),
    ends: ended({ least: 3, surges: true, replicas: 3 }),
  },
  {
    title: 'none more of three, one less',
    play: on => rollout(on, { name: 'a', replicas: 3, strategy: rolling(0, 1) }),
    ends: ended({ least: 2, surges: false, replicas: 3 }),
  },
  {
    title: 'all new beside four of which half may go',
    play: on => rollout(on, { name: 'a', replicas: 4, strategy: rolling('100%', '50%') }),
    ends: ended({ least: 2, surges: true, replicas: 4 }),
  },
  {
    title: 'a quarter more and less of one',
    play: on => rollout(on, { name: 'a', replicas: 1 }),
    ends: ended({ least: 1, surges: true, replicas: 1 }),
  },
  {
    title: 'Recreate of two',
    play: on => rollout(on, { name: 'a', strategy: { kind: 'recreate' } }),
    ends: ended({ least: 0, surges: false, replicas: 2 }),
  },
  {
    title: 'new Pods that never start leave the old ones serving, until the deadline says so',
    play: on =>
      rollout(
        on,
        { name: 'a', replicas: 4, sick: 'image', deadline: 4 },
        { isOver: ({ status }) => status.progressing?.reason === 'ProgressDeadlineExceeded' },
      ),
    ends: {
      answer: 'accepted',
      least: 3,
      surges: true,
      end: '2 new of 5, 3 available, ProgressDeadlineExceeded',
      revisions: 1,
    },
  },
  {
    title: 'scaled up meanwhile',
    play: on => rollout(on, { name: 'a', ready: 2 }, { meanwhile: () => on.somebody.scales('a', 4) }),
    ends: ended({ least: 2, surges: true, replicas: 4 }),
  },
  {
    title: 'scaled down meanwhile',
    async play(on) {
      const meanwhile = async (): Promise<void> => {
        await until(on, ['a', 'at its most'], ({ status }) => status.replicas === 5);
        await on.somebody.scales('a', 1);
      };
      return rollout(on, { name: 'a', replicas: 4, ready: 2 }, { meanwhile });
    },
    ends: ended({ least: 1, surges: true, replicas: 1 }),
  },
  {
    title: 'scaled to nothing meanwhile',
    play: on => rollout(on, { name: 'a', ready: 2 }, { meanwhile: () => on.somebody.scales('a', 0) }),
    ends: ended({ least: 0, surges: true, replicas: 0 }),
  },
  {
    title: 'another image meanwhile',
    play: on => rollout(on, { name: 'a', ready: 2 }, { meanwhile: () => on.somebody.setsImage('a') }),
    ends: ended({ least: 2, surges: true, replicas: 2, revisions: 2 }),
  },
  {
    title: 'undone meanwhile',
    play: on => rollout(on, { name: 'a', ready: 2 }, { meanwhile: () => on.somebody.undoes('a') }),
    ends: ended({ least: 2, surges: true, replicas: 2, revisions: 2 }),
  },
  {
    title: 'paused meanwhile, and going on',
    async play(on) {
      const meanwhile = async (): Promise<void> => {
        await on.somebody.pauses('a', true);
        await until(on, ['a', 'paused'], ({ status, generation }) => status.observedGeneration >= generation);
        await on.clock.sleep(1_000);
        const { paused, status } = await known(on, 'a');
        if (!paused || status.updatedReplicas > 1) throw new Error('it does not stand still');
        await on.somebody.pauses('a', false);
      };
      return rollout(on, { name: 'a', ready: 2 }, { meanwhile });
    },
    ends: ended({ least: 2, surges: true, replicas: 2 }),
  },
];

interface Complete {
  readonly least: number;
  readonly surges: boolean;
  readonly replicas: number;
  readonly revisions?: number;
}

function ended({ least, surges, replicas, revisions = 1 }: Complete) {
  const end = `${replicas} new of ${replicas}, ${replicas} available, NewReplicaSetAvailable`;
  return { answer: 'accepted', least, surges, end, revisions };
}
