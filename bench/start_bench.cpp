// Starting up: a stage that leaves hint files opens its store from them, and
// without them from the records, in one file and in kFiles of them. Beside it
// the limit: the hint files are read whole and checked, and each key is put
// into a hash table that has its size from the beginning.
#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
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
// at each.
void put_all(std::string_view entries, KeyTable& table) {
  struct Entry {
    std::string_view head;
    std::string_view key;
    KeyTable::Slot slot;
  };

  std::array<Entry, 64> some;
  for (std::size_t at = 0; at < entries.size();) {
    std::size_t count = 0;
    for (; count < some.size() && at < entries.size(); ++count) {
      Entry& entry = some[count];
      entry.head = entries.substr(at, kHead);
      const auto length = read_big_endian<std::uint16_t>(entry.head.substr(4));
      entry.key = entries.substr(at + kHead, length);
      entry.slot = table.slot_of(entry.key);
      at += kHead + length;
    }
    for (std::size_t i = 0; i < count; ++i) {
      table.put(some[i].slot, some[i].key, some[i].head);
    }
  }
}

// What a start from hints cannot do without.
void read_hints(const std::string& directory, std::uint64_t count) {
  constexpr const char* kWhy = "read the hints";
  KeyTable table(count);
  table.reserve(count * (kHead + kKeyBytes));
  for (const std::string& path : hint_files(directory)) {
    const File file = File::open(posix_os(), path, OpenMode::kRead, kWhy);
    std::string bytes(file.size(kWhy), '\0');
    if (file.read_at(0, bytes.data(), bytes.size(), kWhy) < bytes.size() ||
        bytes.size() < kHead) {
      throw std::runtime_error("hints are missing");
    }
    const std::string_view entries(bytes.data(), bytes.size() - kHead);
    const auto crc = read_big_endian<std::uint32_t>(
        std::string_view(bytes).substr(entries.size() + 6));
    if (crc32(entries) != crc) throw std::runtime_error("hints are damaged");
    put_all(entries, table);
  }
  if (table.size() != count) throw std::runtime_error("hints are missing");
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
                .segment_bytes = records * kRecordBytes,
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

void register_start_of(const Stage& stage, const Plan& plan) {
  const std::uint64_t count = plan.keys;
  const auto one = std::make_shared<std::unique_ptr<Started>>();
  const auto many = std::make_shared<std::unique_ptr<Started>>();
  Contest contest;
  contest.name = "start";
  contest.arguments = {{"n", static_cast<std::int64_t>(count)},
                       {"value", kValueBytes}};
  contest.rounds = plan.rounds();
  contest.unit = benchmark::kMillisecond;
  contest.prepare = [=, &stage] {
    *one = std::make_unique<Started>(stage, count, 1);
    *many = std::make_unique<Started>(stage, count, kFiles);
  };
  contest.clean_up = [=] {
    one->reset();
    many->reset();
  };
  const auto add = [&](const char* what, const char* label, const auto& store,
                       TemporaryDirectory Started::*which) {
    contest.contestants.push_back(
        {std::string(stage.name) + what,
         label,
         [=, &stage] {
           return start(stage, (store->get()->*which).path(), count);
         },
         {},
         {}});
  };
  contest.contestants.push_back(
      {"limit",
       "limit, system",
       [=] {
         return seconds_of([&] { read_hints((*one)->hinted.path(), count); });
       },
       {},
       {}});
  constexpr const char* kVariant = "variant, system";
  add("", "stage, system", one, &Started::hinted);
  add("_8_files", kVariant, many, &Started::hinted);
  add("_no_hints", kVariant, one, &Started::bare);
  add("_no_hints_8_files", kVariant, many, &Started::bare);
  register_contest(std::move(contest));
}

}  // namespace

void register_starts(const Plan& plan) {
  for (const Stage* stage : plan.stages("get")) {
    if (leaves_hints(*stage)) register_start_of(*stage, plan);
  }
}

}  // namespace strata::bench
