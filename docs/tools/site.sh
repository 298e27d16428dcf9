#!/usr/bin/env bash
# Makes the documentation site with Doxygen: site.sh OUT. Prints warnings only
# and fails on any. The theme and the graphs are used where they are installed.
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
export PYTHONDONTWRITEBYTECODE=1
out=$1
theme=/usr/share/doxygen-awesome-css/doxygen-awesome.css

mkdir -p -- "$out"
out=$(cd -- "$out" && pwd)
# What an earlier run has left would be linked to by nobody.
rm -rf -- "$out/html" "$out/pages"
python3 docs/tools/pages.py "$out" >"$out/settings"
[[ -e $theme ]] || theme=/dev/null
cat -- "$theme" >"$out/theme.css"
# Doxygen says many things twice, and where the project is.
{
  cat docs/Doxyfile "$out/settings"
  echo "OUTPUT_DIRECTORY = \"$out\""
  echo "GENERATE_TAGFILE = \"$out/names.xml\""
  echo "HTML_EXTRA_STYLESHEET = \"$out/theme.css\" docs/site/site.css"
  ! command -v dot >/dev/null || echo "HAVE_DOT = YES"
} | doxygen - 2>&1 >/dev/null |
  sed -e "s|^$out/pages/||" -e "s|^$PWD/||" | sort -u -V >&2
python3 docs/tools/finish.py "$out"
