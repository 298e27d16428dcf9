#!/usr/bin/env bash
# The documentation builds without a warning: everything public is described.
set -euo pipefail
root=$(cd -- "${1:-$(dirname -- "$0")/../..}" && pwd)

out=$(mktemp -d)
trap 'rm -rf -- "$out"' EXIT
"$root/docs/tools/site.sh" "$out"
