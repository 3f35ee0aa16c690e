{{/* Names, labels, images and small tools of all templates. */}}

{{- define "turnstream.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 40 characters: names of parts go behind it, and Kubernetes takes 63, of a CronJob 52. */}}
{{- define "turnstream.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* list root suffix: the name of an object. One that is too long keeps a digest of itself, so that no two are equal. */}}
{{- define "turnstream.partName" -}}
{{- $name := printf "%s-%s" (include "turnstream.fullname" (index . 0)) (index . 1 | replace "_" "-") -}}
{{- if gt (len $name) 52 -}}
{{- printf "%s-%s" ($name | trunc 43 | trimSuffix "-") ($name | sha256sum | trunc 8) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{/* list root component */}}
{{- define "turnstream.selectorLabels" -}}
app.kubernetes.io/name: {{ include "turnstream.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* list root component */}}
{{- define "turnstream.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "turnstream.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: {{ include "turnstream.name" $root }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* dict root name component [annotations] [labels]: the metadata of an object. */}}
{{- define "turnstream.metadata" -}}
name: {{ .name }}
namespace: {{ .namespace | default .root.Release.Namespace }}
labels:
  {{- include "turnstream.labels" (list .root .component) | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $annotations := include "turnstream.merged" (list .root.Values.commonAnnotations (.annotations | default dict)) | fromYaml }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* list base over: both as one, as YAML; null in `over` takes a key away. */}}
{{- define "turnstream.merged" -}}
{{- $out := deepCopy (index . 0) -}}
{{- range $key, $value := index . 1 -}}
{{- if and (kindIs "map" $value) (kindIs "map" (get $out $key)) -}}
{{- $_ := set $out $key (include "turnstream.merged" (list (get $out $key) $value) | fromYaml) -}}
{{- else if kindIs "invalid" $value -}}
{{- $_ := unset $out $key -}}
{{- else -}}
{{- $_ := set $out $key $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $out -}}
{{- end -}}

{{/* list root image: the name with registry, and tag or digest. */}}
{{- define "turnstream.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $registry := default $image.registry $root.Values.global.imageRegistry -}}
{{- $name := $image.repository -}}
{{- if $registry -}}{{- $name = printf "%s/%s" $registry $name -}}{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default $root.Chart.AppVersion $image.tag | toString) -}}
{{- end -}}
{{- end -}}

{{- define "turnstream.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat (.Values.global.imagePullSecrets | default list) .Values.imagePullSecrets -}}
{{- $names = append $names (kindIs "map" . | ternary (get (kindIs "map" . | ternary . dict) "name") .) -}}
{{- end -}}
{{- with uniq $names }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "turnstream.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "turnstream.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* A number without an exponent, a text as it is. */}}
{{- define "turnstream.scalar" -}}
{{- if kindIs "float64" . -}}
{{- if eq (. | int64 | float64) . -}}{{- . | int64 -}}{{- else -}}{{- . -}}{{- end -}}
{{- else -}}
{{- . | toString -}}
{{- end -}}
{{- end -}}

{{/* list root service-name: the DNS name within the cluster. */}}
{{- define "turnstream.host" -}}
{{- $root := index . 0 -}}
{{- printf "%s.%s.svc.%s" (index . 1) $root.Release.Namespace $root.Values.clusterDomain -}}
{{- end -}}

{{/* list root text: with templates in it resolved. */}}
{{- define "turnstream.resolved" -}}
{{- tpl (index . 1 | toString) (index . 0) -}}
{{- end -}}

{{/* The enabled projections, in the order of their names, as YAML: names: […] */}}
{{- define "turnstream.enabledProjections" -}}
names:
{{- range $name, $projection := omit .Values.projections "grouped" }}
{{- if $projection.enabled }}
  - {{ $name }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "turnstream.scyllaNodes" -}}
{{- $nodes := 0 -}}
{{- range .Values.scylla.racks -}}{{- $nodes = add $nodes (int .replicas) -}}{{- end -}}
{{- $nodes -}}
{{- end -}}

{{/* What contradicts itself, in one sentence each. */}}
{{- define "turnstream.validate" -}}
{{- $problems := list -}}
{{- if and (not .Values.postgres.enabled) (not .Values.postgres.external.host) -}}
{{- $problems = append $problems "postgres.enabled is false: name your Postgres in postgres.external.host." -}}
{{- end -}}
{{- if and (not .Values.postgres.enabled) (not .Values.postgres.auth.password) (not .Values.postgres.auth.existingSecret) -}}
{{- $problems = append $problems "postgres.enabled is false: give the password in postgres.auth.existingSecret, or in postgres.auth.password." -}}
{{- end -}}
{{- if and (not .Values.kafka.enabled) (not .Values.kafka.external.brokers) -}}
{{- $problems = append $problems "kafka.enabled is false: name your brokers in kafka.external.brokers." -}}
{{- end -}}
{{- if and .Values.kafka.enabled (or .Values.kafka.tls (ne .Values.kafka.auth.mechanism "none")) -}}
{{- $problems = append $problems "kafka.tls and kafka.auth are for external brokers: the bundled one has neither; set kafka.enabled to false." -}}
{{- end -}}
{{- if and (not .Values.connect.enabled) .Values.capture.enabled (not .Values.connect.external.url) -}}
{{- $problems = append $problems "connect.enabled is false: name its REST address in connect.external.url, or set capture.enabled to false." -}}
{{- end -}}
{{- if and (not .Values.registry.enabled) (not .Values.registry.external.url) -}}
{{- $problems = append $problems "registry.enabled is false: name its address in registry.external.url." -}}
{{- end -}}
{{- if and (not .Values.registry.enabled) .Values.capture.enabled (not .Values.registry.external.connectUrl) -}}
{{- $problems = append $problems "registry.enabled is false: name the address that Connect's converter uses in registry.external.connectUrl." -}}
{{- end -}}
{{- if and (not .Values.scylla.enabled) (not .Values.scylla.external.contactPoints) -}}
{{- $problems = append $problems "scylla.enabled is false: name your nodes in scylla.external.contactPoints." -}}
{{- end -}}
{{- if and .Values.kafka.persistence.existingClaim (gt (int .Values.kafka.replicas) 1) -}}
{{- $problems = append $problems "kafka.persistence.existingClaim is one volume: set kafka.replicas to 1." -}}
{{- end -}}
{{- if and .Values.scylla.persistence.existingClaim (gt (include "turnstream.scyllaNodes" . | int) 1) -}}
{{- $problems = append $problems "scylla.persistence.existingClaim is one volume: have one rack with one node." -}}
{{- end -}}
{{- if and .Values.capture.grants.enabled (not .Values.capture.grants.existingSecret) -}}
{{- $problems = append $problems "capture.grants.enabled needs capture.grants.existingSecret: the owner of the tables." -}}
{{- end -}}
{{- range $part := list "postgres" "kafka" "scylla" -}}
{{- $auth := (get $.Values $part).auth -}}
{{- if and $auth.userKey (not $auth.existingSecret) -}}
{{- $problems = append $problems (printf "%s.auth.userKey is a key of a secret: name that in %s.auth.existingSecret." $part $part) -}}
{{- end -}}
{{- end -}}
{{- $login := .Values.kafka.auth -}}
{{- if and (ne $login.mechanism "none") (not (or $login.existingSecret (and $login.user $login.password))) -}}
{{- $problems = append $problems "kafka.auth.mechanism needs a user and a password: name a secret in kafka.auth.existingSecret, or give both." -}}
{{- end -}}
{{- if and (ne $login.mechanism "none") (not $login.user) (not $login.userKey) -}}
{{- $problems = append $problems "kafka.auth.mechanism needs a user: kafka.auth.user, or kafka.auth.userKey of the secret." -}}
{{- end -}}
{{- if and .Values.test.enabled .Values.test.user (not .Values.test.existingSecret) -}}
{{- $problems = append $problems "test.user needs that user's password: name a secret in test.existingSecret." -}}
{{- end -}}
{{- if and .Values.connect.enabled (eq .Values.capture.deliveryMode "exactly-once") (ne .Values.connect.exactlyOnceSupport "enabled") -}}
{{- $problems = append $problems "capture.deliveryMode is exactly-once, and Connect is not set up for it: set connect.exactlyOnceSupport to enabled." -}}
{{- end -}}
{{- if and .Values.metrics.podMonitor.enabled .Values.metrics.serviceMonitor.enabled -}}
{{- $problems = append $problems "metrics.podMonitor and metrics.serviceMonitor would count everything twice: enable one." -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n\nThe values contradict themselves:\n  - %s\n" (join "\n  - " $problems)) -}}
{{- end -}}
{{- end -}}
