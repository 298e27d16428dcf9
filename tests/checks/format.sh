#!/usr/bin/env bash
# Every C++ file is laid out as .clang-format says.
set -euo pipefail
cd -- "${1:-$(dirname -- "$0")/../..}"

find common stages tests bench notebooks -name '*.h' -print0 -o -name '*.cpp' -print0 |
  xargs -0 -r clang-format --dry-run -Werror 2>&1 |
  { grep 'error: ' || true; }
