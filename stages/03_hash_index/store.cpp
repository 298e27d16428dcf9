#include "stages/03_hash_index/store.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "common/store/errors.h"
#include "stages/roadmap.h"

namespace strata {

namespace {

constexpr std::string_view kSlots = "--slots";

}  // namespace

Slots::Slots(std::uint64_t count)
    : count_(count),
      cells_(static_cast<std::uint64_t*>(
                 std::calloc(count, sizeof(std::uint64_t))),
             std::free) {
  if (cells_ == nullptr) throw std::bad_alloc();
}

HashIndex::HashIndex(const Options& options)
    : TextStore(options),
      hash_(options.system().random()),
      slots_(stage_03_hash_index().number(options, kSlots)) {
  rebuild(options);
}

void HashIndex::rebuild(const Options& options) {
  if (log().file() == nullptr) return;
  constexpr std::uint64_t kLinesBetweenReports = 4096;
  const std::uint64_t total = log().size();
  std::uint64_t lines = 0;
  log().for_each_line(
      "rebuild the index", total,
      [&](const TextLine& line) {
        const auto slot = probe(line.key, [&](std::uint64_t offset) {
          return holds_key(offset, line.key);
        });
        if (!slot) refuse_for_want_of_slots();
        slots_.put(*slot, line.offset);
        end_ = line.offset + line.size;
        if (options.progress && ++lines % kLinesBetweenReports == 0) {
          options.progress(end_, total);
        }
      },
      [&](const TextLine& line) { damage_ = line.offset; });
}

void HashIndex::set(std::string_view key, std::string_view value) {
  kTextLimits.check(key, value);
  const auto slot =
      probe(key, [&](std::uint64_t offset) { return holds_key(offset, key); });
  if (!slot) refuse_for_want_of_slots();
  slots_.put(*slot, log().append(key, value));
  end_ = log().size();
}

bool HashIndex::get(std::string_view key, std::string& value) {
  std::string_view line;
  const auto slot = probe(key, [&](std::uint64_t offset) {
    line = read_line(offset);
    return line.substr(0, line.find(',')) == key;
  });
  const auto offset = slot ? slots_.at(*slot) : std::nullopt;
  // A damaged line behind the record may have held a newer value.
  if (damage_ && (!offset || *offset < *damage_)) log().throw_damage(*damage_);
  if (!offset) return false;
  value.assign(line.substr(key.size() + 1));
  return true;
}

template <typename IsKey>
std::optional<std::uint64_t> HashIndex::probe(std::string_view key,
                                              const IsKey& is_key) const {
  const std::uint64_t home = hash_(key) % slots_.count();
  for (std::uint64_t step = 0; step < slots_.count(); ++step) {
    const std::uint64_t slot = (home + step) % slots_.count();
    const auto offset = slots_.at(slot);
    if (!offset || is_key(*offset)) return slot;
  }
  return std::nullopt;
}

bool HashIndex::holds_key(std::uint64_t offset, std::string_view key) {
  buffer_.resize(std::max(buffer_.size(), key.size() + 1));
  const std::size_t got = log().file()->read_at(
      offset, buffer_.data(), key.size() + 1, "whose slot is it?");
  return got == key.size() + 1 && buffer_[key.size()] == ',' &&
         std::string_view(buffer_).substr(0, key.size()) == key;
}

// The line at `offset` without its newline; valid until the next read.
std::string_view HashIndex::read_line(std::uint64_t offset) {
  std::uint64_t have = 0;
  for (std::uint64_t want = kReadBytes; offset + have < end_; want *= 2) {
    want = std::min(want, end_ - offset);
    buffer_.resize(std::max<std::uint64_t>(buffer_.size(), want));
    char* rest = buffer_.data() + have;
    const std::size_t got = log().file()->read_at(
        offset + have, rest, want - have, "read the record");
    if (const void* newline = std::memchr(rest, '\n', got)) {
      const auto* end = static_cast<const char*>(newline);
      return {buffer_.data(), static_cast<std::size_t>(end - buffer_.data())};
    }
    have = want;
  }
  log().throw_damage(offset);
}

void HashIndex::refuse_for_want_of_slots() const {
  throw InvalidInput("all " + std::to_string(slots_.count()) +
                     " slots are taken by other keys: open the store with "
                     "more --slots");
}

Stats HashIndex::stats() {
  Stats stats = TextStore::stats();
  stats.index_bytes = slots_.count() * sizeof(std::uint64_t);
  return stats;
}

const Stage& stage_03_hash_index() {
  static const Stage stage = {
      .name = "03_hash_index",
      .title = "a hash index of offsets",
      .flaw =
          "Text: a value cannot hold a newline, its length is not known "
          "before it is read, and the slots fill up.",
      .limits = kTextLimits,
      .options = {{.name = kSlots,
                   .help = "how many keys the index can hold, 8 bytes each",
                   .default_value = 10'000'000,
                   .min = 1,
                   .max = 1ULL << 32}},
      .refuses = {kNoDelete, kNoCompaction, kNoSegments, kNoVerify, kNoSalvage},
      .checksums = false,
      .scans = false,
      .open = [](const Options& options) -> std::unique_ptr<Store> {
        return std::make_unique<HashIndex>(options);
      },
  };
  return stage;
}

}  // namespace strata
