import type { Admission } from './drift.ts';
import { annotationsOf, CHANCE, containersOf, encodeContainers, encodeValues, FIELDS, type Values } from './shape.ts';

/**
 * Two admissions of one template as one: what differs between them is chance, and counts for nothing. A container that
 * only one of them has is left out, so that Pods which have it are not judged.
 */
export function withoutChance(first: Admission, second: Admission): Admission {
  if (first.kind === 'refused' || second.kind === 'refused') return second;
  const others = containersOf(second.pod);
  const containers = [...containersOf(first.pod)].flatMap(([name, container]) => {
    const other = others.get(name);
    if (other === undefined) return [];
    const fields = FIELDS.map(field => [field, agreed(container[field], other[field])] as const);
    return [[name, Object.fromEntries(fields)] as const];
  });
  const annotations = agreed(annotationsOf(first.pod), annotationsOf(second.pod));
  const pod = {
    containers: encodeContainers(Object.fromEntries(containers)),
    annotations: encodeValues(annotations),
  };
  return { ...first, pod };
}

function agreed(first: Values = {}, second: Values = {}): Values {
  const names = new Set([...Object.keys(first), ...Object.keys(second)]);
  return Object.fromEntries(
    [...names].map(name => [name, first[name] === second[name] ? (first[name] ?? '') : CHANCE]),
  );
}
