{{/*
The rights of a run, written once. For the fleet, in the whole cluster (`namespace` empty) or in one namespace: there
nobody can list namespaces, and `get` of its own takes the place. What only some criteria of the `policy` need comes with
these.
*/}}
{{- define "nightshift.fleetRules" -}}
{{- $trials := false -}}
{{- $configMaps := false -}}
{{- $secrets := false -}}
{{- range .policy.stale -}}
{{- $trials = or $trials (hasKey . "injection") -}}
{{- $configMaps = or $configMaps (hasKey . "configChanged") -}}
{{- $secrets = or $secrets (dig "configChanged" "secrets" false .) -}}
{{- end -}}
{{- $kinds := default (list "Deployment") (dig "select" "kinds" nil .policy) -}}
{{- $apps := without ($kinds | uniq) "Rollout" -}}
{{- if $apps -}}
- apiGroups: [apps]
  resources: [{{ range $index, $kind := $apps }}{{ if $index }}, {{ end }}{{ lower $kind }}s{{ end }}]
  verbs: [get, list, watch, patch]
{{- end }}
{{- if has "Rollout" $kinds }}
- apiGroups: [argoproj.io]
  resources: [rollouts]
  verbs: [get, list, watch, patch]
{{- end }}
{{- if and .policy.ready (not (has "Deployment" $kinds)) }}
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get]
{{- end }}
- apiGroups: [""]
  resources: [pods]
  {{- /* RBAC knows no dry run; the guard does. */}}
  verbs: [list{{ if $trials }}, create{{ end }}]
{{- if include "nightshift.mayEvict" .policy }}
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
{{- end }}
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list]
- apiGroups: [""]
  resources: [resourcequotas]
  verbs: [list]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list]
{{- if $configMaps }}
- apiGroups: [""]
  resources: [configmaps{{ if $secrets }}, secrets{{ end }}]
  verbs: [list]
{{- end }}
- apiGroups: [""]
  resources: [namespaces]
  {{- if .namespace }}
  resourceNames: [{{ .namespace | quote }}]
  verbs: [get]
  {{- else }}
  verbs: [list]
  {{- end }}
{{- end -}}

{{/* Whether some workload may have one Pod more than it wants for a while; of the policy. Not empty for yes. */}}
{{- define "nightshift.mayReplace" -}}
{{- $may := or (dig "restart" "mayReplace" false .) (eq (dig "restart" "way" "auto" .) "replace") -}}
{{- range .stale -}}
{{- $may = or $may (eq (dig "way" "" .) "replace") -}}
{{- end -}}
{{- if $may }}yes{{ end -}}
{{- end -}}

{{/* Whether Pods may be evicted; of the policy. Not empty for yes. */}}
{{- define "nightshift.mayEvict" -}}
{{- $way := dig "restart" "way" "auto" . -}}
{{- $others := without (default list (dig "select" "kinds" nil .)) "Deployment" "Rollout" -}}
{{- $may := or (include "nightshift.mayReplace" .) (eq $way "evict") (and (eq $way "auto") $others) -}}
{{- range .stale -}}
{{- $may = or $may (eq (dig "way" "" .) "evict") -}}
{{- end -}}
{{- if $may }}yes{{ end -}}
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

{{/* Where nothing is restarted: `names` that the policy waits for. */}}
{{- define "nightshift.readyRules" -}}
- apiGroups: [apps]
  resources: [deployments]
  resourceNames: {{ .names | toJson }}
  verbs: [get]
{{- end -}}

{{/* The policy's word is not enough for this: RBAC has no right to the metadata of Secrets alone. */}}
{{- define "nightshift.checkSecrets" -}}
{{- range $index, $criterion := .Values.policy.stale -}}
{{- if and (dig "configChanged" "secrets" false $criterion) (not $.Values.rbac.secrets) -}}
{{- fail (printf "set rbac.secrets to true, or policy.stale[%d].configChanged.secrets to false: it takes the right to list Secrets, and who may list them may read them" $index) -}}
{{- end -}}
{{- end -}}
{{- end -}}
