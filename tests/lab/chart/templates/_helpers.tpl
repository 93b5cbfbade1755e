{{/* The name of the application; Kubernetes' limit leaves 26 characters once the longest suffix is added. */}}
{{- define "pgedge.appName" -}}
{{- $name := required "pgEdge.appName must be set" .Values.pgEdge.appName -}}
{{- if gt (len $name) 26 -}}
{{- fail (printf "pgEdge.appName %q has %d characters, at most 26 are possible" $name (len $name)) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* The number of a node: given, or the digits of its name. */}}
{{- define "pgedge.ordinal" -}}
{{- if hasKey . "ordinal" -}}
{{- .ordinal -}}
{{- else -}}
{{- required (printf "node %q has no digits in its name, so it needs an ordinal" .name) (regexFind "[0-9]+" .name) | atoi -}}
{{- end -}}
{{- end -}}

{{/*
What the ConfigMap of the running release says about a node decides whether it
is new: a new node has to say how it is filled, a known one must not be filled
again. Without a ConfigMap no node is known, so an upgrade of a release that
never got that far is refused.
*/}}
{{- define "pgedge.checkBootstrap" -}}
{{- $app := include "pgedge.appName" . -}}
{{- if and .Release.IsUpgrade .Values.pgEdge.initSpock -}}
{{- $deployed := lookup "v1" "ConfigMap" .Release.Namespace (printf "%s-config" $app) | default dict -}}
{{- $known := dict -}}
{{- range (dig "data" "nodes" "[]" $deployed | fromYamlArray) -}}
{{- $_ := set $known .name true -}}
{{- end -}}
{{- range .Values.pgEdge.nodes -}}
{{- $mode := dig "bootstrap" "mode" "" . -}}
{{- if and (not (hasKey $known .name)) (not $mode) -}}
{{- fail (printf "New node %s must specify bootstrap.mode" .name) -}}
{{- end -}}
{{- if and (hasKey $known .name) $mode -}}
{{- fail (printf "node %q is already deployed: it must not have bootstrap.mode" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range .Values.pgEdge.nodes -}}
{{- if and (eq (dig "bootstrap" "mode" "" .) "spock") (not (dig "bootstrap" "sourceNode" "" .)) -}}
{{- fail (printf "node %q has bootstrap.mode spock: it must have bootstrap.sourceNode" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
