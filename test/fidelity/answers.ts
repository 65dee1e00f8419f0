/** What the API server answers to the worker's requests, and what its watch tells. */
import { formatInstant } from '../../src/domain/instant.ts';
import { follow, isComplete, known, restart, type Scenario, until } from './theatre.ts';

export const ANSWERS: readonly Scenario[] = [
  {
    title: 'a restart of the version that was read is accepted, and nobody has seen it yet',
    async play(on) {
      await on.deploy({ name: 'a' });
      const before = await known(on, 'a');
      const answer = await restart(on, before);
      if (answer.kind !== 'accepted') return answer;
      const { workload } = answer;
      return {
        generations: workload.generation - before.generation,
        unseen: workload.generation - workload.status.observedGeneration,
        sameTemplate: workload.template === before.template,
        record: workload.record,
      };
    },
    ends: { generations: 1, unseen: 1, sameTemplate: true, record: '{}' },
  },
  {
    title: 'of an older version it is a conflict, of a namesake too, and of what is gone it is gone',
    async play(on) {
      await on.deploy({ name: 'a' });
      const before = await known(on, 'a');
      await on.somebody.relabels('a');
      const older = await restart(on, before);
      await on.somebody.removes('a');
      const gone = await restart(on, before);
      await on.somebody.deploys({ name: 'a' });
      const namesake = await restart(on, before);
      return [older.kind, gone.kind, namesake.kind];
    },
    ends: ['conflict', 'gone', 'conflict'],
  },
  {
    title: 'a label makes a version, a record a generation, and the same restart again neither',
    async play(on) {
      await on.deploy({ name: 'a' });
      const before = await known(on, 'a');
      await on.somebody.relabels('a');
      const labelled = await known(on, 'a');
      const at = formatInstant(on.clock.now());
      await on.cluster.restart({ workload: labelled, at, record: '{}' });
      const once = await until(on, ['a', 'complete'], isComplete);
      const again = await on.cluster.restart({ workload: once, at, record: '{}' });
      const noted = await on.cluster.rewriteRecord(once, '{"outcome":"failed"}');
      if (again.kind !== 'accepted' || noted.kind !== 'accepted') return [again.kind, noted.kind];
      return {
        labelled: [labelled.resourceVersion !== before.resourceVersion, labelled.generation - before.generation],
        again: [again.workload.resourceVersion !== once.resourceVersion, again.workload.generation - once.generation],
        noted: [noted.workload.resourceVersion !== once.resourceVersion, noted.workload.generation - once.generation],
      };
    },
    ends: { labelled: [true, 0], again: [false, 0], noted: [true, 1] },
  },
  {
    title: 'what is denied is denied before it is done, and only for that workload',
    async play(on) {
      await on.deploy({ name: 'a' }, { name: 'b' });
      await on.somebody.denies('a');
      const answers = await Promise.all(['a', 'b'].map(async name => restart(on, await known(on, name))));
      const { restartedAt } = await known(on, 'a');
      return [...answers.map(({ kind }) => kind), restartedAt];
    },
    ends: ['denied', 'accepted', undefined],
  },
  {
    title: 'a watch tells of a namesake as of another object',
    async play(on) {
      await on.deploy({ name: 'a' });
      await using following = await follow(on);
      const { uid } = await known(on, 'a');
      await on.somebody.removes('a');
      await on.somebody.deploys({ name: 'a' });
      const other = await known(on, 'a');
      const isSeen = (): boolean => following.of('a').some(seen => seen.uid === other.uid);
      while (!isSeen()) await on.clock.sleep(20);
      const gone = following.seen.findIndex(entry => 'gone' in entry && entry.gone === uid);
      const born = following.seen.findIndex(entry => 'uid' in entry && entry.uid === other.uid);
      return [other.uid === uid, gone >= 0, gone < born];
    },
    ends: [false, true, true],
  },
];
