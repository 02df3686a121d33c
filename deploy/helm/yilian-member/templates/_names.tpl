{{- define "yilian.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- define "yilian.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
{{- define "yilian.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- define "yilian.probes" -}}
# The process lives while it answers; it is ready while it writes and its index keeps up.
startupProbe:
  httpGet: {path: /livez, port: gateway}
  periodSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: gateway}
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
readinessProbe:
  httpGet: {path: /readyz, port: gateway}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}
{{- /* Lays a member's folder down once and never over one that is there: an older note of what the
validator signed, or a key that was replaced, must not come back. Key files must be readable by their
owner alone, which files of a Secret's volume are not. */ -}}
{{- define "yilian.layDown" -}}
- name: lay-down
  image: {{ include "yilian.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  securityContext: {{- toYaml .Values.containerSecurityContext | nindent 4 }}
  command:
    - sh
    - -euc
    - |
      umask 077
      if [ ! -e /node/node.json ]; then
        # node.json comes last: what was broken off before is not taken for a folder.
        rm -rf /node/.incoming
        mkdir /node/.incoming
        tar -xzf /given/member.tar.gz -C /node/.incoming
        mv /node/.incoming/node.json /node/.node.json
        mv /node/.incoming/* /node/
        mv /node/.node.json /node/node.json
        rmdir /node/.incoming
      fi
      if [ -e /given/node.json ]; then install -m 600 /given/node.json /node/node.json; fi
      for each in /node/*.key /node/organisations/*key /node/engine/config/*.json; do
        [ ! -f "$each" ] || chmod 600 "$each"
      done
      if [ -e /postgresql/pgpass ]; then install -m 600 /postgresql/pgpass /keys/pgpass; fi
{{- end -}}
