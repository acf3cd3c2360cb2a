#!/usr/bin/env bash
# Make what stands in for a registry's images, once for a machine, and print where it is:   base-image.sh FOLDER
# One archive of Debian's packages (Python, nginx, Redis), this machine's Node and what MongoDB is in tests. As root; three
# minutes, 400 MB.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
secantus=$(sed -n 's/.*"\(secantusdb==[^"]*\)".*/\1/p' "$here/../../pyproject.toml")
packages=python3,python3-venv,ca-certificates,nginx-light,redis-server
node=$(command -v node)
digest=$({ cat "$0"; echo "$secantus"; node --version; } | sha256sum | cut -c 1-16)
archive=$1/base-$digest.tar

if [ ! -e "$archive" ]; then
  mkdir -p "$1"
  making=$(mktemp -d "$1/making.XXXXXX")
  trap 'rm -rf "$making"' EXIT
  chmod 0755 "$making"
  root=$making/root
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Component: main' | head -n 1)
  debootstrap --variant=minbase --include="$packages" bookworm "$root" "${mirror:-http://deb.debian.org/debian}" >&2
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}
  install -D "$(readlink -f "$node")" "$root/usr/local/bin/node"
  mkdir -p "$root/usr/local/lib/node_modules"
  cp -R "$(npm root --global)/npm" "$root/usr/local/lib/node_modules/npm"
  rm -f "$root/usr/local/lib/node_modules/npm/npmrc" # what a packager had npm do on this machine
  # For the Python in there, whichever is out here.
  python3 -m pip install --quiet --target "$root/opt/stand-ins" --python-version 3.11 --implementation cp \
    --only-binary :all: "$secantus" >&2
  install -d -o 999 -g 999 "$root/data" "$root/data/db" "$root/data/configdb" # as MongoDB's image has them
  tar -C "$root" -cf "$making/base.tar" .
  rm -f "$1"/base-*.tar
  mv "$making/base.tar" "$archive"
fi
echo "$archive"
