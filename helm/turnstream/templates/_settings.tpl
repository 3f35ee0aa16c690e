{{/* Settings of docs/settings.md: what follows from the values, and what `config` says over it. */}}

{{- define "turnstream.settings" -}}
{{- $bundled := .Values.postgres.enabled -}}
{{- $postgres := .Values.postgres -}}
{{- $kafka := .Values.kafka -}}
{{- $scylla := .Values.scylla -}}
{{- $own := dict
  "TURNSTREAM_POSTGRES_DATABASE" $postgres.database
  "TURNSTREAM_POSTGRES_SCHEMA" $postgres.schema
  "TURNSTREAM_POSTGRES_SESSIONS_TABLE" $postgres.tables.sessions
  "TURNSTREAM_POSTGRES_HUMAN_TURNS_TABLE" $postgres.tables.humanTurns
  "TURNSTREAM_POSTGRES_AGENT_TURNS_TABLE" $postgres.tables.agentTurns
  "TURNSTREAM_POSTGRES_STEPS_TABLE" $postgres.tables.steps
  "TURNSTREAM_POSTGRES_SSL_MODE" $postgres.sslMode
  "TURNSTREAM_EVENTS_PARTITIONS" $kafka.eventsPartitions
  "TURNSTREAM_CONNECT_CONNECTOR_NAME" .Values.capture.connectorName
  "TURNSTREAM_CONNECT_SLOT_NAME" .Values.capture.slotName
  "TURNSTREAM_CONNECT_PUBLICATION_NAME" .Values.capture.publicationName
  "TURNSTREAM_CONNECT_TOPIC_PREFIX" .Values.capture.topicPrefix
  "TURNSTREAM_CONNECT_HEARTBEAT_INTERVAL_MS" .Values.capture.heartbeatIntervalMs
  "TURNSTREAM_CONNECT_SNAPSHOT_MODE" .Values.capture.snapshotMode
  "TURNSTREAM_CONNECT_DELIVERY_MODE" .Values.capture.deliveryMode
  "TURNSTREAM_CQL_DATACENTER" $scylla.datacenter
  "TURNSTREAM_CQL_KEYSPACE" $scylla.keyspace
  "TURNSTREAM_CQL_DIALECT" $scylla.dialect
  "TURNSTREAM_CQL_TLS" ($scylla.tls | ternary "enabled" "disabled")
  "TURNSTREAM_METRICS_HOST" "0.0.0.0"
  "TURNSTREAM_METRICS_PORT" .Values.metrics.port
  "TURNSTREAM_LOG_LEVEL" .Values.logs.level
  "TURNSTREAM_LOG_FORMAT" .Values.logs.format
-}}
{{- if not $postgres.auth.userKey -}}
{{- $_ := set $own "TURNSTREAM_POSTGRES_USER" $postgres.auth.user -}}
{{- end -}}
{{- if $bundled -}}
{{- $_ := set $own "TURNSTREAM_POSTGRES_HOST" (include "turnstream.host" (list . (include "turnstream.partName" (list . "postgres")))) -}}
{{- $_ := set $own "TURNSTREAM_POSTGRES_PORT" $postgres.service.port -}}
{{- else -}}
{{- $_ := set $own "TURNSTREAM_POSTGRES_HOST" (include "turnstream.resolved" (list . $postgres.external.host)) -}}
{{- $_ := set $own "TURNSTREAM_POSTGRES_PORT" $postgres.external.port -}}
{{- with $postgres.external.connectHost -}}
{{- $_ := set $own "TURNSTREAM_CONNECT_POSTGRES_HOST" (include "turnstream.resolved" (list $ .)) -}}
{{- end -}}
{{- if int $postgres.external.connectPort -}}
{{- $_ := set $own "TURNSTREAM_CONNECT_POSTGRES_PORT" $postgres.external.connectPort -}}
{{- end -}}
{{- end -}}
{{- $_ := set $own "TURNSTREAM_KAFKA_BROKERS" (include "turnstream.brokers" .) -}}
{{- $_ := set $own "TURNSTREAM_KAFKA_TLS" ($kafka.tls | ternary "enabled" "disabled") -}}
{{- $_ := set $own "TURNSTREAM_KAFKA_SASL_MECHANISM" $kafka.auth.mechanism -}}
{{- if and (ne $kafka.auth.mechanism "none") (not $kafka.auth.userKey) -}}
{{- $_ := set $own "TURNSTREAM_KAFKA_SASL_USER" $kafka.auth.user -}}
{{- end -}}
{{- $copies := int $kafka.replicationFactor -}}
{{- if eq $copies 0 -}}{{- $copies = (and $kafka.enabled (ge (int $kafka.replicas) 3)) | ternary 3 1 -}}{{- end -}}
{{- $_ := set $own "TURNSTREAM_KAFKA_REPLICATION_FACTOR" $copies -}}
{{- if .Values.registry.enabled -}}
{{- $registry := printf "http://%s:%d" (include "turnstream.host" (list . (include "turnstream.partName" (list . "registry")))) (int .Values.registry.service.port) -}}
{{- $_ := set $own "TURNSTREAM_REGISTRY_URL" (printf "%s/apis/ccompat/v7" $registry) -}}
{{- $_ := set $own "TURNSTREAM_CONNECT_REGISTRY_URL" (printf "%s%s" $registry .Values.registry.connectPath) -}}
{{- else -}}
{{- $_ := set $own "TURNSTREAM_REGISTRY_URL" (include "turnstream.resolved" (list . .Values.registry.external.url)) -}}
{{- with .Values.registry.external.connectUrl -}}
{{- $_ := set $own "TURNSTREAM_CONNECT_REGISTRY_URL" (include "turnstream.resolved" (list $ .)) -}}
{{- end -}}
{{- end -}}
{{- if .Values.connect.enabled -}}
{{- $_ := set $own "TURNSTREAM_CONNECT_URL" (printf "http://%s:%d" (include "turnstream.host" (list . (include "turnstream.partName" (list . "connect")))) (int .Values.connect.service.port)) -}}
{{- else if .Values.connect.external.url -}}
{{- $_ := set $own "TURNSTREAM_CONNECT_URL" (include "turnstream.resolved" (list . .Values.connect.external.url)) -}}
{{- end -}}
{{- if $scylla.enabled -}}
{{- $_ := set $own "TURNSTREAM_CQL_CONTACT_POINTS" (include "turnstream.host" (list . (include "turnstream.partName" (list . "scylla")))) -}}
{{- $_ := set $own "TURNSTREAM_CQL_PORT" $scylla.service.port -}}
{{- else -}}
{{- $_ := set $own "TURNSTREAM_CQL_CONTACT_POINTS" (include "turnstream.resolved" (list . $scylla.external.contactPoints)) -}}
{{- $_ := set $own "TURNSTREAM_CQL_PORT" $scylla.external.port -}}
{{- end -}}
{{- if and $scylla.auth.user (not $scylla.auth.userKey) -}}
{{- $_ := set $own "TURNSTREAM_CQL_USER" $scylla.auth.user -}}
{{- end -}}
{{- $_ := set $own "TURNSTREAM_CQL_REPLICATION_FACTOR" (include "turnstream.cqlReplicas" .) -}}
{{- $all := include "turnstream.merged" (list $own .Values.config) | fromYaml -}}
{{- range $key := keys $all | sortAlpha }}
{{ $key }}: {{ include "turnstream.scalar" (get $all $key) | quote }}
{{- end }}
{{- end -}}

