/**
 * What somebody who has stolen the worker's token may try, and what the guard says to it. The Deployment `shop/web` was
 * restarted by nightshift at T; the Pod `shop/victim` is somebody's.
 */
import { LAST_RESTART, RESTARTED_AT } from '../../src/domain/model.ts';
import { formatRecord, type RestartRecord } from '../../src/domain/record.ts';
import { aRecord } from '../build.ts';

export const T = '2026-11-24T01:05:00Z';
export const LATER = '2026-11-24T01:05:01Z';
export const DEPLOYMENTS = '/apis/apps/v1/namespaces/shop/deployments';
export const WEB = `${DEPLOYMENTS}/web`;

export const WISHES = {
  namespace: 'shop',
  name: 'web',
  labels: { team: 'shop' },
  annotations: { owner: 'shop' },
  podAnnotations: { scrape: 'yes' },
};

/** A record as the worker writes it, of a restart at LATER. */
export const recordWith = (given: Partial<RestartRecord> = {}): string =>
  formatRecord(aRecord({ at: LATER, template: '0123abcd', before: T, ...given }));

/** The two annotations as a merge patch; null takes one away. */
export const restartWith = (at: string | null = LATER, record: string | null = recordWith()): object => ({
  metadata: { annotations: { [LAST_RESTART]: record } },
  spec: { template: { metadata: { annotations: { [RESTARTED_AT]: at } } } },
});

/** More than a restart: a merge patch, and the place that the guard must name. */
export type Change = readonly [what: string, patch: object, place: string];

const ofDeployment = (metadata: object) => ({ metadata });
const ofSpec = (spec: object) => ({ spec });
const ofTemplate = (metadata: object) => ofSpec({ template: { metadata } });
const ofPods = (spec: object) => ofSpec({ template: { spec } });
const ofContainer = (more: object) => ofPods({ containers: [{ name: 'app', image: 'example.test/app:1', ...more }] });
const PODS = 'spec.template.spec';
const OWNER = { apiVersion: 'v1', kind: 'ConfigMap', name: 'mine', uid: '11111111-2222-3333-4444-555555555555' };

export const CHANGES: readonly Change[] = [
  ['another image', ofContainer({ image: 'example.test/evil:1' }), PODS],
  ['a command', ofContainer({ command: ['sh', '-c', 'id'] }), PODS],
  ['arguments', ofContainer({ args: ['--evil'] }), PODS],
  ['an environment variable', ofContainer({ env: [{ name: 'LD_PRELOAD', value: '/evil.so' }] }), PODS],
  ['the environment from a Secret', ofContainer({ envFrom: [{ secretRef: { name: 'till' } }] }), PODS],
  ['a capability', ofContainer({ securityContext: { capabilities: { add: ['SYS_ADMIN'] } } }), PODS],
  ['a hook', ofContainer({ lifecycle: { postStart: { exec: { command: ['id'] } } } }), PODS],
  ['resources', ofContainer({ resources: { requests: { cpu: '1' } } }), PODS],
  ['another pull policy', ofContainer({ imagePullPolicy: 'Never' }), PODS],
  ['a further container', ofPods({ containers: ['app', 'evil'].map(name => ({ name, image: name })) }), PODS],
  ['an init container', ofPods({ initContainers: [{ name: 'evil', image: 'example.test/evil:1' }] }), PODS],
  ['a volume', ofPods({ volumes: [{ name: 'till', secret: { secretName: 'till' } }] }), PODS],
  ['another service account', ofPods({ serviceAccountName: 'admin' }), PODS],
  ['tolerations', ofPods({ tolerations: [{ operator: 'Exists' }] }), PODS],
  ['a node', ofPods({ nodeSelector: { 'kubernetes.io/hostname': 'mine' } }), PODS],
  ['the network of the node', ofPods({ hostNetwork: true }), PODS],
  ['a grace period', ofPods({ terminationGracePeriodSeconds: 0 }), PODS],
  ['a label in the template', ofTemplate({ labels: { evil: 'yes' } }), 'spec.template.metadata.labels'],
  ['finalizers in the template', ofTemplate({ finalizers: ['evil.test/x'] }), 'spec.template.metadata.finalizers'],
  ...annotations('the template', ofTemplate, { place: 'spec.template.metadata', standing: 'scrape' }),
  ...annotations('the Deployment', ofDeployment, { place: 'metadata', standing: 'owner' }),
  ['another label', ofDeployment({ labels: { team: 'mine' } }), 'metadata.labels'],
  ['a label taken away', ofDeployment({ labels: { team: null } }), 'metadata.labels'],
  ['a finalizer', ofDeployment({ finalizers: ['evil.test/x'] }), 'metadata.finalizers'],
  ['an owner, whose end would be its own', ofDeployment({ ownerReferences: [OWNER] }), 'metadata.ownerReferences'],
  ['fewer replicas', ofSpec({ replicas: 0 }), 'spec.replicas'],
  ['another strategy', ofSpec({ strategy: { type: 'Recreate', rollingUpdate: null } }), 'spec.strategy'],
  ['a surge', ofSpec({ strategy: { rollingUpdate: { maxSurge: 9 } } }), 'spec.strategy'],
  ['a pause', ofSpec({ paused: true }), 'spec.paused'],
  ['minReadySeconds', ofSpec({ minReadySeconds: 5 }), 'spec.minReadySeconds'],
  ['no history', ofSpec({ revisionHistoryLimit: 0 }), 'spec.revisionHistoryLimit'],
  ['another deadline', ofSpec({ progressDeadlineSeconds: 5 }), 'spec.progressDeadlineSeconds'],
];

