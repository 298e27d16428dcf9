#include "bench/opening.h"

#include <algorithm>

#include "bench/interrupt.h"
#include "stages/08_sstables/memtable.h"

namespace strata::bench {

namespace {

constexpr std::uint64_t kSlotsPerKey = 4;
constexpr std::uint64_t kBucketsPerKey = 2;

// What a record adds to a segment; to a memtable, which is measured by the
// memory that it takes, a node of its tree besides.
std::uint64_t record_bytes_in(const Stage& stage) {
  if (!stage.sorts) return kRecordBytes;
  return kKeyBytes + kValueBytes + sstables::Memtable::kNodeBytes;
}

}  // namespace

std::unique_ptr<Store> open(const Stage& stage, const std::string& directory,
                            Mode mode, std::uint64_t keys, Os* os) {
  return open(stage, directory, {.mode = mode, .keys = keys, .os = os});
}

std::unique_ptr<Store> open(const Stage& stage, const std::string& directory,
                            const Opening& opening) {
  Options options;
  options.directory = directory;
  options.mode = opening.mode;
  options.os = opening.os;
  options.sync = opening.sync;
  for (const OptionSpec& spec : stage.options) {
    const auto set_to = [&](std::uint64_t number) {
      options.numbers[spec.name] = number;
    };
    if (spec.name == "--slots") set_to(kSlotsPerKey * opening.keys);
    if (spec.name == "--buckets") {
      set_to(std::clamp(kBucketsPerKey * opening.keys, spec.min, spec.max));
    }
    if (spec.name == "--segment-bytes" && opening.segment_records > 0) {
      set_to(opening.segment_records * record_bytes_in(stage));
    }
    if (spec.name == "--compression" && !values_are_compressed()) {
      set_to(spec.min);  // none
    }
    if (spec.name == "--cache-bytes") {
      set_to(std::uint64_t{kCacheMib} << 20);
    }
    if (opening.merges_by_itself) continue;
    const bool are_counted =  // else a tree keeps its shape, as its peers do
        spec.name == "--level-runs" && opening.segment_records > 0;
    if (spec.name == "--dead-percent" || spec.name == "--merge-tables" ||
        are_counted) {
      set_to(spec.max);
    }
    if (spec.name == "--merge-window-end") set_to(spec.min);  // never open
  }
  return stage.open(options);
}

void fill(Store& store, std::uint64_t count, std::size_t value_bytes) {
  constexpr std::uint64_t kLook = 1024;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i % kLook == 0) throw_if_interrupted();
    store.set(key_of(i), next_value(value_bytes));
  }
}

}  // namespace strata::bench
