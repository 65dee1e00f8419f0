{{/*
The rights of a run, written once. For the fleet, in the whole cluster (`namespace` empty) or in one namespace: there
nobody can list namespaces, and `get` of its own takes the place.
*/}}
{{- define "nightshift.fleetRules" -}}
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
- apiGroups: [""]
  resources: [namespaces]
  {{- if .namespace }}
  resourceNames: [{{ .namespace | quote }}]
  verbs: [get]
  {{- else }}
  verbs: [list]
  {{- end }}
{{- end -}}

{{/* Where the release lives: its checkpoint, and the Pod that holds it. */}}
{{- define "nightshift.homeRules" -}}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ include "nightshift.checkpointName" . | quote }}]
  verbs: [get, update]
- apiGroups: [""]
  resources: [pods]
  verbs: [get]
{{- end -}}

{{/* About the run, where the release lives; about a workload, where that lives. */}}
{{- define "nightshift.eventRules" -}}
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}
