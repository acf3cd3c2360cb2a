#!/usr/bin/env bash
# Make the secrets of docker-compose.yml that are not there yet:   secrets.sh [FOLDER]
# The folder is its owner's alone. The files in it can be read by everybody who may enter it, since each is mounted into
# a container by itself, where a user without a name reads it. What is there is never changed.
set -euo pipefail

folder=${1:-$(cd "$(dirname "$0")" && pwd)/secrets}
mkdir -p "$folder"
chmod 0700 "$folder"
cd "$folder"

# put NAME: keep standard input in a file, whole or not at all.
put() {
  umask 077
  cat >".$1"
  chmod 0444 ".$1"
  mv ".$1" "$1"
}

for name in aichat_secret metrics_token mongodb_password mongodb_root_password redis_password grafana_password; do
  [ -e $name ] || openssl rand -hex 32 | put $name
done
[ -e mongodb_key ] || openssl rand -base64 756 | put mongodb_key

[ -e store_url ] || put store_url <<EOF
mongodb://aichat:$(cat mongodb_password)@mongodb:27017/aichat?authSource=admin&replicaSet=rs0
EOF
[ -e redis_url ] || put redis_url <<EOF
redis://:$(cat redis_password)@redis:6379/0
EOF
[ -e redis.conf ] || put redis.conf <<EOF
requirepass $(cat redis_password)
EOF

# Until there is one that browsers know: a certificate of its own.
if [ ! -e fullchain.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout .key -out .chain 2>/dev/null
  put privkey.pem <.key
  put fullchain.pem <.chain
  rm .key .chain
fi
