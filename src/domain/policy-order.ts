import * as z from 'zod';
import * as rules from './policy-rules.ts';
import * as of from './policy-values.ts';

/** Which workloads go first, as a policy says it. */

const LABEL = { needs: ['label', 'values'] };
const NAMESPACES = { needs: ['namespaces'] };
const RULES: readonly rules.KeysOfOneKind[] = [LABEL, NAMESPACES];

const rule = of
  .mapping({
    label: of.labelKey().optional().describe('A label of the workload.'),
    values: of
      .someOf(of.labelValue(), 'values of the label')
      .optional()
      .describe('Its values, the first first. Workloads with another value, or without the label, come after them.'),
    namespaces: of
      .someOf(of.namespaceGlob(), 'Namespace globs')
      .optional()
      .describe('Globs of Namespaces, the first first. Workloads in others come after them.'),
  })
  .meta({ oneOf: RULES.map(kind => rules.onlyKeysOf(kind, RULES)) })
  .superRefine(rules.oneKindOf(RULES), rules.given())
  .transform(({ label, values, namespaces }) => {
    if (label !== undefined && values !== undefined) return { kind: 'label' as const, label, values };
    if (namespaces !== undefined) return { kind: 'namespaces' as const, namespaces };
    return z.NEVER; // refused above
  });

export const order = of
  .list(rule, 'rules, each { label: KEY, values: [...] } or { namespaces: [...] }')
  .prefault([])
  .describe(
    'What goes first. The annotation nightshift/priority comes before these rules, each rule before the next, and the age of the oldest Pod after them.',
  );