function annotations(
  where: string,
  of: (metadata: object) => object,
  { place, standing }: { readonly place: string; readonly standing: string },
): readonly Change[] {
  const annotated = (map: object) => of({ annotations: map });
  return [
    [
      `another annotation on ${where}`,
      annotated({ 'evil.test/inject': 'yes' }),
      `${place}.annotations.evil.test/inject`,
    ],
    [`a changed annotation on ${where}`, annotated({ [standing]: 'evil' }), `${place}.annotations.${standing}`],
    [`an annotation taken from ${where}`, annotated({ [standing]: null }), `${place}.annotations.${standing}`],
    [`all annotations taken from ${where}`, of({ annotations: null }), `${place}.annotations.${standing}`],
  ];
}

/** A restart whose time is none, with a record that fits it. */
export const TIMES: readonly (readonly [what: string, at: string | null])[] = [
  ['taken away', null],
  ['nothing', ''],
  ['no time', 'now'],
  ['seconds since 1970', '1795482301'],
  ['a date', '2026-11-24'],
  ['without seconds', '2026-11-24T01:06Z'],
  ['with fractions', '2026-11-24T01:05:01.5Z'],
  ['in another zone', '2026-11-24T02:05:01+01:00'],
  ['in UTC by another name', '2026-11-24T01:05:01+00:00'],
  ['in no zone', '2026-11-24T01:05:01'],
  ['in a month that is none', '2026-13-24T01:05:01Z'],
  ['with more behind it', `${LATER}\n`],
  ['older than the one that stands there: an undo', '2026-11-24T01:04:59Z'],
];

const { at, by, run, sweep, ...rest } = aRecord({ at: LATER, template: '0123abcd' });

/** A restart at LATER whose record is none. */
export const RECORDS: readonly (readonly [what: string, record: string | null])[] = [
  ['taken away', null],
  ['nothing', ''],
  ['no record', 'evil'],
  ['by another checkpoint', recordWith({ by: 'ops/other' })],
  ['by a checkpoint elsewhere', recordWith({ by: 'shop/nightshift-checkpoint' })],
  ['of another restart', recordWith({ at: T })],
  ['with a key of its own', JSON.stringify({ at, by, run, sweep, ...rest, evil: 1 })],
  ['without the template', JSON.stringify({ at, by, run, sweep, ...rest, template: undefined })],
  ['in another order', JSON.stringify({ by, at, run, sweep, ...rest })],
  ['with blanks', JSON.stringify({ at, by, run, sweep, ...rest }, null, 1)],
  ['with more behind it', `${recordWith()}\n`],
  ['by a run that is a sentence', recordWith({ run: 'a run of mine' })],
  ['of a sweep that is a sentence', recordWith({ sweep: 'all of them' })],
  ['for a reason that is a sentence', recordWith().replace('podTooOld', 'I say so')],
  ['that wants what is no hash', recordWith({ want: 'all of it' })],
  ['of a template that is no hash', recordWith({ template: 'template' })],
  ['with a text of which the end is missing', recordWith().replace(`"${T}"`, '"\\"')],
  ['with a text that hides a key', recordWith().replace(`"${T}"`, '"a","evil":"b"')],
  ['with a number for a text', recordWith().replace(`"${T}"`, '1')],
  ['with an outcome that is not kept', recordWith().replace('}', ',"outcome":"restarted"}')],
  ['with a reason that is a sentence', recordWith({ outcome: 'failed', reason: 'I say so' })],
  ['with a reason for no outcome', recordWith({ reason: 'timeout' })],
  ['as long as a book', recordWith({ before: 'x'.repeat(20_000) })],
];
