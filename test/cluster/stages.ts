/**
 * What the fake nodes do with Pods: kwok plays Stages, and these are ours. Without a word every Pod is Ready after a
 * moment and gone a moment after its deletion. Annotations on the Pod (that is, on the Pod template) choose otherwise:
 *
 * - `test.nightshift/behaviour`: one of BEHAVIOURS below;
 * - `test.nightshift/when-restarted`: the same, but only for Pods that a restart made (their template carries
 *   `kubectl.kubernetes.io/restartedAt`), so that a fleet is healthy first and breaks when it is restarted;
 * - `test.nightshift/delay`: how long the slow part of the behaviour lasts, `5s` or, chosen at random, `2s-5s`;
 * - `test.nightshift/terminate`: the same for the time between deletion and disappearance;
 * - `test.nightshift/container`: the container that misbehaves; default the first (for init-*, the first that is no sidecar).
 */
import { nodeHeartbeat, nodeReady } from './stages/node.ts';
import { type ContainerState, podStatus } from './stages/pod.ts';

export const BEHAVIOURS = {
  ready: 'Ready after `delay` (0.2 to 0.5 s)',
  'slow-ready': 'runs at once, Ready after `delay` (5 s)',
  'crash-loop': 'starts, fails, restarts, CrashLoopBackOff; never Ready',
  'crash-later': 'Ready at once, after `delay` (3 s) the same as crash-loop',
  'image-pull': 'ErrImagePull, then ImagePullBackOff',
  'config-error': 'CreateContainerConfigError',
  'init-hang': 'its init container runs for ever',
  'init-crash': 'its init container fails, restarts, CrashLoopBackOff',
  'init-image-pull': 'the image of its init container: ErrImagePull, then ImagePullBackOff',
  'slow-terminate': 'Ready like any other, gone `delay` (5 s) after its deletion',
} as const;

export type Behaviour = keyof typeof BEHAVIOURS;

/** Where a Pod stands: `new` before its first status, else what its container shows. */
type Place = 'new' | 'running' | 'ready' | 'terminated' | 'CrashLoopBackOff' | 'ErrImagePull' | 'ImagePullBackOff';

interface Step {
  readonly behaviours: readonly Behaviour[];
  readonly from: Place;
  readonly to: ContainerState;
  readonly delay: Delay;
}

/** Milliseconds, at random between the two, unless the Pod's annotation says otherwise. */
interface Delay {
  readonly between: readonly [number, number];
  readonly annotated?: boolean;
}

const START: Delay = { between: [200, 500] };
const MOMENT: Delay = { between: [200, 300] };
/** Ten times shorter than the kubelet's first, and never growing: tests see several rounds. */
const BACK_OFF: Delay = { between: [1500, 2000] };

const STEPS: readonly Step[] = [
  { behaviours: ['ready'], from: 'new', to: 'ready', delay: { between: [200, 500], annotated: true } },
  { behaviours: ['slow-terminate', 'crash-later'], from: 'new', to: 'ready', delay: START },
  { behaviours: ['slow-ready', 'crash-loop'], from: 'new', to: 'running', delay: START },
  { behaviours: ['slow-ready'], from: 'running', to: 'ready', delay: { between: [5000, 5000], annotated: true } },
  { behaviours: ['crash-later'], from: 'ready', to: 'crashed', delay: { between: [3000, 3000], annotated: true } },
  { behaviours: ['crash-loop', 'crash-later'], from: 'running', to: 'crashed', delay: MOMENT },
  { behaviours: ['crash-loop', 'crash-later'], from: 'terminated', to: 'restarted', delay: MOMENT },
  { behaviours: ['crash-loop', 'crash-later'], from: 'CrashLoopBackOff', to: 'restarted', delay: BACK_OFF },
  { behaviours: ['image-pull'], from: 'new', to: 'ErrImagePull', delay: START },
  { behaviours: ['image-pull'], from: 'ErrImagePull', to: 'ImagePullBackOff', delay: MOMENT },
  { behaviours: ['image-pull'], from: 'ImagePullBackOff', to: 'ErrImagePull', delay: BACK_OFF },
  { behaviours: ['config-error'], from: 'new', to: 'CreateContainerConfigError', delay: START },
  { behaviours: ['init-hang', 'init-crash'], from: 'new', to: 'running', delay: START },
  { behaviours: ['init-crash'], from: 'running', to: 'crashed', delay: MOMENT },
  { behaviours: ['init-crash'], from: 'terminated', to: 'restarted', delay: MOMENT },
  { behaviours: ['init-crash'], from: 'CrashLoopBackOff', to: 'restarted', delay: BACK_OFF },
  { behaviours: ['init-image-pull'], from: 'new', to: 'ErrImagePull', delay: START },
  { behaviours: ['init-image-pull'], from: 'ErrImagePull', to: 'ImagePullBackOff', delay: MOMENT },
  { behaviours: ['init-image-pull'], from: 'ImagePullBackOff', to: 'ErrImagePull', delay: BACK_OFF },
];

