{{- /* The flags of `crash-diagnosis run`. A flag that has its default is not named. */}}
{{- define "crash-diagnosis.args" -}}
- run
- --lease-name={{ include "crash-diagnosis.fullname" . }}
- --log-format={{ .Values.log.format }}
{{- if ne .Values.log.level "info" }}
- {{ printf "--log-level=%s" .Values.log.level | quote }}
{{- end }}
{{- with .Values.watch.namespaces }}
- --namespaces={{ join "," . }}
{{- end }}
{{- with .Values.watch.excludeNamespaces }}
- --exclude-namespaces={{ join "," . }}
{{- end }}
{{- with .Values.watch.labelSelector }}
- {{ printf "--pod-selector=%s" . | quote }}
{{- end }}
{{- if not .Values.evidence.logs }}
- --no-logs
{{- end }}
{{- if not .Values.evidence.logExcerpts }}
- --no-log-excerpts
{{- end }}
{{- if .Values.evidence.configMaps }}
- --read-configmaps
{{- end }}
{{- if ne .Values.resolveAfter "10m" }}
- --resolve-after={{ .Values.resolveAfter }}
{{- end }}
{{- if ne .Values.retention "24h" }}
- --retention={{ .Values.retention }}
{{- end }}
{{- if .Values.signatures }}
- --signatures=/etc/crash-diagnosis/signatures
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}
