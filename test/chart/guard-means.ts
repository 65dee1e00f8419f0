/** Ways around a merge patch of a Deployment: other requests, other subresources, Pods. */
import type { ApiRequest } from '../cluster/apiserver.ts';
import { deployment, ofKind } from '../cluster/fleet.ts';
import { DEPLOYMENTS, WEB, WISHES } from './guard-attempts.ts';

/** One request, and what the guard says to it. */
export interface Attempt extends ApiRequest {
  readonly what: string;
  readonly path: string;
  readonly says: RegExp;
  /** A connection, of which there is no dry run. */
  readonly connects?: boolean;
}

const IMAGE = '/spec/template/spec/containers/0/image';
const STRATEGIC = 'application/strategic-merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
const EVIL = deployment({ ...WISHES, image: 'example.test/evil:1' });
const CHANGED = /this changes .*\bspec\.template\.spec\b/;
const ONLY_RESTARTS = /nightshift may only restart workloads/;

export const OTHER_MEANS: readonly Attempt[] = [
  {
    what: 'a dry run',
    path: `${WEB}?dryRun=All`,
    method: 'PATCH',
    body: { spec: { replicas: 0 } },
    says: /spec\.replicas/,
  },
  {
    what: 'a strategic merge patch',
    path: WEB,
    method: 'PATCH',
    contentType: STRATEGIC,
    body: { spec: { template: { spec: { containers: [{ name: 'evil', image: 'example.test/evil:1' }] } } } },
    says: CHANGED,
  },
  {
    what: 'a JSON patch',
    path: WEB,
    method: 'PATCH',
    contentType: JSON_PATCH,
    body: [{ op: 'replace', path: IMAGE, value: 'example.test/evil:1' }],
    says: CHANGED,
  },
  {
    what: 'a JSON patch that takes all annotations away',
    path: WEB,
    method: 'PATCH',
    contentType: JSON_PATCH,
    body: [{ op: 'remove', path: '/spec/template/metadata/annotations' }],
    says: /this changes spec\.template\.metadata\.annotations\.scrape;/,
  },
  {
    what: 'a server-side apply',
    path: `${WEB}?fieldManager=nightshift&force=true`,
    method: 'PATCH',
    contentType: 'application/apply-patch+yaml',
    body: EVIL,
    says: CHANGED,
  },
  {
    what: 'a server-side apply of one that is not there',
    path: `${DEPLOYMENTS}/new?fieldManager=nightshift`,
    method: 'PATCH',
    contentType: 'application/apply-patch+yaml',
    body: deployment({ ...WISHES, name: 'new' }),
    says: ONLY_RESTARTS,
  },
  { what: 'a replacement', path: WEB, method: 'PUT', body: EVIL, says: CHANGED },
  {
    what: 'a new one',
    path: DEPLOYMENTS,
    method: 'POST',
    body: deployment({ ...WISHES, name: 'new' }),
    says: ONLY_RESTARTS,
  },
  { what: 'its deletion', path: WEB, method: 'DELETE', says: ONLY_RESTARTS },
  { what: 'the deletion of all', path: DEPLOYMENTS, method: 'DELETE', says: ONLY_RESTARTS },
  { what: 'a scale', path: `${WEB}/scale`, method: 'PATCH', body: { spec: { replicas: 9 } }, says: ONLY_RESTARTS },
  {
    what: 'a status',
    path: `${WEB}/status`,
    method: 'PATCH',
    body: { status: { readyReplicas: 0, conditions: [{ type: 'Evil', status: 'True' }] } },
    says: ONLY_RESTARTS,
  },
];

const OWNER = { apiVersion: 'v1', kind: 'ConfigMap', name: 'mine', uid: '11111111-2222-3333-4444-555555555555' };

/** Each with `shop/web`. */
export const OTHER_KINDS = ['StatefulSet', 'DaemonSet'] as const;
export const pathOfKind = (kind: (typeof OTHER_KINDS)[number]): string =>
  `/apis/apps/v1/namespaces/shop/${kind.toLowerCase()}s`;

