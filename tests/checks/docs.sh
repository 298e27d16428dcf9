#!/usr/bin/env bash
# The documentation builds without a warning: everything public is described.
# No link of the site leads nowhere, and its pages work in a browser.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")/../.." && pwd)
root=$(cd -- "${1:-$here}" && pwd)
export PYTHONDONTWRITEBYTECODE=1

[[ -e $here/build/report/node_modules/playwright-core ]] || {
  echo "playwright-core is missing: ./strata check fetches it by npm"
  exit 1
}
out=$(mktemp -d)
trap 'rm -rf -- "$out"' EXIT
"$root/docs/tools/site.sh" "$out"
python3 "$here/docs/tools/site_links.py" "$out/html"
node "$here/tests/checks/site_test.mjs" "$out/html" "$here/build/report/node_modules"
