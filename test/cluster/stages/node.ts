/** The status of a fake Node: Ready at once, and alive from then on (its Lease is kwok's own business). */

const STATUS = `
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ or $.metadata.creationTimestamp $now | Quote }}
{{ end }}
addresses:
- { type: InternalIP, address: {{ NodeIP | Quote }} }
- { type: Hostname, address: {{ NodeName | Quote }} }
nodeInfo:
  architecture: amd64
  bootID: ""
  containerRuntimeVersion: kwok://test
  kernelVersion: test
  kubeProxyVersion: v1.36.3
  kubeletVersion: v1.36.3
  machineID: ""
  operatingSystem: linux
  osImage: test
  systemUUID: ""
phase: Running
`;

const ready = '.status.conditions.[] | select( .type == "Ready" ) | .status';

export const nodeReady = stage('node-ready', {
  selector: { matchExpressions: [{ key: ready, operator: 'NotIn', values: ['True'] }] },
  next: { statusTemplate: STATUS },
});

export const nodeHeartbeat = stage('node-heartbeat', {
  selector: { matchExpressions: [{ key: ready, operator: 'In', values: ['True'] }] },
  delay: { durationMilliseconds: 240_000, jitterDurationMilliseconds: 280_000 },
  next: { statusTemplate: STATUS },
});

function stage(name: string, spec: object): object {
  return {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'Stage',
    metadata: { name },
    spec: { resourceRef: { apiGroup: 'v1', kind: 'Node' }, ...spec },
  };
}
