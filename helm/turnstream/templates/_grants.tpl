{{/* The pod that runs files/grants.sql as an owner of the tables. */}}
{{- define "turnstream.grantsPod" -}}
{{- $grants := .Values.capture.grants -}}
{{- $settings := include "turnstream.settings" . | fromYaml -}}
{{- $asPostgres := dict "image" .Values.postgres.image "podSecurityContext" .Values.postgres.podSecurityContext -}}
{{- $part := merge (deepCopy $asPostgres) .Values.capture.grants (deepCopy .Values.jobs) -}}
metadata:
  labels:
    {{- include "turnstream.selectorLabels" (list . "grants") | nindent 4 }}
    {{- with $part.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/script: {{ .Files.Get "files/grants.sql" | sha256sum }}
    {{- include "turnstream.checksums" . | nindent 4 }}
    {{- with $part.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "turnstream.podCommon" (dict "root" . "part" $part "component" "grants") | nindent 2 }}
  restartPolicy: Never
  containers:
    - {{- include "turnstream.serverContainer" (dict "root" . "part" $part "container" "grants"
        "command" (list "psql" "--no-psqlrc" "--set=ON_ERROR_STOP=1" "--file=/etc/turnstream/grants.sql")) | nindent 6 }}
      env:
        - name: PGHOST
          value: {{ get $settings "TURNSTREAM_POSTGRES_HOST" | quote }}
        - name: PGPORT
          value: {{ get $settings "TURNSTREAM_POSTGRES_PORT" | quote }}
        - name: PGDATABASE
          value: {{ get $settings "TURNSTREAM_POSTGRES_DATABASE" | quote }}
        - name: PGSSLMODE
          value: {{ get $settings "TURNSTREAM_POSTGRES_SSL_MODE" | quote }}
        {{- if and .Values.tls.caSecret (eq .Values.postgres.sslMode "verify-full") }}
        - name: PGSSLROOTCERT
          value: /etc/turnstream/ca/{{ .Values.tls.caKey }}
        {{- end }}
        - name: PGUSER
          valueFrom:
            secretKeyRef:
              name: {{ $grants.existingSecret }}
              key: {{ $grants.userKey }}
        - name: PGPASSWORD
          valueFrom:
            secretKeyRef:
              name: {{ $grants.existingSecret }}
              key: {{ $grants.passwordKey }}
        - name: CAPTURE_USER
          {{- if .Values.postgres.auth.userKey }}
          valueFrom:
            secretKeyRef:
              name: {{ .Values.postgres.auth.existingSecret }}
              key: {{ .Values.postgres.auth.userKey }}
          {{- else }}
          value: {{ .Values.postgres.auth.user | quote }}
          {{- end }}
        - name: CAPTURE_PASSWORD
          valueFrom:
            {{- include "turnstream.passwordRef" (list . "postgres-password" .Values.postgres.auth) | nindent 12 }}
        - name: CAPTURE_SCHEMA
          value: {{ get $settings "TURNSTREAM_POSTGRES_SCHEMA" | quote }}
        - name: CAPTURE_TABLES
          value: {{ include "turnstream.tables" . | quote }}
        - name: CAPTURE_PUBLICATION
          value: {{ get $settings "TURNSTREAM_CONNECT_PUBLICATION_NAME" | quote }}
        - name: CAPTURE_REPLICATION
          value: {{ $grants.replication | quote }}
      volumeMounts:
        - name: script
          mountPath: /etc/turnstream/grants.sql
          subPath: grants.sql
          readOnly: true
        {{- if .Values.tls.caSecret }}
        - name: ca
          mountPath: /etc/turnstream/ca
          readOnly: true
        {{- end }}
        - name: tmp
          mountPath: /tmp
        {{- with $part.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: script
      configMap:
        name: {{ include "turnstream.partName" (list . "grants") }}
    {{- include "turnstream.volumes" (dict "root" . "part" $part) | nindent 4 }}
{{- end -}}