{{/* The four tables' names in Postgres, separated by commas. */}}
{{- define "turnstream.tables" -}}
{{- $settings := include "turnstream.settings" . | fromYaml -}}
{{- $names := list -}}
{{- range list "SESSIONS" "HUMAN_TURNS" "AGENT_TURNS" "STEPS" -}}
{{- $names = append $names (get $settings (printf "TURNSTREAM_POSTGRES_%s_TABLE" .)) -}}
{{- end -}}
{{- join "," $names -}}
{{- end -}}

{{/* Of the keyspace. */}}
{{- define "turnstream.cqlReplicas" -}}
{{- $scylla := .Values.scylla -}}
{{- $copies := int $scylla.replicationFactor -}}
{{- if eq $copies 0 -}}{{- $copies = (and $scylla.enabled (ge (include "turnstream.scyllaNodes" . | int) 3)) | ternary 3 1 -}}{{- end -}}
{{- $copies -}}
{{- end -}}

{{- define "turnstream.brokers" -}}
{{- if .Values.kafka.enabled -}}
{{- printf "%s:%d" (include "turnstream.host" (list . (include "turnstream.partName" (list . "kafka")))) (int .Values.kafka.service.port) -}}
{{- else -}}
{{- include "turnstream.resolved" (list . .Values.kafka.external.brokers) -}}
{{- end -}}
{{- end -}}

