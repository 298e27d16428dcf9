// Starting up: a stage that leaves hint files opens its store from them, and
// without them from the records, in one file and in kFiles of them. Beside it
// its limit: the same hint files are read whole and checked, and each key is put
// into a hash table that has its size from the beginning.
#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/benches.h"
#include "bench/contest.h"
#include "bench/key_table.h"
#include "bench/opening.h"
#include "bench/temporary.h"
#include "common/os/file.h"
#include "common/os/posix_os.h"
#include "common/record/big_endian.h"
#include "common/record/binary_record.h"

namespace strata::bench {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kFiles = 8;
constexpr std::string_view kHints = ".hint";
constexpr std::size_t kHead = 18;  // of an entry, in front of the key

bool holds_hints(const fs::path& file) {
  return file.extension() == kHints;
}

std::vector<std::string> hint_files(const std::string& directory) {
  std::vector<std::string> paths;
  for (const auto& file : fs::directory_iterator(directory)) {
    if (holds_hints(file.path())) paths.push_back(file.path());
  }
  return paths;
}

// Puts the keys of entries: of a time, the key's length and two more fields, 18
// bytes in front of each key. Many at a time, so that memory is not waited for
// at each. @returns the bytes of whole entries.
std::size_t put_all(std::string_view entries, KeyTable& table) {
  struct Entry {
    std::string_view head;
    std::string_view key;
    KeyTable::Slot slot;
  };

  std::array<Entry, 64> some;
  std::size_t at = 0;
  for (bool more = true; more;) {
    std::size_t count = 0;
    for (; count < some.size(); ++count) {
      if (entries.size() - at < kHead) break;
      Entry& entry = some[count];
      entry.head = entries.substr(at, kHead);
      const auto length = read_big_endian<std::uint16_t>(entry.head.substr(4));
      if (entries.size() - at - kHead < length) break;
      entry.key = entries.substr(at + kHead, length);
      entry.slot = table.slot_of(entry.key);
      at += kHead + length;
    }
    more = count == some.size();
    for (std::size_t i = 0; i < count; ++i) {
      table.put(some[i].slot, some[i].key, some[i].head);
    }
  }
  return at;
}

// Reads a file of hints from beginning to end, a piece at a time: a piece stays
// in the processor's cache.
void read_hint_file(const std::string& path, KeyTable& table) {
  constexpr const char* kWhy = "read the hints";
  constexpr std::size_t kPiece = std::size_t{256} << 10;
  const File file = File::open(posix_os(), path, OpenMode::kRead, kWhy);
  const std::uint64_t size = file.size(kWhy);
  if (size < kHead) throw std::runtime_error("hints are missing");
  const std::uint64_t end = size - kHead;  // where the checksum's entry begins
  std::string piece(kPiece, '\0');
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < end;) {
    const std::size_t got = file.read_at(
        at, piece.data(), std::min<std::uint64_t>(kPiece, end - at), kWhy);
    const std::size_t whole =
        put_all(std::string_view(piece).substr(0, got), table);
    if (whole == 0) throw std::runtime_error("hints are missing");
    crc = crc32(std::string_view(piece).substr(0, whole), crc);
    at += whole;
  }
  if (file.read_at(end, piece.data(), kHead, kWhy) < kHead ||
      read_big_endian<std::uint32_t>(std::string_view(piece).substr(6)) !=
          crc) {
    throw std::runtime_error("hints are damaged");
  }
}

// What a start from hints cannot do without. @returns its seconds.
double read_hints(const std::string& directory, std::uint64_t count) {
  const std::vector<std::string> paths = hint_files(directory);
  std::optional<KeyTable> table;
  const double seconds = seconds_of([&] {
    table.emplace(count);
    table->reserve(count * (kHead + kKeyBytes));
    for (const std::string& path : paths) read_hint_file(path, *table);
  });
  if (table->size() != count) throw std::runtime_error("hints are missing");
  return seconds;
}

// A stage's store of N keys, with its hints and without, in so many files.
struct Started {
  TemporaryDirectory hinted;
  TemporaryDirectory bare;

  Started(const Stage& stage, std::uint64_t count, std::uint64_t files) {
    const std::uint64_t records = (count + files - 1) / files;
    fill(*open(stage, hinted.path(),
               {.mode = Mode::kWrite,
                .keys = count,
                .segment_records = records,
                .merges_by_itself = false}),
         count);
    for (const auto& file : fs::directory_iterator(hinted.path())) {
      if (holds_hints(file.path())) continue;
      fs::create_hard_link(file.path(), bare.path() / file.path().filename());
    }
  }
};

bool leaves_hints(const Stage& stage) {
  const TemporaryDirectory directory;
  fill(*open(stage, directory.path(), Mode::kWrite, 1), 1);
  return !hint_files(directory.path()).empty();
}

double start(const Stage& stage, const std::string& directory,
             std::uint64_t count) {
  std::unique_ptr<Store> opened;
  const double seconds =
      seconds_of([&] { opened = open(stage, directory, {.keys = count}); });
  if (opened->stats().keys != count) {
    throw std::runtime_error("keys are missing");
  }
  return seconds;
}

// The stores of one stage: with one file, and with many.
struct Stores {
  std::unique_ptr<Started> one;
  std::unique_ptr<Started> many;
};

// Adds a stage, its variants and its limit. @returns its stores, not made yet.
std::shared_ptr<Stores> add_stage(const Stage& stage, std::uint64_t count,
                                  Contest& contest) {
  auto stores = std::make_shared<Stores>();
  const std::string name(stage.name);
  contest.contestants.push_back(
      {name + "_limit",
       "limit, system",
       [=] { return read_hints(stores->one->hinted.path(), count); },
       {},
       {}});
  const auto add = [&](const char* what, const char* label,
                       std::unique_ptr<Started> Stores::*files,
                       TemporaryDirectory Started::*which) {
    contest.contestants.push_back({name + what,
                                   label,
                                   [=, &stage] {
                                     const Started& here = *((*stores).*files);
                                     return start(stage, (here.*which).path(),
                                                  count);
                                   },
                                   {},
                                   {}});
  };
  constexpr const char* kVariant = "variant, system";
  add("", "stage, system", &Stores::one, &Started::hinted);
  add("_8_files", kVariant, &Stores::many, &Started::hinted);
  add("_no_hints", kVariant, &Stores::one, &Started::bare);
  add("_no_hints_8_files", kVariant, &Stores::many, &Started::bare);
  return stores;
}

}  // namespace

void register_starts(const Plan& plan) {
  const std::uint64_t count = plan.keys;
  Contest contest;
  contest.name = "start";
  contest.arguments = {{"n", static_cast<std::int64_t>(count)},
                       {"value", kValueBytes}};
  contest.rounds = plan.rounds();
  contest.unit = benchmark::kMillisecond;
  std::vector<std::pair<const Stage*, std::shared_ptr<Stores>>> all;
  for (const Stage* stage : plan.stages("get")) {
    if (!leaves_hints(*stage)) continue;
    all.emplace_back(stage, add_stage(*stage, count, contest));
  }
  contest.prepare = [=] {
    for (const auto& [stage, stores] : all) {
      stores->one = std::make_unique<Started>(*stage, count, 1);
      stores->many = std::make_unique<Started>(*stage, count, kFiles);
    }
  };
  contest.clean_up = [=] {
    for (const auto& [stage, stores] : all) *stores = {};
  };
  register_contest(std::move(contest));
}

}  // namespace strata::bench
