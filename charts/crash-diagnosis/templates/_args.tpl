{{- /* The flags of `crash-diagnosis run`. A flag that has its default is not named. */}}
{{- define "crash-diagnosis.args" -}}
- run
- --lease-name={{ include "crash-diagnosis.fullname" . }}
{{- if .Values.signatures }}
- --signatures=/etc/crash-diagnosis/signatures
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}
