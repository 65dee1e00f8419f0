/** What can be wrong with selection, criteria, batches, rollout and failures. */
import { type Case, plus, SMALL_POLICY, swap } from '../policy-build.ts';

const GLOB = 'a Namespace name in which * stands for any text';
const EITHER = 'either podOlderThan, or container and imageNot, or injection or configChanged';
const READY = 'NAMESPACE/NAME, such as istio-system/istiod';
const SPAN = 'a duration from 1s to 366d';
const COUNT = 'a whole number from 1 to 1000000';

const namespaces = (text: string): string => plus(`select: { namespaces: ${text} }`);
const workloads = (text: string): string => plus(`select: { workloads: ${text} }`);
const stale = (...criteria: readonly string[]): string =>
  swap('  - podOlderThan: 7d', criteria.map(criterion => `  - ${criterion}`).join('\n'));

export const SELECT: readonly Case[] = [
  [
    'no Namespace',
    namespaces('{ include: ‸[] }'),
    'select.namespaces.include',
    'a list of Namespace globs, at least one',
  ],
  [
    'a text for a list',
    namespaces('{ include: ‸team-a }'),
    'select.namespaces.include',
    'a list of Namespace globs',
    '"team-a"',
  ],
  ['an upper-case glob', namespaces('{ include: [‸Team-*] }'), 'select.namespaces.include[0]', GLOB],
  ['a question mark', namespaces('{ include: [ok, ‸"team-?"] }'), 'select.namespaces.include[1]', GLOB],
  ['a regular expression', namespaces('{ exclude: [‸"team-(a|b)"] }'), 'select.namespaces.exclude[0]', GLOB],
  ['a name that is too long', namespaces(`{ include: [‸${'n'.repeat(64)}] }`), 'select.namespaces.include[0]', GLOB],
  ['an empty glob', namespaces('{ exclude: [‸""] }'), 'select.namespaces.exclude[0]', GLOB],
  ['all kube- Namespaces', namespaces('{ include: [‸kube-*] }'), 'select.namespaces.include[0]', 'named in full'],
  [
    'an exclude that swallows an include',
    namespaces('{ include: [a, team-*], exclude: [‸team-**] }'),
    'select.namespaces.exclude[0]',
    'a glob that leaves something',
  ],
  [
    'an exclude that swallows the default',
    namespaces('{ exclude: [‸"*"] }'),
    'select.namespaces.exclude[0]',
    'a glob that leaves something',
  ],
  [
    'an empty selector',
    namespaces('{ labels: ‸"" }'),
    'select.namespaces.labels',
    'it is empty and would select everything',
  ],
  [
    'a mapping for a selector',
    workloads('{ labels: ‸{ tier: web } }'),
    'select.workloads.labels',
    'a label selector such as',
    '{"tier":"web"}',
  ],
  [
    'an open selector',
    workloads('{ labels: ‸"tier in (web" }'),
    'select.workloads.labels',
    'it ends where ")" should be',
  ],
  [
    'a selector that contradicts itself',
    workloads('{ labels: ‸"tier=web,!tier" }'),
    'select.workloads.labels',
    'no label tier can meet all of it',
  ],
  ['a workload without Namespace', workloads('{ exclude: [‸old-*] }'), 'select.workloads.exclude[0]', 'NAMESPACE/NAME'],
  [
    'a workload with a kind',
    workloads('{ exclude: [‸shop/Deployment/web] }'),
    'select.workloads.exclude[0]',
    'NAMESPACE/NAME',
  ],
  [
    'all workloads',
    workloads('{ exclude: [‸"*/*"] }'),
    'select.workloads.exclude[0]',
    'this one would exclude every workload',
  ],
  [
    'an include of workloads',
    workloads('{ ‸include: ["shop/*"] }'),
    'select.workloads.include',
    'one of the keys exclude, labels, owners',
  ],
];

