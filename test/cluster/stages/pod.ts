/** The status that a kubelet would report, as Go templates over the Pod that kwok fills in. The result is YAML. */
import { unreachable } from '../../../src/domain/model.ts';

/** What becomes of the container that the behaviour is about; all others do well. */
export type ContainerState =
  | 'ready'
  | 'running'
  | 'crashed'
  | 'restarted'
  | 'ErrImagePull'
  | 'ImagePullBackOff'
  | 'CreateContainerConfigError';

/** A status of a Pod whose one container is in this state; `init` says that it is an init container. */
export function podStatus(state: ContainerState, init: boolean): string {
  const started = !init && (state === 'ready' || state === 'running' || state === 'crashed' || state === 'restarted');
  const mine = `${NAMED}, ${containerState(state)} }`;
  const initializing = `${NAMED}, ${WAITING} }`;
  const running = `${NAMED}, ${RUNNING} }`;
  return `
{{ $now := Now }}
{{ $began := or .status.startTime $now }}
{{ $pod := printf "%s_%s(%s)" .metadata.name .metadata.namespace .metadata.uid }}
${init ? FIRST_INIT_CONTAINER : FIRST_CONTAINER}
{{ with .metadata.annotations }}{{ $name = or (index . "test.nightshift/container") $name }}{{ end }}
{{ $restarts := 0 }}{{ $since := $now }}{{ $until := $now }}
{{ range concat (or .status.initContainerStatuses list) (or .status.containerStatuses list) }}{{ if eq .name $name }}
  {{ $restarts = int .restartCount }}
  {{ if .state.running }}{{ $since = .state.running.startedAt }}
  {{ else }}{{ with or .state.terminated .lastState.terminated }}{{ $since = .startedAt }}{{ $until = .finishedAt }}{{ end }}{{ end }}
{{ end }}{{ end }}
conditions:
- { type: PodReadyToStartContainers, status: "True", lastTransitionTime: {{ $began | Quote }} }
${condition('Initialized', init ? 'ContainersNotInitialized' : undefined, 'containers with incomplete status: [{{ $name }}]')}
${condition('ContainersReady', state === 'ready' ? undefined : 'ContainersNotReady', 'containers with unready status: [{{ $name }}]')}
${condition('Ready', state === 'ready' ? undefined : 'ContainersNotReady', 'containers with unready status: [{{ $name }}]')}
{{ range .spec.readinessGates }}
- { type: {{ .conditionType | Quote }}, status: "True", lastTransitionTime: {{ $began | Quote }} }
{{ end }}
initContainerStatuses:
{{ $reached := false }}
{{ range .spec.initContainers }}
  {{ if eq .name $name }}{{ $reached = true }}
${mine}
  {{ else if $reached }}
${initializing}
  {{ else if eq (or .restartPolicy "") "Always" }}
${running}
  {{ else }}
${NAMED}, ${COMPLETED} }
  {{ end }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
${init ? initializing : `{{ if eq .name $name }}\n${mine}\n{{ else }}\n${running}\n{{ end }}`}
{{ end }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
podIP: {{ or .status.podIP (PodIPWith .spec.nodeName (or .spec.hostNetwork false) .metadata.uid .metadata.name .metadata.namespace) | Quote }}
startTime: {{ $began | Quote }}
phase: ${started ? 'Running' : 'Pending'}
`;
}

const FIRST_CONTAINER = '{{ $name := (index .spec.containers 0).name }}';
const FIRST_INIT_CONTAINER = `{{ $name := "" }}{{ range .spec.initContainers }}
{{ if and (eq $name "") (ne (or .restartPolicy "") "Always") }}{{ $name = .name }}{{ end }}
{{ end }}`;

// The beginning of a container's status, to be followed by what it does.
const NAMED = '- { name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: {{ .image | Quote }}';
const RUNNING = 'ready: true, started: true, restartCount: 0, state: { running: { startedAt: {{ $began | Quote }} } }';
const WAITING = 'ready: false, started: false, restartCount: 0, state: { waiting: { reason: PodInitializing } }';
const COMPLETED =
  'ready: true, started: false, restartCount: 0, state: { terminated: { exitCode: 0, reason: Completed, startedAt: {{ $began | Quote }}, finishedAt: {{ $began | Quote }} } }';

function containerState(state: ContainerState): string {
  const failed = terminated(1, 'Error');
  switch (state) {
    case 'ready':
      return RUNNING;
    case 'running':
      return 'ready: false, started: true, restartCount: 0, state: { running: { startedAt: {{ $now | Quote }} } }';
    case 'crashed':
      // The kubelet restarts once without delay, so the first failure shows itself; from the second on it backs off.
      return `ready: false, started: false, restartCount: {{ $restarts }}, {{ if eq $restarts 0 }}
        state: { ${failed} }{{ else }}
        lastState: { ${failed} },
        state: { waiting: { reason: CrashLoopBackOff, message: {{ printf "back-off 10s restarting failed container=%s pod=%s" $name $pod | Quote }} } }{{ end }}`;
    case 'restarted':
      return `ready: false, started: true, restartCount: {{ add1 $restarts }},
        lastState: { ${failed} }, state: { running: { startedAt: {{ $now | Quote }} } }`;
    case 'ErrImagePull':
      return waiting(state, 'failed to pull and unpack image %q: not found');
    case 'ImagePullBackOff':
      return waiting(state, 'Back-off pulling image %q');
    case 'CreateContainerConfigError':
      return waiting(state, 'configmap \\"settings\\" not found (image %q)');
    default:
      return unreachable(state);
  }
}

function terminated(exitCode: number, reason: string): string {
  return `terminated: { exitCode: ${exitCode}, reason: ${reason}, startedAt: {{ $since | Quote }}, finishedAt: {{ $until | Quote }} }`;
}

function waiting(reason: string, message: string): string {
  return `ready: false, started: false, restartCount: 0, state: { waiting: { reason: ${reason}, message: {{ printf "${message}" .image | Quote }} } }`;
}

/** The time of a condition is that of its last change, which decides when a Pod counts as available. */
function condition(type: string, missing: string | undefined, message: string): string {
  const status = missing === undefined ? 'True' : 'False';
  const words = missing === undefined ? 'reason: "", message: ""' : `reason: ${missing}, message: "${message}"`;
  return `{{ $at := $now }}{{ range .status.conditions }}
{{ if and (eq .type "${type}") (eq .status "${status}") }}{{ $at = .lastTransitionTime }}{{ end }}
{{ end }}
- { type: ${type}, status: "${status}", ${words}, lastTransitionTime: {{ $at | Quote }} }`;
}
