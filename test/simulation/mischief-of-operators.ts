import { edited } from './draft.ts';
import type { Mischief } from './mischief.ts';
import type { Stage } from './stage.ts';
import type { InjectorState } from './injector.ts';
import { keyOf } from '../../src/domain/model.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

function edit(change: 'limits' | 'criteria' | 'freeze'): Mischief {
  return ({ board, injector }, random) => {
    board.edit(edited(board.draft, random, change, injector.version + random.int(0, 1)));
    return board.text;
  };
}

function injectorAway(state: InjectorState): Mischief {
  return (stage, random) => {
    stage.injectorGoes(state);
    const minutes = random.pick([0.2, 2, 10, 60]);
    stage.timeline.after(minutes * MINUTE, () => stage.injectorGoes('up'));
    return `for ${minutes} min`;
  };
}

/** The stop and the failures are gone with the rest. */
function lose({ court }: Stage, how: () => void): void {
  how();
  court.losesAll();
}

/** What operators do, and what breaks around them. */
export const OPERATOR_MISCHIEF = {
  upgrade: (({ injector, court, timeline }) => {
    injector.version++;
    court.injectorChangedAt = timeline.now;
    return `the injector, to ${injector.version}`;
  }) satisfies Mischief,
  injectorFails: injectorAway('failing'),
  injectorIgnored: injectorAway('ignored'),
  editLimits: edit('limits'),
  editCriteria: edit('criteria'),
  freeze: edit('freeze'),
  spoilPolicy: (({ board, timeline }, random) => {
    if (!board.isValid) return undefined;
    board.spoil();
    timeline.after(random.int(1, 30) * MINUTE, () => board.edit(board.draft));
    return 'for some minutes';
  }) satisfies Mischief,
  deleteCheckpoint: ((stage, random) => {
    lose(stage, () => stage.configMap.remove());
    stage.timeline.after(random.int(1, 30) * MINUTE, () => lose(stage, () => stage.configMap.recreate()));
    return 'the ConfigMap';
  }) satisfies Mischief,
  emptyCheckpoint: (stage => {
    if (!stage.configMap.exists) return undefined;
    lose(stage, () => stage.configMap.put(undefined));
    return 'its content';
  }) satisfies Mischief,
  corruptCheckpoint: ((stage, random) => {
    const { configMap, timeline } = stage;
    const text = configMap.text;
    if (!configMap.exists || text === undefined) return undefined;
    const place = random.int(0, text.length - 1);
    const damaged = random.pick([text.slice(0, place), text.replace('"number":', '"number":1'), '{}', '[]']);
    lose(stage, () => configMap.put(damaged));
    timeline.after(random.int(1, 20) * MINUTE, () => {
      if (configMap.exists && configMap.text === damaged) lose(stage, () => configMap.put(undefined));
    });
    return damaged;
  }) satisfies Mischief,
  relabelCheckpoint: (({ configMap }) => {
    if (!configMap.exists) return undefined;
    configMap.put(configMap.text);
    return 'a label';
  }) satisfies Mischief,
  storm: (({ network, timeline }, random) => {
    const before = network.trouble;
    network.trouble = random.pick([0.3, 0.6, 0.9]);
    timeline.after(random.int(10, 600) * SECOND, () => (network.trouble = before));
    return `trouble ${network.trouble}`;
  }) satisfies Mischief,
  outage: (({ network, timeline }, random) => {
    network.isDown = true;
    const seconds = random.pick([5, 25, 60, 150, 600]);
    timeline.after(seconds * SECOND, () => (network.isDown = false));
    return `for ${seconds} s`;
  }) satisfies Mischief,
  /** etcd is slow: every write takes its time. */
  sluggish: (({ network, timeline }, random) => {
    network.isSluggish = true;
    const minutes = random.int(1, 10);
    timeline.after(minutes * MINUTE, () => (network.isSluggish = false));
    return `for ${minutes} min`;
  }) satisfies Mischief,
  /** Watches tell nothing for a while. */
  stall: (({ network, timeline }, random) => {
    network.isStalled = true;
    const minutes = random.int(1, 10);
    timeline.after(minutes * MINUTE, () => (network.isStalled = false));
    return `for ${minutes} min`;
  }) satisfies Mischief,
  deny: ((stage, random) => {
    const all = stage.workloads();
    if (all.length === 0) return undefined;
    const key = keyOf(random.pick(all));
    stage.cosmos.denied.add(key);
    stage.timeline.after(random.int(1, 60) * MINUTE, () => stage.cosmos.denied.delete(key));
    return key;
  }) satisfies Mischief,
  forbid: (({ cosmos, timeline }, random) => {
    cosmos.rights.mayPatch = false;
    timeline.after(random.int(1, 20) * MINUTE, () => (cosmos.rights.mayPatch = true));
    return 'patch deployments';
  }) satisfies Mischief,
};
