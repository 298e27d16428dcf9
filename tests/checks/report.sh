#!/usr/bin/env bash
# The benchmarks' report and its comparison: what is computed, and the page in
# a browser, made from results that the benchmark has just left.
set -euo pipefail
cd -- "${1:-$(dirname -- "$0")/../..}"
export PYTHONDONTWRITEBYTECODE=1

for test in tests/report/*_test.py; do
  said=$(python3 "$test" 2>&1) || {
    echo "$test fails:"
    echo "$said"
    exit 1
  }
done

bench=build/release/bin/strata_bench
[[ -x $bench ]] || ./strata build release >&2
[[ -e build/report/node_modules/playwright-core ]] || {
  echo "playwright-core is missing: ./strata check fetches it by npm"
  exit 1
}
made=$(mktemp -d)
trap 'rm -rf -- "$made"' EXIT
"$bench" --quick --n 1000 --scan-mib 1 --benchmark_out="$made/results.json" \
  >"$made/log" 2>&1 || {
  echo "the benchmark fails:"
  tail -n 20 -- "$made/log"
  exit 1
}
for libraries in build/report/node_modules none; do
  python3 bench/report/report.py "$made/results.json" \
    --out "$made/$libraries" --libraries "$libraries" >/dev/null
done
node tests/report/page_test.mjs "$made/results.json" \
  "$made/build/report/node_modules" "$made/none"
./strata compare "$made/results.json" "$made/results.json" >"$made/compared"
grep -q 'results in both' "$made/compared" || {
  echo "./strata compare says nothing of the results"
  exit 1
}
