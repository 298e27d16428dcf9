#!/usr/bin/env bash
# Every header compiles alone.
set -euo pipefail
cd -- "${1:-$(dirname -- "$0")/../..}"

export CXX=${CXX:-c++}
# shellcheck disable=SC2016
find common stages tests bench -name '*.h' -print0 | sort -z |
  xargs -0 -r -n 1 -P "$(getconf _NPROCESSORS_ONLN)" sh -c \
    'echo "#include \"$0\"" |
       "$CXX" -std=c++20 -fsyntax-only -DSTRATA_BIN_DIR=\"\" -Wall -Wextra \
         -Werror -I. -x c++ - ||
     { echo "$0 does not compile alone"; exit 1; }'
