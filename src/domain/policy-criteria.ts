import * as z from 'zod';
import * as rules from './policy-rules.ts';
import * as of from './policy-values.ts';
import { FIELDS } from './shape.ts';

/** What makes a workload stale, as a policy says it. */

/** The kinds of criteria: the keys that each needs, and those that it may have beside them. */
const AGE = { needs: ['podOlderThan'] };
const IMAGE = { needs: ['container', 'imageNot'] };
const INJECTION = { needs: ['injection'], may: ['containers', 'fields', 'mayLack'] };
const CONFIG = { needs: ['configChanged'] };
const CRITERIA: readonly rules.KeysOfOneKind[] = [AGE, IMAGE, INJECTION, CONFIG];

const criterion = of
  .mapping({
    podOlderThan: of.age().optional().describe('A live Pod is older than this when the sweep begins.'),
    container: of.containerName().optional().describe('The container, or init container, whose image counts.'),
    imageNot: of
      .someOf(of.image(), 'images')
      .optional()
      .describe(
        'A live Pod has this container with an image that is none of these. References with * for any text; one with a digest is compared with what the node runs.',
      ),
    injection: z
      .literal('drift', { error: 'drift' })
      .optional()
      .describe('A Pod created now would get something else from admission (a sidecar injector) than a live Pod has.'),
    containers: of
      .someOf(of.containerName(), 'names of containers')
      .optional()
      .describe('The only containers whose drift counts for injection. Default: all, and the annotations of the Pod.'),
    fields: of
      .someOf(z.enum(FIELDS, { error: `one of ${FIELDS.join(', ')}` }), 'fields')
      .optional()
      .describe(
        'The only fields that count for injection. Default: all of a container that admission adds; of one that the template has image, args, env and mounts.',
      ),
    mayLack: of
      .someOf(of.containerName(), 'names of containers')
      .optional()
      .describe(
        'Containers that are meant to be gone, or to lose something that was injected. Whatever else a new Pod would lack makes it unknown, because its injector may be down.',
      ),
    configChanged: of
      .mapping(
        {
          volumes: z
            .boolean({ error: 'true or false' })
            .default(false)
            .describe('Whether mounted volumes count too, which change under a running container.'),
          secrets: z
            .boolean({ error: 'true or false' })
            .default(false)
            .describe('Whether Secrets count too; needs the right to list them.'),
        },
        ' or {} for the defaults',
      )
      .optional()
      .describe('A live Pod is older than the last change of a ConfigMap that it read at its start.'),
    way: of.way().optional().describe('How to restart what matches this one. Default: restart.way.'),
  })
  .meta({ oneOf: CRITERIA.map(kind => rules.onlyKeysOf(kind, CRITERIA)) })
  .superRefine(rules.oneKindOf(CRITERIA), rules.given())
  .transform(({ podOlderThan, container, imageNot, injection, containers, fields, mayLack, configChanged, way }) => {
    const by = way === undefined ? {} : { way };
    if (podOlderThan !== undefined) return { kind: 'podOlderThan' as const, age: podOlderThan, ...by };
    if (container !== undefined && imageNot !== undefined) {
      return { kind: 'containerImage' as const, container, imageNot: [...new Set(imageNot)].toSorted(), ...by };
    }
    if (injection !== undefined) {
      const named = { containers: sortedSet(containers), fields: sortedSet(fields), mayLack: sortedSet(mayLack) ?? [] };
      return { kind: 'injection' as const, ...named, ...by };
    }
    if (configChanged !== undefined) return { kind: 'configChanged' as const, ...configChanged, ...by };
    return z.NEVER; // refused above
  });

/** Null where nothing is named: everything counts. */
const sortedSet = <Item extends string>(items: readonly Item[] | undefined): readonly Item[] | null =>
  items === undefined ? null : [...new Set(items)].toSorted();

export const stale = of
  .someOf(criterion, 'criteria')
  .describe('What makes a workload stale; any one is enough. At least one.')
  .superRefine(rules.someImageIsFresh, rules.givenList);
