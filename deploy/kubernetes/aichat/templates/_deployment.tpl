{{/* One kind of process: dict "root" $, "component" (service, worker), "roles" (empty: all), "replicas", "resources". */}}
{{- define "aichat.deployment" -}}
{{- $root := .root }}
{{- $base := include "aichat.base" $root }}
{{- $token := and $root.Values.hub.apiUrl $root.Values.hub.token.secret (eq .component "service") }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  labels:
    {{- include "aichat.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  {{- if not $root.Values.autoscaling.enabled }}
  replicas: {{ .replicas }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "aichat.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }
  template:
    metadata:
      labels:
        {{- include "aichat.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
        {{- if $root.Values.hub.apiUrl }}
        hub.jupyter.org/network-access-hub: "true"
        {{- end }}
      annotations:
        checksum/config: {{ include (print $root.Template.BasePath "/configmap.yaml") $root | sha256sum }}
        {{- with $root.Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      automountServiceAccountToken: false
      # A Service of the name aichat would put AICHAT_PORT=tcp://… into the environment.
      enableServiceLinks: false
      # SIGTERM comes after preStop; then answers are handed over to the others, which takes 5 s at most.
      terminationGracePeriodSeconds: 30
      {{- with $root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        runAsGroup: 10001
        fsGroup: 10001
        fsGroupChangePolicy: OnRootMismatch
        seccompProfile: { type: RuntimeDefault }
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "aichat.selector" $root | nindent 14 }}
              app.kubernetes.io/component: {{ .component }}
      {{- with $root.Values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $root.Values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: aichat
          image: {{ include "aichat.image" $root | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args:
            - serve
            - --ip=0.0.0.0
            - --port=8790
            {{- with .roles }}
            - --roles={{ . }}
            {{- end }}
          ports:
            - { name: http, containerPort: 8790, protocol: TCP }
          securityContext:
            allowPrivilegeEscalation: false
            privileged: false
            readOnlyRootFilesystem: true
            capabilities: { drop: [ALL] }
          # Until balancers have heard that this pod goes, requests still come to it.
          lifecycle: { preStop: { exec: { command: [sleep, "5"] } } }
          startupProbe:
            httpGet: { path: {{ $base }}/health, port: http }
            periodSeconds: 2
            failureThreshold: 30
          livenessProbe:
            httpGet: { path: {{ $base }}/health, port: http }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: { path: {{ $base }}/ready, port: http }
            periodSeconds: 5
            timeoutSeconds: 6
            failureThreshold: 2
          resources: {{- toYaml (.resources | default $root.Values.resources) | nindent 12 }}
          volumeMounts:
            - { name: config, mountPath: /etc/jupyter-aichat, readOnly: true }
            - { name: secrets, mountPath: /run/secrets/aichat, readOnly: true }
            {{- if $token }}
            - { name: hub-token, mountPath: /run/secrets/aichat-hub, readOnly: true }
            {{- end }}
            - { name: data, mountPath: /var/lib/jupyter-aichat }
            - { name: tmp, mountPath: /tmp }
      volumes:
        - name: config
          configMap: { name: {{ include "aichat.name" $root }} }
        - name: secrets
          secret: { secretName: {{ $root.Values.secret }}, defaultMode: 0440 }
        {{- if $token }}
        - name: hub-token
          secret:
            secretName: {{ $root.Values.hub.token.secret }}
            defaultMode: 0440
            items: [{ key: {{ $root.Values.hub.token.key }}, path: api_token }]
        {{- end }}
        - name: data
          emptyDir: { sizeLimit: 64Mi }
        - name: tmp
          emptyDir: { sizeLimit: 256Mi }
{{- end }}
