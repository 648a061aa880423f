{{/* Names, labels, and what both kinds of pods share. */}}

{{- define "rstuf.name" -}}
{{- printf "%s" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "rstuf.selector" -}}
app.kubernetes.io/name: rstuf
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rstuf.labels" -}}
{{ include "rstuf.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "rstuf.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "rstuf.name" .) -}}
{{- end -}}

{{- define "rstuf.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "rstuf.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "rstuf.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 10001
capabilities: { drop: [ALL] }
{{- end -}}

{{- define "rstuf.environment" -}}
- { name: RSTUF_CONFIG, value: /etc/rstuf/rstuf.yaml }
- { name: RSTUF_DATA_DIR, value: /var/lib/rstuf }
- { name: RSTUF_DATABASE_PASSWORD_FILE, value: {{ printf "/run/secrets/rstuf/database/%s" .Values.secrets.database.key | quote }} }
{{- if .Values.secrets.databaseCa.name }}
- { name: RSTUF_DATABASE_CA_FILE, value: {{ printf "/run/secrets/rstuf/database-ca/%s" .Values.secrets.databaseCa.key | quote }} }
{{- end }}
{{- if .Values.secrets.storage.name }}
- name: {{ if eq .Values.config.storage.kind "azure" }}RSTUF_STORAGE_ACCOUNT_KEY_FILE{{ else }}RSTUF_STORAGE_SECRET_ACCESS_KEY_FILE{{ end }}
  value: {{ printf "/run/secrets/rstuf/storage/%s" .Values.secrets.storage.key | quote }}
{{- end }}
{{- end -}}

{{- define "rstuf.mounts" -}}
- { name: config, mountPath: /etc/rstuf, readOnly: true }
- { name: state, mountPath: /var/lib/rstuf }
- { name: tmp, mountPath: /tmp }
- { name: database, mountPath: /run/secrets/rstuf/database, readOnly: true }
{{- if .Values.secrets.databaseCa.name }}
- { name: database-ca, mountPath: /run/secrets/rstuf/database-ca, readOnly: true }
{{- end }}
{{- if .Values.secrets.storage.name }}
- { name: storage, mountPath: /run/secrets/rstuf/storage, readOnly: true }
{{- end }}
{{- end -}}

{{- define "rstuf.volumes" -}}
- name: config
  configMap: { name: {{ include "rstuf.name" . }} }
- name: state
  emptyDir: { sizeLimit: 64Mi }
- name: tmp
  emptyDir: { sizeLimit: 64Mi }
- name: database
  secret: { secretName: {{ .Values.secrets.database.name | quote }}, defaultMode: 0440 }
{{- if .Values.secrets.databaseCa.name }}
- name: database-ca
  secret: { secretName: {{ .Values.secrets.databaseCa.name | quote }}, defaultMode: 0440 }
{{- end }}
{{- if .Values.secrets.storage.name }}
- name: storage
  secret: { secretName: {{ .Values.secrets.storage.name | quote }}, defaultMode: 0440 }
{{- end }}
{{- end -}}
