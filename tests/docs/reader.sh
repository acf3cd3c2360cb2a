# What a reader's shell does besides, before the commands of a page: services run on while the reader types on, at a port
# that is free, and end in order with the page.
set -euo pipefail

next_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# in_background COMMAND...: start it, and go on when it takes connections.
in_background() {
  end_what_runs
  "$@" </dev/null >"$LOGS/$port.log" 2>&1 &
  running=$!
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    kill -0 $running 2>/dev/null || { cat "$LOGS/$port.log"; return 1; }
    sleep 0.05
  done
}

end_what_runs() {
  local code=0
  [ -n "${running:-}" ] || return 0
  kill -TERM "$running"
  wait "$running" || code=$?
  [ $code = 0 ] || { echo "what ran in the background ended with $code"; cat "$LOGS/$port.log"; }
  running=
  return $code
}

jupyter() {
  local words=() word
  case "$1 ${2:-}" in
    "aichat serve")
      port=$(next_port)
      for word in "$@"; do
        case $word in --port=*) word=--port=$port ;; esac
        words+=("$word")
      done
      AICHAT_PORT=$port in_background command jupyter "${words[@]}"
      ;;
    *) command jupyter "$@" ;;
  esac
}
