#!/bin/sh
# generated_calls.py in the environment that `setup` made; see there for the arguments.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
exec "${YETT_PEERS:-$here/../../.peers}/venv/bin/python" "$here/generated_calls.py" "$@"