export const CRITERIA: readonly Case[] = [
  [
    'no criteria',
    SMALL_POLICY.replace(/stale:[^]*/, '').replace('api', '‸api'),
    'stale',
    'a list of criteria, at least one',
    'nothing',
  ],
  [
    'an empty list of criteria',
    swap('stale:\n  - podOlderThan: 7d', 'stale: ‸[]'),
    'stale',
    'a list of criteria, at least one',
  ],
  [
    'a mapping for the criteria',
    swap('stale:\n  - podOlderThan: 7d', 'stale: ‸{ podOlderThan: 7d }'),
    'stale',
    'a list of criteria',
  ],
  ['an empty criterion', stale('‸{}'), 'stale[0]', EITHER, '{}'],
  ['an age of nothing', stale('podOlderThan: ‸0s'), 'stale[0].podOlderThan', SPAN],
  ['an age of ten years', stale('podOlderThan: ‸3650d'), 'stale[0].podOlderThan', SPAN],
  ['an empty age', stale('‸podOlderThan:'), 'stale[0].podOlderThan', SPAN, 'null'],
  ['a container without images', stale('‸container: istio-proxy'), 'stale[0]', EITHER],
  ['images without a container', stale('‸imageNot: [a:1]'), 'stale[0]', EITHER],
  ['two kinds in one', stale('‸{ podOlderThan: 7d, container: p, imageNot: [a:1] }'), 'stale[0]', EITHER],
  ['an empty container', stale('{ container: ‸"", imageNot: [a:1] }'), 'stale[0].container', 'the name of a container'],
  [
    'a glob for a container',
    stale('{ container: ‸istio-*, imageNot: [a:1] }'),
    'stale[0].container',
    'the name of a container',
  ],
  ['no image', stale('{ container: p, imageNot: ‸[] }'), 'stale[0].imageNot', 'a list of images, at least one'],
  [
    'a text for the images',
    stale('{ container: p, imageNot: ‸"a:1" }'),
    'stale[0].imageNot',
    'a list of images',
    '"a:1"',
  ],
  [
    'a glob that every image meets',
    stale('{ container: p, imageNot: [a:1, ‸"*"] }'),
    'stale[0].imageNot[1]',
    'this one means every image',
  ],
  [
    'a digest that is cut off',
    stale('{ container: p, imageNot: [‸"a@sha256:abc"] }'),
    'stale[0].imageNot[0]',
    'a digest is sha256: and 64 hexadecimal digits',
  ],
  [
    'an image with a space',
    stale('{ container: p, imageNot: [‸"a:1 "] }'),
    'stale[0].imageNot[0]',
    'an image reference such as',
  ],
  [
    'an image that is a number',
    stale('{ container: p, imageNot: [‸1.24] }'),
    'stale[0].imageNot[0]',
    'an image reference such as',
    '1.24',
  ],
  [
    'lists that leave no image',
    stale('{ container: p, imageNot: [a:1] }', '{ container: p, imageNot: ‸[a:2] }'),
    'stale[1].imageNot',
    'the earlier entries for p name too',
  ],
  [
    'a third list that leaves no image',
    stale(
      '{ container: p, imageNot: [a:1, a:2] }',
      '{ container: p, imageNot: ["a:*"] }',
      '{ container: p, imageNot: ‸[a:3] }',
    ),
    'stale[2].imageNot',
    'the earlier entries for p name too',
  ],
  [
    'an unknown criterion',
    stale('{ podOlderThan: 7d, ‸injectionDrift: true }'),
    'stale[0].injectionDrift',
    'one of the keys configChanged, container, containers, fields, imageNot, injection, mayLack, podOlderThan',
  ],
  ['an injection that is not drift', stale('injection: ‸true'), 'stale[0].injection', 'drift', 'true'],
  [
    'an injection of no container',
    stale('{ injection: drift, containers: ‸[] }'),
    'stale[0].containers',
    'at least one',
  ],
  [
    'an injection of an unknown field',
    stale('{ injection: drift, fields: [image, ‸ports] }'),
    'stale[0].fields[1]',
    'one of image, args, env, resources, mounts, other, annotations',
  ],
  ['fields without an injection', stale('‸fields: [image]'), 'stale[0]', EITHER],
  ['containers beside an age', stale('‸{ podOlderThan: 7d, containers: [p] }'), 'stale[0]', EITHER],
  [
    'nothing behind configChanged',
    stale('‸configChanged:'),
    'stale[0].configChanged',
    'a mapping (keys: secrets, volumes)',
    'null',
  ],
  [
    'a text for a switch',
    stale('configChanged: { volumes: ‸"yes" }'),
    'stale[0].configChanged.volumes',
    'true or false',
  ],
];

