{{/* Jobs and their pods. */}}

{{/* dict root name component part args [waitFor]: the pod of a job of ours, from `metadata` on. */}}
{{- define "turnstream.jobPod" -}}
{{- $part := merge (deepCopy .part) (deepCopy .root.Values.jobs) -}}
metadata:
  labels:
    {{- include "turnstream.selectorLabels" (list .root .component) | nindent 4 }}
    {{- with $part.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    {{- include "turnstream.checksums" .root | nindent 4 }}
    {{- with $part.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "turnstream.podCommon" (dict "root" .root "part" $part "component" .component) | nindent 2 }}
  {{- /* A new pod each time: the log of the one that failed stays. */}}
  restartPolicy: Never
  {{- with .waitFor }}
  initContainers:
    {{- include "turnstream.waitFor" (concat (list $.root) .) | nindent 4 }}
  {{- end }}
  containers:
    - {{- include "turnstream.container" (dict "root" .root "name" .component "part" $part "args" .args) | nindent 6 }}
  volumes:
    {{- include "turnstream.volumes" (dict "root" .root "part" $part) | nindent 4 }}
{{- end -}}

{{/* As a plain Job, not as a hook: `helm install --wait` runs hooks after everything is ready, and nothing gets ready
     before these. A Job cannot be changed, so its name has a digest of it: another configuration is another Job. */}}
{{- define "turnstream.job" -}}
{{- $pod := include "turnstream.jobPod" . -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- $name := printf "%s-%s" (include "turnstream.partName" (list .root .component)) ($pod | sha256sum | trunc 8) }}
  {{- include "turnstream.metadata" (dict "root" .root "name" $name "component" .component "annotations" .root.Values.jobs.annotations) | nindent 2 }}
spec:
  backoffLimit: {{ .part.backoffLimit }}
  template:
    {{- $pod | nindent 4 }}
{{- end -}}

{{/* dict root component part args: a CronJob of ours. */}}
{{- define "turnstream.cronJob" -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  {{- include "turnstream.metadata" (dict "root" .root "name" (include "turnstream.partName" (list .root .component)) "component" .component "annotations" .root.Values.jobs.annotations) | nindent 2 }}
spec:
  schedule: {{ .part.schedule | quote }}
  suspend: {{ .part.suspend }}
  concurrencyPolicy: Forbid
  successfulJobsHistoryLimit: 3
  failedJobsHistoryLimit: 3
  jobTemplate:
    metadata:
      labels:
        {{- include "turnstream.labels" (list .root .component) | nindent 8 }}
    spec:
      backoffLimit: {{ .part.backoffLimit }}
      template:
        {{- include "turnstream.jobPod" . | nindent 8 }}
{{- end -}}
