{{/*
The name of everything. Kubernetes allows a CronJob 52 characters: a name that we derive is cut there, one that somebody
chose is refused by the schema.
*/}}
{{- define "nightshift.fullname" -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
{{- $chart := default .Chart.Name .Values.nameOverride -}}
{{- $name = ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name) -}}
{{- end -}}
{{- regexReplaceAll "[-.]+$" (trunc 52 $name) "" -}}
{{- end -}}

{{- define "nightshift.policyName" -}}
{{ include "nightshift.fullname" . }}-policy
{{- end -}}

{{- define "nightshift.checkpointName" -}}
{{ include "nightshift.fullname" . }}-checkpoint
{{- end -}}

{{/*
The guard is not namespaced: two releases of one name in two namespaces must not share it. A namespace has no dots, so
no two pairs of names make the same one.
*/}}
{{- define "nightshift.guardName" -}}
{{ include "nightshift.fullname" . }}-guard.{{ .Release.Namespace }}
{{- end -}}

{{/* Whether the API server can guard: not empty from Kubernetes 1.30 on. */}}
{{- define "nightshift.guardServed" -}}
{{- if .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy" -}}
yes
{{- end -}}
{{- end -}}

{{- define "nightshift.serviceAccountName" -}}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.name: needed when serviceAccount.create is false; the namespace's default account would give these rights to every Pod there" -}}
{{- end -}}
{{ default (include "nightshift.fullname" .) .Values.serviceAccount.name }}
{{- end -}}

{{- define "nightshift.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "nightshift.labels" -}}
{{ include "nightshift.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end -}}

{{- define "nightshift.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
A sidecar keeps a Job from ending, and an evicted run has to be resumed: the Pod stays out of both. Istio reads the
label, and the annotation in older versions.
*/}}
{{- define "nightshift.podLabels" -}}
{{- $ours := dict "sidecar.istio.io/inject" "false" -}}
{{- $ours = mergeOverwrite $ours (include "nightshift.selectorLabels" . | fromYaml) -}}
{{- mergeOverwrite (deepCopy (default dict .Values.podLabels)) $ours | toYaml -}}
{{- end -}}

{{- define "nightshift.podAnnotations" -}}
{{- $ours := dict
  "sidecar.istio.io/inject" "false"
  "linkerd.io/inject" "disabled"
  "vault.hashicorp.com/agent-inject" "false"
  "cluster-autoscaler.kubernetes.io/safe-to-evict" "false"
  "karpenter.sh/do-not-disrupt" "true"
-}}
{{- mergeOverwrite (deepCopy (default dict .Values.podAnnotations)) $ours | toYaml -}}
{{- end -}}

{{/* The environment that the chart answers for; whatever else is wanted comes from extraEnv. */}}
{{- define "nightshift.env" -}}
- name: NIGHTSHIFT_POLICY
  value: /etc/nightshift/policy.yaml
- name: NIGHTSHIFT_CHECKPOINT
  value: {{ include "nightshift.checkpointName" . | quote }}
- name: NIGHTSHIFT_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: NIGHTSHIFT_POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: NIGHTSHIFT_POD_UID
  valueFrom:
    fieldRef:
      fieldPath: metadata.uid
# The container's terminationMessagePath, where `kubectl describe pod` finds the last words of a run.
- name: NIGHTSHIFT_TERMINATION_LOG
  value: /dev/termination-log
{{- with .Values.rbac.namespaces }}
- name: NIGHTSHIFT_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
{{- if .Values.dryRun }}
- name: NIGHTSHIFT_DRY_RUN
  value: "true"
{{- end }}
{{- end -}}

{{/* Two variables of one name would leave it to the API server which one counts. */}}
{{- define "nightshift.checkExtraEnv" -}}
{{- $instead := dict
  "NIGHTSHIFT_POLICY" "policy"
  "NIGHTSHIFT_CHECKPOINT" "fullnameOverride"
  "NIGHTSHIFT_NAMESPACE" "helm --namespace"
  "NIGHTSHIFT_NAMESPACES" "rbac.namespaces"
  "NIGHTSHIFT_DRY_RUN" "dryRun"
  "NIGHTSHIFT_POD_NAME" "no value"
  "NIGHTSHIFT_POD_UID" "no value"
  "NIGHTSHIFT_TERMINATION_LOG" "no value"
-}}
{{- range $index, $variable := .Values.extraEnv -}}
{{- with get $instead $variable.name -}}
{{- fail (printf "extraEnv[%d].name: %s is the chart's to set (by %s)" $index $variable.name .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
When and what to restart is for the user to say. The schema would refuse a policy without it in words that help nobody,
and `helm lint` of the bare chart with it.
*/}}
{{- define "nightshift.checkPolicy" -}}
{{- $missing := list -}}
{{- if not .Values.policy.windows -}}
{{- $missing = append $missing "policy.windows.allow (when restarts may start)" -}}
{{- end -}}
{{- if not .Values.policy.stale -}}
{{- $missing = append $missing "policy.stale (what makes a workload stale)" -}}
{{- end -}}
{{- with $missing -}}
{{- fail (printf "set %s: there is no default. environments/dev.yaml, staging.yaml and production.yaml of this chart are complete examples; take one with --values" (join " and " .)) -}}
{{- end -}}
{{- end -}}
