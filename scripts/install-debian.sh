#!/usr/bin/env bash
# Install the Debian packages that a target of the Makefile needs and that are not there yet.
#   install-debian.sh GROUP...      groups: run test ollama monitoring containers; as root, or with sudo
# Does nothing, and asks for nothing, where all are there; elsewhere than on Debian it says what to install.
set -euo pipefail

wanted=()
for group in "$@"; do
  case $group in
    run) wanted+=(python3-venv) ;;
    test) wanted+=(chromium fonts-dejavu-core haproxy nginx-light redis-server systemd) ;;
    monitoring) wanted+=(prometheus) ;;
    containers) wanted+=(podman runc iptables debootstrap netavark aardvark-dns) ;;
    ollama) wanted+=(g++ nlohmann-json3-dev libstb-dev) ;;
    *) echo "install-debian.sh: no group $group" >&2; exit 64 ;;
  esac
done

# What is there counts, wherever it came from.
present() {
  case $1 in
    python3-venv) "${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null ;;
    nginx-light) command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] ;;
    haproxy) command -v haproxy >/dev/null || [ -x /usr/sbin/haproxy ] ;;
    systemd) command -v systemd-analyze >/dev/null ;;
    chromium | g++ | prometheus | redis-server) command -v "$1" >/dev/null ;;
    nlohmann-json3-dev) [ -e /usr/include/nlohmann/json_fwd.hpp ] ;;
    libstb-dev) [ -e /usr/include/stb/stb_image.h ] ;;
    *) dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed ;;
  esac
}

missing=()
for package in "${wanted[@]}"; do present "$package" || missing+=("$package"); done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "install-debian.sh: please install what Debian calls ${missing[*]}" >&2
  exit 0
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "install-debian.sh: as root, please: apt-get install ${missing[*]}" >&2; exit 77; }
  as_root=(sudo)
fi
echo "Installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
