{{/* Pods: what all have in common, and those of Turnstream's own image. */}}

{{/* dict root part component: everything of a pod beside its containers and volumes. A part's value wins over the common one. */}}
{{- define "turnstream.podCommon" -}}
serviceAccountName: {{ include "turnstream.serviceAccountName" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- include "turnstream.imagePullSecrets" .root }}
securityContext:
  {{- include "turnstream.merged" (list .root.Values.podSecurityContext (.part.podSecurityContext | default dict)) | nindent 2 }}
{{- with .part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .part.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- $own := include "turnstream.selectorLabels" (list .root .component) | fromYaml }}
  {{- range .part.topologySpreadConstraints }}
  - {{- merge (deepCopy .) (dict "labelSelector" (dict "matchLabels" $own)) | toYaml | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* list root part: the container's security context. */}}
{{- define "turnstream.securityContext" -}}
{{- include "turnstream.merged" (list (index . 0).Values.securityContext ((index . 1).securityContext | default dict)) -}}
{{- end -}}

{{/* Variables, each once: of two with one name the last counts, as it does for a container. */}}
{{- define "turnstream.lastOfEach" -}}
{{- $kept := list -}}
{{- $seen := dict -}}
{{- range reverse . -}}
{{- if not (hasKey $seen .name) -}}
{{- $_ := set $seen .name true -}}
{{- $kept = prepend $kept . -}}
{{- end -}}
{{- end -}}
{{- toYaml $kept -}}
{{- end -}}

{{/* dict root name part args [service]: one container of Turnstream's own image; a service has metrics and probes. */}}
{{- define "turnstream.container" -}}
{{- $root := .root -}}
{{- $part := .part -}}
name: {{ .name }}
image: {{ include "turnstream.image" (list $root $root.Values.image) }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
{{- with $part.command }}
command:
  {{- toYaml . | nindent 2 }}
{{- end }}
args:
  {{- default .args $part.args | toYaml | nindent 2 }}
securityContext:
  {{- include "turnstream.securityContext" (list $root $part) | nindent 2 }}
envFrom:
  - configMapRef:
      name: {{ include "turnstream.partName" (list $root "settings") }}
  {{- with $part.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $variables := include "turnstream.secretEnv" $root | fromYamlArray }}
{{- if $root.Values.tls.caSecret }}
{{- $variables = append $variables (dict "name" "NODE_EXTRA_CA_CERTS" "value" (printf "/etc/turnstream/ca/%s" $root.Values.tls.caKey)) }}
{{- end }}
{{- range $key, $value := $part.config | default dict }}
{{- $variables = append $variables (dict "name" $key "value" (include "turnstream.scalar" $value)) }}
{{- end }}
env:
  {{- include "turnstream.lastOfEach" (concat $variables ($part.extraEnv | default list)) | nindent 2 }}
{{- if .service }}
ports:
  - name: metrics
    containerPort: {{ $root.Values.metrics.port }}
    protocol: TCP
livenessProbe:
  httpGet:
    path: /health/live
    port: metrics
  {{- with $part.livenessProbe }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
readinessProbe:
  httpGet:
    path: /health/ready
    port: metrics
  {{- with $part.readinessProbe }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- with $part.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- if $root.Values.tls.caSecret }}
  - name: ca
    mountPath: /etc/turnstream/ca
    readOnly: true
  {{- end }}
  {{- with $part.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* dict root part: the volumes of such a pod. */}}
{{- define "turnstream.volumes" -}}
- name: tmp
  emptyDir: {}
{{- if .root.Values.tls.caSecret }}
- name: ca
  secret:
    secretName: {{ .root.Values.tls.caSecret }}
{{- end }}
{{- with .part.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* list root what…: an init container that waits until these are there, and says what it waits for. */}}
{{- define "turnstream.waitFor" -}}
{{- $root := index . 0 -}}
{{- $part := dict "resources" (dict "requests" (dict "cpu" "20m" "memory" "96Mi") "limits" (dict "memory" "256Mi")) -}}
- {{- include "turnstream.container" (dict "root" $root "name" "wait" "part" $part "args" (concat (list "wait") (rest .))) | nindent 2 }}
{{- end -}}

{{/* dict root name component part args drainSetting drainGroup [labels] [waitFor]: a Deployment of a service of ours. */}}
{{- define "turnstream.deployment" -}}
{{- $root := .root -}}
{{- $part := .part -}}
{{- $labels := merge (dict "turnstream.io/metrics" "true") (.labels | default dict) -}}
{{- $settings := include "turnstream.settings" $root | fromYaml -}}
{{- $drainMs := int64 (include "turnstream.scalar" (get ($part.config | default dict) .drainSetting | default (get $settings .drainSetting) | default "20000")) -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "turnstream.metadata" (dict "root" $root "name" .name "component" .component "annotations" $part.annotations "labels" .labels) | nindent 2 }}
spec:
  replicas: {{ $part.replicas }}
  strategy:
    {{- toYaml $part.strategy | nindent 4 }}
  selector:
    matchLabels:
      {{- include "turnstream.selectorLabels" (list $root .component) | nindent 6 }}
      {{- with .labels }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  template:
    metadata:
      labels:
        {{- include "turnstream.selectorLabels" (list $root .component) | nindent 8 }}
        {{- toYaml $labels | nindent 8 }}
        {{- with $part.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        {{- include "turnstream.checksums" $root | nindent 8 }}
        {{- if $root.Values.metrics.scrapeAnnotations }}
        prometheus.io/scrape: "true"
        prometheus.io/port: {{ $root.Values.metrics.port | quote }}
        prometheus.io/path: /metrics
        {{- end }}
        {{- with $part.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "turnstream.podCommon" (dict "root" $root "part" $part "component" .component) | nindent 6 }}
      {{- /* Above the drain and above its whole seconds. */}}
      terminationGracePeriodSeconds: {{ $part.terminationGracePeriodSeconds | default (add 15 (div (add $drainMs 999) 1000)) }}
      initContainers:
        {{- include "turnstream.waitFor" (concat (list $root) .waitFor) | nindent 8 }}
        {{- with $part.initContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      containers:
        - {{- include "turnstream.container" (dict "root" $root "name" .component "part" $part "args" .args "service" true) | nindent 10 }}
        {{- with $part.extraContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      volumes:
        {{- include "turnstream.volumes" (dict "root" $root "part" $part) | nindent 8 }}
{{- end -}}

{{/* dict root name part component [labels]: keeps voluntary disruptions from taking all of a part. */}}
{{- define "turnstream.podDisruptionBudget" -}}
{{- if .part.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "turnstream.metadata" (dict "root" .root "name" .name "component" .component "labels" .labels) | nindent 2 }}
spec:
  maxUnavailable: {{ .part.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "turnstream.selectorLabels" (list .root .component) | nindent 6 }}
      {{- with .labels }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- end }}
{{- end -}}
