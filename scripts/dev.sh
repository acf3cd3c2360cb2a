#!/usr/bin/env bash
# JupyterLab that reloads with every change: the front end is rebuilt by its watcher (reload the page to see it),
# the server starts anew when a Python file changes. Arguments go to `jupyter lab`. Ctrl+C ends both.
set -euo pipefail
cd "$(dirname "$0")/.."

# The watcher leaves a front end for development behind: the next `make build` makes the real one again.
rm -f .make/front-end

# In a process group of its own, so that the watcher's children end with it.
set -m
npm --prefix labextension run watch &
watcher=$!
set +m
trap 'kill -- -$watcher 2>/dev/null || true' EXIT

ANYWIDGET_HMR=1 jupyter lab --autoreload "$@"
