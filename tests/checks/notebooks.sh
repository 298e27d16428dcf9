#!/usr/bin/env bash
# Every notebook is kept without outputs and runs from top to bottom, and the
# module that they import answers as the engines do.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
root=$(cd -- "${1:-$here/../..}" && pwd)

"$here/../../strata" notebooks --check "$root/notebooks"
