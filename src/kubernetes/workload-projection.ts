import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Kind, Namespace, Needs, Owner, Workload } from '../domain/model.ts';
import { DOWNTIME, LAST_RESTART, PRIORITY, RESTART_OPT_OUT, RESTARTED_AT, WAY } from '../domain/model.ts';
import type { Interner } from './interner.ts';
import { podTemplateOf, translationOf } from './kinds.ts';
import { at, canonical, countAt, isRecord, listAt, textAt, textsAt } from './json.ts';

/**
 * A workload as the API server sends it, whatever its kind, reduced to what nightshift judges and watches; in a
 * large inventory without its Pod template, unless that is needed. Items of lists do not say what they are. Never throws.
 */
export function projectWorkload(
  object: unknown,
  kind: Kind,
  interner: Interner,
  needs: Pick<Needs, 'shapes'> = { shapes: true },
): Workload {
  const { restartedAt, replicasOf, strategyOf, statusOf, revisionOf, awaitsOf } = translationOf(kind);
  const annotations = at(object, 'metadata', 'annotations');
  const templateAnnotations = at(object, 'spec', 'template', 'metadata', 'annotations');
  return {
    kind,
    namespace: interner.text(textAt(object, 'metadata', 'namespace') ?? ''),
    name: textAt(object, 'metadata', 'name') ?? '',
    uid: textAt(object, 'metadata', 'uid') ?? '',
    resourceVersion: textAt(object, 'metadata', 'resourceVersion') ?? '',
    generation: countAt(object, 'metadata', 'generation'),
    labels: labelsOf(object, interner),
    optedOut: isNever(annotations) || isNever(templateAnnotations),
    downtimeAllowed: textAt(annotations, DOWNTIME) === 'allow',
    way: boundedAt(annotations, WAY, LONGEST_VALUE),
    priority: boundedAt(annotations, PRIORITY, LONGEST_VALUE),
    record: boundedAt(annotations, LAST_RESTART, LONGEST_RECORD),
    owner: ownerOf(object),
    deleting: isBeingDeleted(object),
    paused: at(object, 'spec', 'paused') === true,
    replicas: replicasOf(object),
    strategy: strategyOf(object),
    selector: interner.text(selectorText(at(object, 'spec', 'selector'))),
    restartedAt: textAt(object, ...restartedAt)?.slice(0, LONGEST_VALUE),
    template: templateHash(at(object, 'spec', 'template'), kind),
    podTemplate: needs.shapes ? packed(podTemplateOf(object, kind)) : undefined,
    revision: revisionOf(object),
    awaits: awaitsOf(object)?.slice(0, LONGEST_VALUE),
    status: statusOf(at(object, 'status')),
  };
}

/** Of a time or a number. Annotations may take 256 KiB of each workload, and five thousand of these would not fit. */
export const LONGEST_VALUE = 400;
/** As the guard has it; ours are a tenth of that. */
const LONGEST_RECORD = 16 * 1024;

/** Undefined, too, where what stands there is too long to be one of ours. */
function boundedAt(annotations: unknown, name: string, most: number): string | undefined {
  const text = textAt(annotations, name);
  return text !== undefined && text.length <= most ? text : undefined;
}

/** The one that is its controller; others only keep it from being forgotten. */
export function ownerOf(object: unknown): Owner | undefined {
  const owner = listAt(object, 'metadata', 'ownerReferences').find(one => at(one, 'controller') === true);
  if (owner === undefined) return undefined;
  const [group = ''] = (textAt(owner, 'apiVersion') ?? '').split('/').slice(0, -1);
  const kind = [textAt(owner, 'kind') ?? '', group].filter(part => part !== '').join('.');
  return { kind: kind.slice(0, LONGEST_VALUE), name: (textAt(owner, 'name') ?? '').slice(0, LONGEST_VALUE) };
}

/** Five thousand templates of some kilobytes would not fit as they are. */
function packed(template: unknown): Uint8Array {
  return deflateRawSync(JSON.stringify(template ?? {}));
}

/** The template that `projectWorkload` kept. */
export function unpacked(template: Uint8Array): unknown {
  return JSON.parse(inflateRawSync(template).toString());
}

/** What nightshift needs to know of a Namespace. Never throws. */
export function projectNamespace(namespace: unknown, interner: Interner): Namespace {
  return {
    name: interner.text(textAt(namespace, 'metadata', 'name') ?? ''),
    labels: labelsOf(namespace, interner),
    optedOut: isNever(at(namespace, 'metadata', 'annotations')),
    deleting: isBeingDeleted(namespace) || textAt(namespace, 'status', 'phase') === 'Terminating',
  };
}

/** Whether somebody has asked to delete the object. */
export function isBeingDeleted(object: unknown): boolean {
  return textAt(object, 'metadata', 'deletionTimestamp') !== undefined;
}

/**
 * The first eight hex digits of the SHA-256 of the Pod template without restartedAt, where the restart of the kind is in it. Nulls and an empty annotations
 * map count as absent, because API servers differ in whether they send them.
 */
export function templateHash(template: unknown, kind: Kind): string {
  const isInTemplate = translationOf(kind).restartedAt.includes('template');
  return createHash('sha256')
    .update(canonical(isInTemplate ? withoutRestartedAt(template) : template))
    .digest('hex')
    .slice(0, 8);
}

function withoutRestartedAt(template: unknown): unknown {
  const metadata = at(template, 'metadata');
  const annotations = at(metadata, 'annotations');
  if (!isRecord(template) || !isRecord(metadata) || !isRecord(annotations)) return template;
  const { [RESTARTED_AT]: _, ...others } = annotations;
  const { annotations: __, ...rest } = metadata;
  return { ...template, metadata: Object.keys(others).length === 0 ? rest : { ...rest, annotations: others } };
}

/** A label selector as the `labelSelector` parameter of a list spells it (k8s.io/apimachinery pkg/labels). */
export function selectorText(selector: unknown): string {
  const labels = Object.entries(textsAt(selector, 'matchLabels')).map(([key, value]) => `${key}=${value}`);
  const expressions = listAt(selector, 'matchExpressions').map(expression => {
    const key = textAt(expression, 'key') ?? '';
    const values = listAt(expression, 'values')
      .filter(value => typeof value === 'string')
      .join(',');
    switch (textAt(expression, 'operator')) {
      case 'In':
        return `${key} in (${values})`;
      case 'NotIn':
        return `${key} notin (${values})`;
      case 'Exists':
        return key;
      case 'DoesNotExist':
        return `!${key}`;
      default:
        return '';
    }
  });
  return [...labels, ...expressions].filter(part => part !== '').join(',');
}

function labelsOf(object: unknown, interner: Interner): Record<string, string> {
  const labels = textsAt(object, 'metadata', 'labels');
  for (const [key, value] of Object.entries(labels)) labels[key] = interner.text(value);
  return labels;
}

function isNever(annotations: unknown): boolean {
  return textAt(annotations, RESTART_OPT_OUT) === 'never';
}
