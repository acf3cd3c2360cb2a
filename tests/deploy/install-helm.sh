#!/usr/bin/env bash
# Build the real Helm as an ordinary Go program and print the path of its binary.
#   install-helm.sh [VERSION]      about 2 minutes on 2 cores, then cached; needs Go 1.24+
# The binary lands in ~/.cache/jupyter-aichat/helm/VERSION (or $AICHAT_CACHE/helm/VERSION), where tests/deploy/helm.py looks.
set -euo pipefail

version=${1:-$(cat "$(dirname "$0")/HELM_VERSION")}
target=${AICHAT_CACHE:-$HOME/.cache/jupyter-aichat}/helm/$version

if [ ! -x "$target/helm" ]; then
  command -v go >/dev/null || { echo "install-helm.sh: Go is missing: Helm is built with it" >&2; exit 69; }
  mkdir -p "$target"
  # Built beside its place and moved there at once, so that nobody ever runs half a binary.
  building=$(mktemp -d "$target/building.XXXXXX")
  trap 'rm -rf "$building"' EXIT
  GOBIN=$building go install -ldflags='-s -w' "helm.sh/helm/v3/cmd/helm@$version" >&2
  mv "$building/helm" "$target/helm"
fi
echo "$target/helm"
