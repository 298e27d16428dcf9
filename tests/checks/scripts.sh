#!/usr/bin/env bash
# ShellCheck finds nothing in the shell scripts.
set -euo pipefail
cd -- "${1:-$(dirname -- "$0")/../..}"

{
  printf '%s\0' strata .ci/run
  find tests docs bench -name '*.sh' -print0
} | xargs -0 shellcheck