{{- define "turnstream.credentialsName" -}}
{{- include "turnstream.partName" (list . "credentials") -}}
{{- end -}}

{{/* list root key auth: `secretKeyRef` of a password. */}}
{{- define "turnstream.passwordRef" -}}
{{- $auth := index . 2 -}}
secretKeyRef:
  {{- if $auth.existingSecret }}
  name: {{ $auth.existingSecret }}
  key: {{ $auth.passwordKey }}
  {{- else }}
  name: {{ include "turnstream.credentialsName" (index . 0) }}
  key: {{ index . 1 }}
  {{- end }}
{{- end -}}

{{/* Variables that come out of secrets. */}}
{{- define "turnstream.secretEnv" -}}
{{- if .Values.postgres.auth.userKey }}
- name: TURNSTREAM_POSTGRES_USER
  valueFrom:
    secretKeyRef:
      name: {{ .Values.postgres.auth.existingSecret }}
      key: {{ .Values.postgres.auth.userKey }}
{{- end }}
- name: TURNSTREAM_POSTGRES_PASSWORD
  valueFrom:
    {{- include "turnstream.passwordRef" (list . "postgres-password" .Values.postgres.auth) | nindent 4 }}
{{- if ne .Values.kafka.auth.mechanism "none" }}
{{- if .Values.kafka.auth.userKey }}
- name: TURNSTREAM_KAFKA_SASL_USER
  valueFrom:
    secretKeyRef:
      name: {{ .Values.kafka.auth.existingSecret }}
      key: {{ .Values.kafka.auth.userKey }}
{{- end }}
- name: TURNSTREAM_KAFKA_SASL_PASSWORD
  valueFrom:
    {{- include "turnstream.passwordRef" (list . "kafka-password" .Values.kafka.auth) | nindent 4 }}
{{- end }}
{{- if or .Values.scylla.auth.user .Values.scylla.auth.userKey }}
{{- if .Values.scylla.auth.userKey }}
- name: TURNSTREAM_CQL_USER
  valueFrom:
    secretKeyRef:
      name: {{ .Values.scylla.auth.existingSecret }}
      key: {{ .Values.scylla.auth.userKey }}
{{- end }}
- name: TURNSTREAM_CQL_PASSWORD
  valueFrom:
    {{- include "turnstream.passwordRef" (list . "cql-password" .Values.scylla.auth) | nindent 4 }}
{{- end }}
{{- end -}}

{{/* Annotations of pods, so that they are replaced when settings or the chart's own secrets change. A password that
     the chart makes is not in it: it never changes, and a rendering without a cluster makes another each time. */}}
{{- define "turnstream.checksums" -}}
checksum/settings: {{ include "turnstream.settings" . | sha256sum }}
checksum/credentials: {{ list .Values.postgres.auth .Values.kafka.auth .Values.scylla.auth | toJson | sha256sum }}
{{- end -}}
