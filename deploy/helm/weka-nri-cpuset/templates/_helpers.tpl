{{/* The one label that everything carries and the pods are selected by. */}}
{{- define "labels" -}}
app: weka-nri-cpuset
{{- end }}

{{- define "metadata" -}}
name: weka-nri-cpuset
namespace: {{ .Release.Namespace }}
labels:
  {{- include "labels" . | nindent 2 }}
{{- end }}

{{- define "image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What every container may do: as little as possible. */}}
{{- define "securityContext" -}}
privileged: false
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{/* Alerts and dashboards name the node, for a pod's address says nothing and changes. */}}
{{- define "endpoint" -}}
port: http
path: /metrics
interval: {{ .interval }}
relabelings:
  - sourceLabels: [__meta_kubernetes_pod_node_name]
    targetLabel: instance
{{- end }}
