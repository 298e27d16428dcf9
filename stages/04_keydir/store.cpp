#include "stages/04_keydir/store.h"

#include <algorithm>
#include <memory>

#include "common/record/binary_record.h"
#include "common/record/log_entries.h"
#include "common/store/errors.h"
#include "stages/roadmap.h"

namespace strata {

namespace {

constexpr std::uint64_t kReportBytes = 1 << 20;

}  // namespace

Keydir::Keydir(const Options& options)
    : options_(options),
      keydir_(0, KeyHash(options.system().random()), std::equal_to<>(),
              CountingAllocator<Map::value_type>(index_bytes_)) {
  if (options.mode == Mode::kWrite) {
    directory_.emplace(lock_store(options));
    writer_.emplace(options, *directory_, kName);
  } else {
    reader_ = File::open_if_there(options.system(), options.path_of(kName),
                                  "read the log");
  }
  if (file() == nullptr) return;
  end_ = file()->size("measure the log");
  fill_keydir();
}

void Keydir::fill_keydir() {
  std::uint64_t reported = 0;
  for_each_entry(
      *file(), end_, "fill the keydir",
      [&](Decoded decoded, const LogEntry& entry) {
        if (decoded == Decoded::kRecord) {
          put(entry.key, {entry.offset, entry.size});
        } else if (decoded == Decoded::kTorn) {
          note_torn_tail(entry);
        } else {
          gaps_.push_back({entry.offset, entry.size, entry.why});
        }
        if (options_.progress && entry.offset >= reported + kReportBytes) {
          reported = entry.offset;
          options_.progress(reported, end_);
        }
      });
}

void Keydir::tell_of_gap(const Gap& gap) const {
  options_.tell("damaged, and passed over: " + file()->path() + ": offset " +
                std::to_string(gap.offset) + ": " + std::to_string(gap.size) +
                " bytes");
}

void Keydir::note_torn_tail(const LogEntry& entry) {
  options_.tell("torn tail: " + file()->path() + ": offset " +
                std::to_string(entry.offset) + ": " +
                std::to_string(entry.size) + " bytes of an unfinished record " +
                (writer_ ? "cut off" : "passed over"));
  if (!writer_) return;
  writer_->cut(entry.offset);
  end_ = entry.offset;
}

void Keydir::put(std::string_view key, Place place) {
  record_bytes_ += place.size;
  live_bytes_ += place.size;
  const auto found = keydir_.find(key);
  if (found == keydir_.end()) {
    keydir_.emplace(key, place);
  } else {
    live_bytes_ -= found->second.size;
    found->second = place;
  }
}

void Keydir::set(std::string_view key, std::string_view value) {
  kBinaryLimits.check(key, value);
  if (!writer_) throw InvalidInput("the store is open for reading only");
  record_.clear();
  const auto now = static_cast<std::uint32_t>(options_.system().now_seconds());
  encode_binary_record(now, key, value, record_);
  put(key, {writer_->append(record_), record_.size()});
  end_ = writer_->end();
}

bool Keydir::get(std::string_view key, std::string& value) {
  const auto found = keydir_.find(key);
  if (found == keydir_.end()) {
    check_not_hidden(key, 0);
    return false;
  }
  check_not_hidden(key, found->second.offset);
  read_record(found->second);
  value.assign(record_, kHeaderBytes + key.size());
  return true;
}

// Puts a whole record into `record_`, if its checksum still matches.
void Keydir::read_record(Place place) {
  read_exactly(*file(), place.offset, place.size, "read the record", record_);
  BinaryRecord record;
  if (decode_binary_record(record_, record) != Decoded::kRecord) {
    throw Damage(file()->path(), place.offset, "checksum does not match");
  }
}

// A gap behind a key's newest readable record may have held a newer one, if
// it is long enough.
void Keydir::check_not_hidden(std::string_view key,
                              std::uint64_t newer_than) const {
  for (const Gap& gap : gaps_) {
    if (gap.offset >= newer_than && gap.size >= kHeaderBytes + key.size()) {
      throw Damage(file()->path(), gap.offset, gap.why);
    }
  }
}

void Keydir::check_nothing_hidden() const {
  check_not_hidden("", 0);
}

void Keydir::keys(const KeyVisitor& visit) {
  check_nothing_hidden();
  for (const auto& [key, place] : keydir_) visit(key);
}

void Keydir::scan(std::string_view from, std::string_view to,
                  const PairVisitor& visit) {
  check_nothing_hidden();
  std::vector<const Map::value_type*> range;
  for (const auto& entry : keydir_) {
    if (entry.first >= from && (to.empty() || entry.first < to)) {
      range.push_back(&entry);
    }
  }
  std::sort(range.begin(), range.end(),
            [](const auto* a, const auto* b) { return a->first < b->first; });
  for (const auto* entry : range) {
    read_record(entry->second);
    visit(entry->first,
          std::string_view(record_).substr(kHeaderBytes + entry->first.size()));
  }
}

Stats Keydir::stats() {
  Stats stats;
  if (file() == nullptr) return stats;
  for (const Gap& gap : gaps_) tell_of_gap(gap);
  stats.keys = keydir_.size();
  stats.live_bytes = live_bytes_;
  stats.dead_bytes = record_bytes_ - live_bytes_;
  stats.disk_bytes = end_;
  stats.files = 1;
  stats.index_bytes = index_bytes_;
  for (const auto& [key, place] : keydir_) {
    const bool on_heap = key.capacity() > std::string().capacity();
    if (on_heap) stats.index_bytes += key.capacity() + 1;
  }
  return stats;
}

void Keydir::dump(std::string_view name, const DumpVisitor& visit) {
  if (!name.empty() && name != kName) {
    throw InvalidInput("this store has no file '" + std::string(name) +
                       "': its file is " + kName);
  }
  if (file() == nullptr) return;
  dump_log(
      *file(), end_, kName,
      [this](const LogEntry& entry, std::string_view /*value*/) {
        const bool live =
            keydir_.find(entry.key)->second.offset == entry.offset;
        return live ? DumpRecord::State::kLive : DumpRecord::State::kDead;
      },
      visit);
}

void Keydir::verify(const DamageVisitor& visit) {
  if (file() == nullptr) return;
  for_each_entry(*file(), end_, "verify every byte",
                 [&](Decoded decoded, const LogEntry& entry) {
                   if (decoded != Decoded::kCorrupt) return;
                   visit({.file = file()->path(),
                          .offset = entry.offset,
                          .size = entry.size,
                          .why = entry.why});
                 });
}

void Keydir::salvage(const std::string& directory, const DamageVisitor& visit) {
  check_new_or_empty(options_.system(), directory);
  Options target = options_;
  target.directory = directory;
  Directory lock = lock_store(target);
  LogWriter copy(target, lock, kName);
  if (file() != nullptr) salvage_log(*file(), end_, copy, visit);
}

const File* Keydir::file() const {
  if (writer_) return &writer_->file();
  return reader_ ? &*reader_ : nullptr;
}

const Stage& stage_04_keydir() {
  static const Stage stage = {
      .name = "04_keydir",
      .title = "a keydir over binary records",
      .flaw =
          "One file that only grows: what was overwritten is never "
          "reclaimed.",
      .limits = kBinaryLimits,
      .options = {},
      .refuses = {kNoDelete, kNoCompaction, kNoSegments},
      .checksums = true,
      .scans = false,
      .open = [](const Options& options) -> std::unique_ptr<Store> {
        return std::make_unique<Keydir>(options);
      },
  };
  return stage;
}

}  // namespace strata