/** The same of a StatefulSet and a DaemonSet. */
export const OF_OTHER_KINDS: readonly Attempt[] = OTHER_KINDS.flatMap((kind): Attempt[] => {
  const all = pathOfKind(kind);
  const one = `${all}/web`;
  const image = { spec: { containers: [{ name: 'app', image: 'example.test/evil:1' }] } };
  const status = { status: { conditions: [{ type: 'Evil', status: 'True' }] } };
  const patches: readonly (readonly [what: string, body: object, place: RegExp])[] = [
    ['another image', { spec: { template: image } }, CHANGED],
    [
      'another strategy',
      { spec: { updateStrategy: { type: 'OnDelete', rollingUpdate: null } } },
      /this changes spec\.updateStrategy;/,
    ],
    ['an annotation', { metadata: { annotations: { evil: 'yes' } } }, /this changes metadata\.annotations\.evil;/],
    ['an owner', { metadata: { ownerReferences: [OWNER] } }, /this changes metadata\.ownerReferences;/],
    ['its patience', { spec: { minReadySeconds: 9 } }, /this changes spec\.minReadySeconds;/],
  ];
  return [
    ...patches.map(([what, body, says]) => ({
      what: `${what} of a ${kind}`,
      path: one,
      method: 'PATCH' as const,
      body,
      says,
    })),
    {
      what: `a new ${kind}`,
      path: all,
      method: 'POST',
      body: ofKind(kind, { ...WISHES, name: 'new' }),
      says: ONLY_RESTARTS,
    },
    { what: `the deletion of a ${kind}`, path: one, method: 'DELETE', says: ONLY_RESTARTS },
    { what: `the deletion of every ${kind}`, path: all, method: 'DELETE', says: ONLY_RESTARTS },
    { what: `a status of a ${kind}`, path: `${one}/status`, method: 'PATCH', body: status, says: ONLY_RESTARTS },
    ...(kind === 'StatefulSet'
      ? [
          {
            what: `a scale of a ${kind}`,
            path: `${one}/scale`,
            method: 'PATCH' as const,
            body: { spec: { replicas: 9 } },
            says: ONLY_RESTARTS,
          },
        ]
      : []),
  ];
});

/** `victim` is somebody's. */
export const PODS = '/api/v1/namespaces/shop/pods';
export const VICTIM = `${PODS}/victim`;

export const aPodNamed = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ name: 'app', image: 'example.test/app:1', resources: { requests: { cpu: '1' } } }] },
});

const EVICTION = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'victim' } };
const BINDING = {
  apiVersion: 'v1',
  kind: 'Binding',
  metadata: { name: 'victim' },
  target: { kind: 'Node', name: 'mine' },
};
const DEBUGGER = { spec: { ephemeralContainers: [{ name: 'evil', image: 'example.test/evil:1' }] } };
const LARGER = { spec: { containers: [{ name: 'app', resources: { requests: { cpu: '9' } } }] } };
const OTHER_IMAGE = { spec: { containers: [{ name: 'app', image: 'example.test/evil:1' }] } };
const READY = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };

const triedWithPods: readonly Omit<Attempt, 'says'>[] = [
  { what: 'a real one', path: PODS, method: 'POST', body: aPodNamed('new') },
  { what: 'its deletion', path: VICTIM, method: 'DELETE' },
  { what: 'the dry run of its deletion', path: `${VICTIM}?dryRun=All`, method: 'DELETE' },
  { what: 'the deletion of all', path: PODS, method: 'DELETE' },
  { what: 'a label', path: VICTIM, method: 'PATCH', body: { metadata: { labels: { app: 'web' } } } },
  { what: 'another image', path: VICTIM, method: 'PATCH', contentType: STRATEGIC, body: OTHER_IMAGE },
  { what: 'an eviction', path: `${VICTIM}/eviction`, method: 'POST', body: EVICTION },
  { what: 'the dry run of an eviction', path: `${VICTIM}/eviction?dryRun=All`, method: 'POST', body: EVICTION },
  {
    what: 'an ephemeral container',
    path: `${VICTIM}/ephemeralcontainers`,
    method: 'PATCH',
    contentType: STRATEGIC,
    body: DEBUGGER,
  },
  { what: 'other resources', path: `${VICTIM}/resize`, method: 'PATCH', contentType: STRATEGIC, body: LARGER },
  { what: 'a node', path: `${VICTIM}/binding`, method: 'POST', body: BINDING },
  { what: 'a status', path: `${VICTIM}/status`, method: 'PATCH', contentType: STRATEGIC, body: READY },
  { what: 'a command in it', path: `${VICTIM}/exec?command=id&stdout=true`, method: 'POST', connects: true },
  { what: 'its terminal', path: `${VICTIM}/attach?stdin=true`, method: 'POST', connects: true },
  { what: 'its ports', path: `${VICTIM}/portforward?ports=80`, method: 'POST', connects: true },
  { what: 'its pages', path: `${VICTIM}/proxy/`, connects: true },
];

export const POD_ATTEMPTS: readonly Attempt[] = triedWithPods.map(attempt => ({
  ...attempt,
  says: /nightshift may create Pods as a dry run only\b.*, and do nothing else to a Pod$/,
}));
