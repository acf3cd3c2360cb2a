#!/usr/bin/env bash
# Build the real Ollama (CPU) as an ordinary Go program and print the path of its binary.
#   install.sh [VERSION]      about 5 minutes on 2 cores, then cached; needs Go 1.24+, gcc and g++
# The binary lands in ~/.cache/jupyter-aichat/ollama/VERSION (or $AICHAT_CACHE/ollama/VERSION), where the
# test fixture looks for it. Three headers sit in vendored folders that a Go module does not carry: two come
# from Debian, the third (an audio decoder that text models never call) is the stub beside this file.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
version=${1:-$(cat "$here/VERSION")}
target=${AICHAT_CACHE:-$HOME/.cache/jupyter-aichat}/ollama/$version

if [ ! -x "$target/ollama" ]; then
  command -v go >/dev/null || { echo "install.sh: Go is missing: the real Ollama is built with it" >&2; exit 69; }
  "$here/../../scripts/install-debian.sh" ollama >&2
  mkdir -p "$target"
  # Built beside its place and moved there at once, so that nobody ever runs half a binary.
  building=$(mktemp -d "$target/building.XXXXXX")
  trap 'rm -rf "$building"' EXIT
  GOBIN=$building CGO_CPPFLAGS="-I$here/include" go install "github.com/ollama/ollama@$version" >&2
  mv "$building/ollama" "$target/ollama"
fi
echo "$target/ollama"