export const PACE: readonly Case[] = [
  ['yes for downtime', plus('availability: { downtime: ‸yes }'), 'availability.downtime', 'skip or allow', '"yes"'],
  [
    'a boolean for downtime',
    plus('availability: { downtime: ‸true }'),
    'availability.downtime',
    'skip or allow',
    'true',
  ],
  ['a number for the unhealthy', plus('availability: { unhealthy: ‸1 }'), 'availability.unhealthy', 'skip or allow'],
  ['a name for what must be ready', plus('ready: ‸istiod'), 'ready', 'a list of workloads'],
  ['what must be ready without its Namespace', plus('ready: [deployment: ‸istiod]'), 'ready[0].deployment', READY],
  ['what must be ready with a glob', plus('ready: [deployment: ‸istio-system/istiod*]'), 'ready[0].deployment', READY],
  [
    'another kind that must be ready',
    plus('ready: [{ ‸statefulSet: a/b, deployment: a/b }]'),
    'ready[0].statefulSet',
    'one of the keys deployment',
  ],
  ['no sizes', plus('batches: { sizes: ‸[] }'), 'batches.sizes', 'a list of whole numbers, at least one'],
  ['a size of zero', plus('batches: { sizes: [1, ‸0] }'), 'batches.sizes[1]', COUNT],
  ['a fraction of a workload', plus('batches: { sizes: [‸1.5] }'), 'batches.sizes[0]', COUNT],
  ['a percentage', plus('batches: { sizes: [1, ‸10%] }'), 'batches.sizes[1]', COUNT, '"10%"'],
  ['infinity', plus('batches: { sizes: [‸.inf] }'), 'batches.sizes[0]', COUNT, 'Infinity'],
  ['a pause of a week', plus('batches: { pause: ‸7d }'), 'batches.pause', 'a duration from 0s to 1d'],
  ['a pause without unit', plus('batches: { pause: ‸0 }'), 'batches.pause', 'a duration from 0s to 1d', '0'],
  [
    'nothing in flight',
    plus('batches: { inFlight: { workloads: ‸0 } }'),
    'batches.inFlight.workloads',
    'a whole number from 1 to 50',
  ],
  [
    'more in flight than can be named',
    plus('batches: { inFlight: { workloads: ‸51 } }'),
    'batches.inFlight.workloads',
    'from 1 to 50',
  ],
  ['a negative limit', plus('batches: { inFlight: { pods: ‸-1 } }'), 'batches.inFlight.pods', COUNT],
  [
    'a quoted limit',
    plus('batches: { inFlight: { perNamespace: ‸"3" } }'),
    'batches.inFlight.perNamespace',
    COUNT,
    '"3"',
  ],
  [
    'a misspelt limit',
    plus('batches: { inFlight: { ‸perNamespaces: 3 } }'),
    'batches.inFlight.perNamespaces',
    '(did you mean perNamespace?)',
  ],
  ['a timeout of nothing', plus('rollout: { timeout: ‸0s, soak: 0s }'), 'rollout.timeout', 'a duration from 1s to 1d'],
  [
    'a timeout shorter than the soak',
    plus('rollout: ‸{ timeout: 20s }'),
    'rollout',
    'a timeout (20s) longer than the soak (30s)',
    '{"timeout":"20s"}',
  ],
  [
    'a soak as long as the timeout',
    plus('rollout:', '  ‸soak: 10m'),
    'rollout',
    'a timeout (10m) longer than the soak (10m)',
  ],
  ['a stop after nothing', plus('onFailure: { stopAfter: ‸0 }'), 'onFailure.stopAfter', COUNT],
  ['another resume', plus('onFailure: { resume: ‸automatic }'), 'onFailure.resume', 'nextWindow or manual'],
  ['undo in words', plus('onFailure: { undo: ‸always }'), 'onFailure.undo', 'true or false', '"always"'],
  ['no undo in quotes', plus('onFailure: { undo: ‸"false" }'), 'onFailure.undo', 'true or false', '"false"'],
  ['a retry at once', plus('onFailure: { retryAfter: ‸0s }'), 'onFailure.retryAfter', SPAN],
];

const order = (rule: string): string => plus(`order: [${rule}]`);
const RULE = 'either label and values or namespaces';

export const ORDER: readonly Case[] = [
  [
    'a kind that nobody knows',
    plus('select: { kinds: [‸Job] }'),
    'select.kinds[0]',
    'Deployment, StatefulSet, DaemonSet',
  ],
  ['no kind', plus('select: { kinds: ‸[] }'), 'select.kinds', 'a list of kinds'],
  ['a kind in lower case', plus('select: { kinds: [‸statefulset] }'), 'select.kinds[0]', 'Deployment, StatefulSet'],
  ['a rule without a word', order('‸{}'), 'order[0]', RULE],
  ['a label without values', order('‸{ label: tier }'), 'order[0]', RULE],
  ['values of no label', order('‸{ values: [web] }'), 'order[0]', RULE],
  ['a rule of two kinds', order('‸{ label: tier, values: [web], namespaces: [a] }'), 'order[0]', RULE],
  [
    'no values',
    order('{ label: tier, values: ‸[] }'),
    'order[0].values',
    'a list of values of the label, at least one',
  ],
  ['a label that is none', order('{ label: ‸"a b", values: [web] }'), 'order[0].label', 'the key of a label'],
  ['a value that is none', order('{ label: tier, values: [‸"a/b"] }'), 'order[0].values[0]', 'the value of a label'],
  ['a number for a value', order('{ label: tier, values: [‸1] }'), 'order[0].values[0]', 'the value of a label', '1'],
];