/** The text of kwok's configuration file. `parallelism` is how many Pods it changes at the same time. */
export function kwokConfiguration(parallelism = 32): string {
  const options = {
    apiVersion: 'config.kwok.x-k8s.io/v1alpha1',
    kind: 'KwokConfiguration',
    options: { podPlayStageParallelism: parallelism, nodePlayStageParallelism: 16, nodeLeaseParallelism: 16 },
  };
  const documents = [options, nodeReady, nodeHeartbeat, ...STEPS.map(podStage), podDeletion];
  return documents.map(document => `${JSON.stringify(document)}\n`).join('---\n');
}

const annotation = (name: string) => `.metadata.annotations["test.nightshift/${name}"]`;
const restarted = '.metadata.annotations["kubectl.kubernetes.io/restartedAt"]';

// jq expressions over a Pod; kwok evaluates them at each change of one.
const behaviour = `((if ${restarted} then ${annotation('when-restarted')} else null end) // ${annotation('behaviour')} // "ready")`;
const ordinaryInit = '[.spec.initContainers[]? | select(.restartPolicy != "Always") | .name][0]';
const container = `(${annotation('container')} // (if (${behaviour} | startswith("init-")) then ${ordinaryInit} else .spec.containers[0].name end))`;
const statuses = '((.status.initContainerStatuses // []) + (.status.containerStatuses // []))';
const shown =
  '(.state | .waiting.reason // (if .terminated then "terminated" else null end)) // (if .ready then "ready" else "running" end)';
const place = `(if .status.containerStatuses then (${container} as $name | ${statuses}[] | select(.name == $name) | ${shown}) else "new" end)`;
const situation = `(if .metadata.deletionTimestamp then "deleting" else ${behaviour} + " " + ${place} end)`;

function podStage(step: Step): object {
  const { behaviours, from, to, delay } = step;
  const name = `${behaviours.join('-or-')}-${from}`.toLowerCase();
  const values = behaviours.map(each => `${each} ${from}`);
  return stage(name, {
    selector: { matchExpressions: [{ key: situation, operator: 'In', values }] },
    delay: delayOf(delay.between, delay.annotated === true ? annotation('delay') : undefined),
    next: {
      statusTemplate: podStatus(
        to,
        behaviours.every(each => each.startsWith('init-')),
      ),
    },
  });
}

const slowTermination = `(if ${behaviour} == "slow-terminate" then (${annotation('delay')} // "5s") else null end)`;
const podDeletion = stage('deletion', {
  selector: { matchExpressions: [{ key: situation, operator: 'In', values: ['deleting'] }] },
  delay: delayOf([150, 300], `(${annotation('terminate')} // ${slowTermination})`),
  next: { delete: true },
});

/** The upper bound is taken from the same expression: kwok lets a smaller upper bound win over the lower. */
function delayOf([least, most]: readonly [number, number], expression: string | undefined): object {
  const part = (index: number) => ({ expressionFrom: `${expression} | values | split("-")[${index}]` });
  return {
    durationMilliseconds: least,
    jitterDurationMilliseconds: most,
    ...(expression === undefined ? {} : { durationFrom: part(0), jitterDurationFrom: part(-1) }),
  };
}

function stage(name: string, spec: object): object {
  return {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'Stage',
    metadata: { name: `pod-${name}` },
    spec: { resourceRef: { apiGroup: 'v1', kind: 'Pod' }, ...spec },
  };
}
