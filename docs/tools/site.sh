#!/usr/bin/env bash
# Makes the documentation site with Doxygen: site.sh OUT. Prints warnings only
# and fails on any. The theme and the graphs are used where they are installed.
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
out=$1
theme=/usr/share/doxygen-awesome-css/doxygen-awesome.css

mkdir -p -- "$out"
# Doxygen says many things twice, and where the project is.
{
  cat docs/Doxyfile
  echo "OUTPUT_DIRECTORY = \"$out\""
  [[ ! -e $theme ]] || echo "HTML_EXTRA_STYLESHEET = $theme"
  ! command -v dot >/dev/null || echo "HAVE_DOT = YES"
} | doxygen - 2>&1 >/dev/null | sed "s|^$PWD/||" | sort -u -V >&2
