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

./strata build release >&2
[[ -e build/report/node_modules/playwright-core ]] || {
  echo "playwright-core is missing: ./strata check fetches it by npm"
  exit 1
}
made=$(mktemp -d)
trap 'rm -rf -- "$made"' EXIT

# Two sizes, so that lines are drawn; peers where their libraries are; and not
# every workload of a kind.
out=(--benchmark_out="$made/results.json")
some=-^'(fill_sequential|set_durable|overwrite|open_crashed|scan_100|'
some+='get_zipfian|get_batch|ycsb_[b-f])/'
build/release/bin/strata_bench --quick --peers --n 2000 --scan-mib 1 \
  --benchmark_filter="$some" "${out[@]}" >"$made/log" 2>&1 || {
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

# What was measured stays until there is something in its place, and what a
# killed run has left stays too.
bench() {
  ./strata bench --quick --n 1000 --stages 04 --out "$made/bench" "$@" \
    >"$made/log" 2>&1
}
bench --benchmark_filter='^get_hit/04_keydir/n:1000/value:100/' || {
  echo "./strata bench fails:"
  cat -- "$made/log"
  exit 1
}
cp -- "$made/bench/results.json" "$made/before.json"
echo '{"benchmarks": []}' >"$made/bench/results.new.json"
! bench --benchmark_filter='^nothing/' || {
  echo "./strata bench measures nothing and says so to nobody"
  exit 1
}
cmp -- "$made/bench/results.json" "$made/before.json"
grep -q benchmarks "$made/bench/results.killed.json"
for file in report.html report.md report.json; do
  [[ -s $made/bench/$file ]] || {
    echo "./strata bench leaves no $file"
    exit 1
  }
done
[[ ! -e $made/bench/results.new.json ]] || {
  echo "./strata bench leaves results.new.json"
  exit 1
}
