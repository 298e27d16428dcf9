// How stage 09 is described, opened and closed. What it does is in the files that
// store.h lists.
#include "stages/09_lsm_tree/store.h"

#include <algorithm>
#include <utility>

namespace strata {

using lsm::Compression;
using lsm::Shape;
using lsm::Strategy;
using lsm::TableFormat;

namespace {

constexpr std::uint64_t kDefaultMemtable = lsm::Memtable::kUsualBytes;
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 40;

// Memtables are to a log-structured store of sorted files what the active
// segment was before: either option names their size.
std::uint64_t memtable_bytes(const Options& options) {
  std::uint64_t bytes = 0;
  for (const char* name : {"--memtable-bytes", "--segment-bytes"}) {
    const auto given = options.numbers.find(name);
    if (given == options.numbers.end()) continue;
    bytes = bytes == 0 ? given->second : std::min(bytes, given->second);
  }
  return bytes == 0 ? kDefaultMemtable : bytes;
}

std::uint64_t number(const Options& options, std::string_view name) {
  return stage_09_lsm_tree().number(options, name);
}

TableFormat format_of(const Options& options) {
  return {
      .block_bytes = number(options, "--block-bytes"),
      .compression = static_cast<Compression>(number(options, "--compression")),
      .bloom_bits = number(options, "--bloom-bits")};
}

Shape shape_of(const Options& options) {
  return {.strategy = static_cast<Strategy>(number(options, "--compaction")),
          .level_bytes = number(options, "--level-bytes"),
          .level_runs = number(options, "--level-runs")};
}

std::vector<OptionSpec> table_options() {
  return {{.name = "--block-bytes",
           .help = "end a block once it holds so many",
           .default_value = 4096,
           .min = 1,
           .max = std::uint64_t{1} << 24},
          {.name = "--compression",
           .help = "how blocks are stored",
           .default_value = static_cast<std::uint64_t>(Compression::kLz4),
           .min = 0,
           .max = static_cast<std::uint64_t>(Compression::kZstd),
           .choices = {sst::name_of(Compression::kNone),
                       sst::name_of(Compression::kLz4),
                       sst::name_of(Compression::kZstd)}},
          {.name = "--bloom-bits",
           .help = "a table's Bloom filter has so many for each key; 0: none",
           .default_value = 10,
           .min = 0,
           .max = 64}};
}

std::vector<OptionSpec> shape_options() {
  return {{.name = "--compaction",
           .help = "levelled: reads little; tiered: writes little",
           .default_value = static_cast<std::uint64_t>(Strategy::kLevelled),
           .min = 0,
           .max = static_cast<std::uint64_t>(Strategy::kTiered),
           .choices = {"levelled", "tiered"}},
          {.name = "--table-bytes",
           .help = "a compaction ends a table once it holds so many",
           .default_value = std::uint64_t{2} << 20,
           .min = 1,
           .max = kMaxBytes},
          {.name = "--level-bytes",
           .help = "levelled: of level 1; each level behind it, ten times that",
           .default_value = std::uint64_t{10} << 20,
           .min = 1,
           .max = kMaxBytes},
          {.name = "--level-runs",
           .help = "merge so many runs of level 0, tiered of each level; "
                   "1000000: only when told to",
           .default_value = 4,
           .min = 1,
           .max = 1'000'000}};
}

std::vector<OptionSpec> all_options() {
  std::vector<OptionSpec> all = {
      {.name = "--memtable-bytes",
       .help = "write the memtable out once it holds so many",
       .default_value = kDefaultMemtable,
       .min = 1,
       .max = kMaxBytes},
      {.name = "--segment-bytes",
       .help = "the same, as it is called in earlier stages",
       .default_value = kDefaultMemtable,
       .min = 1,
       .max = std::uint64_t{1} << 62}};
  for (const auto& options : {table_options(), shape_options()}) {
    all.insert(all.end(), options.begin(), options.end());
  }
  all.push_back({.name = "--cache-bytes",
                 .help = "keep so many bytes of blocks in memory; 0: none",
                 .default_value = std::uint64_t{8} << 20,
                 .min = 0,
                 .max = kMaxBytes});
  all.push_back({.name = "--open-tables",
                 .help = "keep so many files open",
                 .default_value = FileCache::kUsual,
                 .min = 1,
                 .max = 1'000'000});
  return all;
}

}  // namespace

LsmTree::LsmTree(const Options& options)
    : options_(options),
      memtable_bytes_(memtable_bytes(options)),
      table_bytes_(number(options, "--table-bytes")),
      shape_(shape_of(options)),
      format_(format_of(options)),
      files_(options.system(), number(options, "--open-tables")),
      blocks_(number(options, "--cache-bytes")),
      shelf_{options_, files_, blocks_} {
  if (options.mode == Mode::kWrite) directory_.emplace(lock_store(options));
  following_merges([this] {
    if (loads_ == 0) load(0);
  });
  const bool is_merge_due = options.mode == Mode::kWrite && next_merge();
  if (is_merge_due) wake_background();
}

LsmTree::~LsmTree() {
  if (options_.mode == Mode::kRead) return;
  {
    const std::scoped_lock turn(background_lock_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (background_.joinable()) background_.join();
  leave_little_to_replay();
  sweep_if_possible();
}

const Stage& stage_09_lsm_tree() {
  static const Stage stage = {
      .name = "09_lsm_tree",
      .title = "a write-ahead log, Bloom filters, levels of sorted files",
      .flaw =
          "Every byte is written again and again, and every get compares "
          "keys where a hash would know.",
      .limits = lsm::kLimits,
      .options = all_options(),
      .refuses = {},
      .checksums = true,
      .scans = false,
      .sorts = true,
      .logs = true,
      .open = [](const Options& options) -> std::unique_ptr<Store> {
        return std::make_unique<LsmTree>(options);
      },
  };
  return stage;
}

}  // namespace strata
