{{- define "aichat.name" -}}
{{- if contains "aichat" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-aichat" .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "aichat.selector" -}}
app.kubernetes.io/name: aichat
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "aichat.labels" -}}
{{ include "aichat.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "aichat.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Where the service begins, below the Hub if there is one. */}}
{{- define "aichat.prefix" -}}
{{- with .Values.hub }}
{{- if .apiUrl }}{{ trimSuffix "/" .baseUrl }}/services/{{ .serviceName }}{{ end }}
{{- end }}/
{{- end }}

{{/* Where its routes begin: the probes and Prometheus ask below it. */}}
{{- define "aichat.base" -}}
{{ include "aichat.prefix" . }}api/aichat/v1
{{- end }}
