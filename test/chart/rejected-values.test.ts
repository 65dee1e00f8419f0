/** What helm must refuse, and that it says where. Templates refuse what a sentence explains better than a schema. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CHART, helm, POLICY, template } from './helm.ts';

type Values = Readonly<Record<string, unknown>>;
type Case = readonly [what: string, values: Values, says: RegExp];

const policy = (more: Values): Values => ({ policy: { ...POLICY, ...more } });
const window = (more: Values): Values => policy({ windows: { allow: [{ ...POLICY.windows.allow[0], ...more }] } });

const BY_SCHEMA: readonly Case[] = [
  ['a key with a typo', { shedule: '0 * * * *' }, /'shedule' not allowed/],
  ['a key with a typo further down', { image: { repo: 'x' } }, /'\/image'.*'repo' not allowed/],
  ['the guard as text', { guard: { enabled: 'no' } }, /'\/guard\/enabled': got string, want boolean/],
  ['the guard taken away', { guard: null }, /missing property 'guard'/],
  ['an empty schedule', { schedule: '' }, /'\/schedule'.*pattern/],
  ['a schedule with four fields', { schedule: '* * * *' }, /'\/schedule'.*pattern/],
  ['a schedule with a zone of its own', { schedule: 'TZ=UTC * * * * *' }, /'\/schedule'.*pattern/],
  ['a schedule taken away', { schedule: null }, /missing property 'schedule'/],
  ['a time zone that is a number', { timeZone: 2 }, /'\/timeZone': got number, want string/],
  ['a time zone that is an offset', { timeZone: '+02:00' }, /'\/timeZone'.*pattern/],
  ['suspend as text', { suspend: 'false' }, /'\/suspend': got string, want boolean/],
  ['dryRun as text', { dryRun: 'no' }, /'\/dryRun': got string, want boolean/],
  ['an image tag that YAML reads as a number', { image: { tag: 1.1 } }, /'\/image\/tag': got number, want .*string/],
  ['an image tag with the digest in it', { image: { tag: 'v1@sha256:00' } }, /'\/image\/tag'.*pattern/],
  ['a digest that is none', { image: { digest: 'sha256:abc' } }, /'\/image\/digest'.*pattern/],
  ['an empty image', { image: { repository: '' } }, /'\/image\/repository'.*pattern/],
  ['an unknown pull policy', { image: { pullPolicy: 'Sometimes' } }, /'\/image\/pullPolicy'.*'Always', 'IfNotPresent'/],
  ['pull secrets as bare names', { imagePullSecrets: ['mine'] }, /'\/imagePullSecrets\/0': got string, want object/],
  ['resources with a typo', { resources: { limit: {} } }, /'\/resources'.*'limit' not allowed/],
  [
    'a quantity that is none',
    { resources: { limits: { memory: '256 MB' } } },
    /'\/resources\/limits\/memory'.*pattern/,
  ],
  ['namespaces left empty, not []', { rbac: { namespaces: null } }, /'\/rbac'.*missing property 'namespaces'/],
  ['namespaces as one text', { rbac: { namespaces: 'a,b' } }, /'\/rbac\/namespaces': got string, want array/],
  ['a namespace with a star', { rbac: { namespaces: ['team-*'] } }, /'\/rbac\/namespaces\/0'.*pattern/],
  ['Secrets left empty', { rbac: { secrets: null } }, /'\/rbac'.*missing property 'secrets'/],
  ['a namespace twice', { rbac: { namespaces: ['a', 'a'] } }, /'\/rbac\/namespaces'.*equal/],
  ['a deadline of zero', { activeDeadlineSeconds: 0 }, /'\/activeDeadlineSeconds'.*minimum/],
  ['a deadline as a duration', { activeDeadlineSeconds: '24h' }, /'\/activeDeadlineSeconds': got string/],
  ['a starting deadline that loses ticks', { startingDeadlineSeconds: 5 }, /'\/startingDeadlineSeconds'.*minimum/],
  ['a negative history', { failedJobsHistoryLimit: -1 }, /'\/failedJobsHistoryLimit'.*minimum/],
  ['half a history', { successfulJobsHistoryLimit: 1.5 }, /'\/successfulJobsHistoryLimit'.*want integer/],
  ['no time to save', { terminationGracePeriodSeconds: 0 }, /'\/terminationGracePeriodSeconds'.*minimum/],
  ['a label that YAML reads as true', { podLabels: { mesh: true } }, /'\/podLabels\/mesh': got boolean, want string/],
  ['root', { podSecurityContext: { runAsUser: 0 } }, /'\/podSecurityContext\/runAsUser'.*minimum/],
  ["a security context of one's own", { podSecurityContext: { runAsNonRoot: false } }, /'runAsNonRoot' not allowed/],
  ['a toleration with a typo', { tolerations: [{ efect: 'NoSchedule' }] }, /'\/tolerations\/0'.*'efect' not allowed/],
  ['affinity with a typo', { affinity: { nodeAfinity: {} } }, /'\/affinity'.*'nodeAfinity' not allowed/],
  ['a variable that is a number', { extraEnv: [{ name: 'A', value: 1 }] }, /'\/extraEnv\/0\/value': got number/],
  ['variables as a mapping', { extraEnv: { A: 'b' } }, /'\/extraEnv': got object, want .*array/],
  ['a name too long for a CronJob', { fullnameOverride: 'a'.repeat(53) }, /'\/fullnameOverride'.*maxLength/],
  ['a name with capitals', { nameOverride: 'Night' }, /'\/nameOverride'.*pattern/],

  ['no policy at all', { policy: null }, /missing property 'policy'/],
  ['a policy as text', { policy: 'windows: {}' }, /'\/policy': got string, want object/],
  ['a policy with an unknown key', policy({ window: {} }), /'\/policy'.*'window' not allowed/],
  [
    'a policy of another version',
    policy({ apiVersion: 'nightshift/v1' }),
    /'\/policy\/apiVersion'.*nightshift\/v1alpha1/,
  ],
  ['a policy without its version', policy({ apiVersion: null }), /'\/policy'.*missing property 'apiVersion'/],
  ['windows without allow', policy({ windows: { timeZone: 'UTC' } }), /'\/policy\/windows'.*missing property 'allow'/],
  ['allow with nothing in it', policy({ windows: { allow: [] } }), /'\/policy\/windows\/allow'.*minItems/],
  ['a window that never ends', window({ lasts: null }), /'\/policy\/windows\/allow\/0\/lasts': got null, want string/],
  [
    'a window that lasts a number',
    window({ lasts: 4 }),
    /'\/policy\/windows\/allow\/0\/lasts': got number, want string/,
  ],
  ['a window with six fields', window({ opens: '0 0 1 * * *' }), /'\/policy\/windows\/allow\/0\/opens'.*pattern/],
  ['stale with nothing in it', policy({ stale: [] }), /'\/policy\/stale'.*minItems/],
  [
    'stale with a typo',
    policy({ stale: [{ podOlderThen: '7d' }] }),
    /'\/policy\/stale\/0'.*'podOlderThen' not allowed/,
  ],
  ['sizes of zero', policy({ batches: { sizes: [0] } }), /'\/policy\/batches\/sizes\/0'.*minimum/],
  ['undo in words', policy({ onFailure: { undo: 'always' } }), /'\/policy\/onFailure\/undo'/],
];

const SECRETS = { configChanged: { secrets: true } };
const NO_ACCOUNT = { create: false, name: '' };

const BY_TEMPLATE: readonly Case[] = [
  ['a policy without windows', policy({ windows: undefined }), /set policy\.windows\.allow \(when .*environments\/dev/],
  ['a policy without stale', policy({ stale: undefined }), /set policy\.stale \(what .*environments\/dev\.yaml/],
  [
    'the bare chart',
    { policy: undefined },
    /set policy\.windows\.allow .* and policy\.stale .*environments\/dev\.yaml/,
  ],
  ["the namespace's default account", { serviceAccount: NO_ACCOUNT }, /serviceAccount\.name: needed when/],
  [
    'Secrets that only the policy asks for',
    policy({ stale: [...POLICY.stale, SECRETS] }),
    /set rbac\.secrets to true, or policy\.stale\[1\]\.configChanged\.secrets to false: .*list Secrets/,
  ],
  [
    'a variable that the chart sets',
    { extraEnv: [{ name: 'NIGHTSHIFT_POLICY' }] },
    /extraEnv\[0\]\.name: NIGHTSHIFT_POL/,
  ],
];

describe('helm refuses, and says where:', { concurrency: 4 }, () => {
  for (const [what, values, says] of [...BY_SCHEMA, ...BY_TEMPLATE]) {
    test(what, () => assert.rejects(template({ values }), says));
  }
});

test('helm lint says all that is wrong at once', async () => {
  const values = { ...window({ opens: 'daily' }), image: { tag: 1.1 }, shedule: '' };
  await assert.rejects(helm(['lint', CHART, '--values', '-'], JSON.stringify(values)), ({ message }: Error) => {
    for (const says of ["'shedule' not allowed", "'/image/tag'", "'/policy/windows/allow/0/opens'"]) {
      assert.ok(message.includes(says), message);
    }
    return true;
  });
});

test('helm lint accepts the bare chart: what is missing is for the user to say', async () => {
  assert.match(await helm(['lint', '--strict', CHART]), /0 chart\(s\) failed/);
});
