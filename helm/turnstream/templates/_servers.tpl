{{/* What the bundled servers have in common: variables, volumes, claims, services. */}}

{{/* list computed given: variables by name, those given over those computed. */}}
{{- define "turnstream.serverEnv" -}}
{{- $all := include "turnstream.merged" . | fromYaml -}}
{{- range $name := keys $all | sortAlpha }}
- name: {{ $name }}
  value: {{ include "turnstream.scalar" (get $all $name) | quote }}
{{- end }}
{{- end -}}

{{/* dict root part name container: image, command, security context and resources of a server's container. */}}
{{- define "turnstream.serverContainer" -}}
name: {{ .container }}
image: {{ include "turnstream.image" (list .root .part.image) }}
imagePullPolicy: {{ .part.image.pullPolicy }}
{{- with .part.command | default .command }}
command:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.args | default .args }}
args:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "turnstream.securityContext" (list .root .part) | nindent 2 }}
{{- with .part.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* list root part component: labels and annotations of a server's pods. Without versions: another version of the chart
     alone restarts no database. */}}
{{- define "turnstream.serverPodMetadata" -}}
{{- $part := index . 1 -}}
labels:
  {{- include "turnstream.selectorLabels" (list (index . 0) (index . 2)) | nindent 2 }}
  {{- with $part.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $part.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* list persistence: what becomes of the claims. */}}
{{- define "turnstream.claimRetention" -}}
{{- if and .enabled (not .existingClaim) }}
persistentVolumeClaimRetentionPolicy:
  whenDeleted: {{ .whenDeleted }}
  whenScaled: {{ .whenScaled }}
{{- end }}
{{- end -}}

{{/* list root part component: the claim that a StatefulSet makes for each pod. */}}
{{- define "turnstream.claimTemplates" -}}
{{- $root := index . 0 -}}
{{- $persistence := (index . 1).persistence -}}
{{- if and $persistence.enabled (not $persistence.existingClaim) }}
volumeClaimTemplates:
  - metadata:
      name: data
      labels:
        {{- include "turnstream.selectorLabels" (list $root (index . 2)) | nindent 8 }}
      {{- with $persistence.annotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      accessModes:
        {{- toYaml $persistence.accessModes | nindent 8 }}
      {{- $class := default $root.Values.global.storageClass $persistence.storageClass }}
      {{- if eq $class "-" }}
      storageClassName: ""
      {{- else if $class }}
      storageClassName: {{ $class }}
      {{- end }}
      resources:
        requests:
          storage: {{ $persistence.size }}
{{- end }}
{{- end -}}

{{/* list persistence: the volume `data` where no claim template makes it. */}}
{{- define "turnstream.dataVolume" -}}
{{- if not .enabled }}
- name: data
  emptyDir: {}
{{- else if .existingClaim }}
- name: data
  persistentVolumeClaim:
    claimName: {{ .existingClaim }}
{{- end }}
{{- end -}}

{{/* dict root part component ports: a Service with a stable address, and with `headless` one that names each pod. */}}
{{- define "turnstream.serverService" -}}
apiVersion: v1
kind: Service
metadata:
  {{- $name := include "turnstream.partName" (list .root (.headless | ternary (printf "%s-nodes" .component) .component)) }}
  {{- include "turnstream.metadata" (dict "root" .root "name" $name "component" .component "annotations" (.headless | ternary dict .part.service.annotations)) | nindent 2 }}
spec:
  type: ClusterIP
  {{- if .headless }}
  clusterIP: None
  publishNotReadyAddresses: true
  {{- end }}
  selector:
    {{- include "turnstream.selectorLabels" (list .root .component) | nindent 4 }}
  ports:
    {{- range .ports }}
    - name: {{ .name }}
      port: {{ .port }}
      targetPort: {{ .name }}
      protocol: TCP
    {{- end }}
{{- end -}}
