/// @file
/// What a Bitcask tells of itself: stats, dump, verify, salvage.

#include <algorithm>
#include <cstdio>
#include <optional>

#include "common/record/log_entries.h"
#include "common/record/record_reader.h"
#include "common/record/tombstone.h"
#include "common/store/errors.h"
#include "common/store/segment_files.h"
#include "stages/07_bitcask/store.h"

namespace strata {

using bitcask::DataFile;
using bitcask::FileGap;
using bitcask::HintEntry;
using bitcask::HintReader;
using bitcask::Keydir;
using bitcask::Place;

Stats Bitcask::stats() {
  check_open();
  const auto set = files();
  Stats stats;
  for (const FileGap& gap : set->gaps) {
    options_.tell("damaged, and passed over: " +
                  DataFile(options_, gap.from.file).path() + ": offset " +
                  std::to_string(gap.from.offset) + ": " + gap.why);
  }
  std::uint64_t records = 0;
  for (const auto& file : set->files) {
    stats.live_bytes += file->counts.live_bytes;
    records += file->counts.bytes;
    stats.disk_bytes += file->end;
    ++stats.files;
    constexpr const char* kWhy = "measure the hints";
    const auto hints =
        File::open_if_there(os(), options_.path_of(file->hint_name()), kWhy);
    if (!hints) continue;
    stats.disk_bytes += hints->size(kWhy);
    ++stats.files;
  }
  stats.keys = keydir_.size();
  if (policy_.expires() || !set->gaps.empty()) count_unexpired(stats);
  // Sets go on meanwhile, and what is live may have been counted last.
  stats.dead_bytes = records - std::min(records, stats.live_bytes);
  stats.index_bytes = keydir_.bytes();
  return stats;
}

std::vector<FileStats> Bitcask::file_stats() {
  std::vector<FileStats> files;
  for (const bitcask::FileStatus& file : status()) {
    files.push_back({.name = file.name,
                     .live_bytes = file.live_bytes,
                     .dead_bytes = file.bytes - file.live_bytes});
  }
  return files;
}

void Bitcask::count_unexpired(Stats& stats) {
  stats.keys = stats.live_bytes = 0;
  const std::uint64_t time = now();
  const auto all = keydir_.snapshot();
  for (std::size_t shard = 0; shard < Keydir::kShards; ++shard) {
    all->table(shard).for_each([&](std::string_view key, const Place& place) {
      if (place.tombstone || policy_.expired(place.tstamp, time)) return;
      ++stats.keys;
      stats.live_bytes += place.record_size(key.size());
    });
  }
}

File Bitcask::open_data(const DataFile& file, const char* why) const {
  return bitcask::unless_merged_away(file.path(), [&] {
    return File::open(os(), file.path(), OpenMode::kRead, why);
  });
}

void Bitcask::dump(std::string_view name, const DumpVisitor& visit) {
  check_open();
  const auto set = files();
  bool known = name.empty();
  for (const auto& file : set->files) {
    if (name.empty() || name == file->name()) {
      known = true;
      dump_data(*file, visit);
    } else if (name == file->hint_name()) {
      known = dump_hints(*file, visit);
    }
  }
  if (!known) {
    throw InvalidInput("this store has no file '" + std::string(name) +
                       "'; without a name, all are dumped");
  }
}

void Bitcask::dump_data(const DataFile& file, const DumpVisitor& visit) {
  const File data = open_data(file, "dump the records");
  dump_log(
      data, file.end, file.name(),
      [&](const LogEntry& entry, std::string_view value) {
        if (is_tombstone(value)) return DumpRecord::State::kTombstone;
        const auto newest = keydir_.find(entry.key);
        const bool live =
            newest && newest->file == file.id() &&
            newest->offset == entry.offset &&
            !(policy_.expires() && policy_.expired(newest->tstamp, now()));
        return live ? DumpRecord::State::kLive : DumpRecord::State::kDead;
      },
      visit);
}

// @returns false when there are no hints.
bool Bitcask::dump_hints(const DataFile& file, const DumpVisitor& visit) {
  const std::string name = file.hint_name();
  HintReader hints(os(), options_.path_of(name), file.end, "dump the hints");
  if (!hints.there()) return false;
  std::uint64_t at = 0;
  hints.for_each([&](const HintEntry& entry) {
    const std::string tstamp = std::to_string(entry.tstamp);
    const std::string key_size = std::to_string(entry.key.size());
    const std::string total_size = std::to_string(entry.total_size);
    const std::string offset = std::to_string(entry.offset);
    const auto newest = keydir_.find(entry.key);
    const bool live =
        newest && newest->same_as({.file = file.id(), .offset = entry.offset});
    DumpRecord record;
    record.file = name;
    record.offset = at;
    record.size = bitcask::kHintBytes + entry.key.size();
    record.state = live ? DumpRecord::State::kLive : DumpRecord::State::kDead;
    if (entry.tombstone) record.state = DumpRecord::State::kTombstone;
    record.fields = {
        {"tstamp", tstamp},         {"ksz", key_size},
        {"total_size", total_size}, {"tombstone", entry.tombstone ? "1" : "0"},
        {"offset", offset},         {"key", entry.key}};
    visit(record);
    at += record.size;
  });
  if (hints.believed()) return true;
  DumpRecord rest;
  rest.file = name;
  rest.offset = at;
  rest.size = hints.size() - at;
  rest.state = DumpRecord::State::kDamaged;
  rest.why = hints.damage();
  visit(rest);
  return true;
}

void Bitcask::verify(const DamageVisitor& visit) {
  check_open();
  const auto set = files();
  for (const FileGap& gap : set->gaps) {
    const bool missing = set->find(gap.from.file) == nullptr;
    if (missing) {
      visit({DataFile(options_, gap.from.file).path(), 0, 0, gap.why});
    }
  }
  for (const auto& file : set->files) {
    const bool newest = file == set->files.back();
    const File data = open_data(*file, "verify every byte");
    const std::string path = options_.path_of(file->hint_name());
    // Hints that another process has made since tell of more than is known.
    const std::uint64_t end = data.size("measure the data file");
    HintReader hints(os(), path, std::max(end, file->end.load()),
                     "compare the hints");
    const char* why = hints.damage();
    for_each_entry(
        data, file->end, "verify every byte",
        [&](Decoded decoded, const LogEntry& entry) {
          const bool torn =
              decoded == Decoded::kTorn && newest && !hints.believed();
          if (decoded == Decoded::kRecord) {
            const bool foreign = hints.believed() && !hints.fits(entry);
            if (foreign) why = bitcask::kForeignHints;
          } else if (!torn) {
            visit({data.path(), entry.offset, entry.size, entry.why});
          }
        });
    if (why != nullptr) visit({path, 0, hints.size(), why});
  }
}

void Bitcask::salvage(const std::string& directory,
                      const DamageVisitor& visit) {
  check_open();
  check_new_or_empty(os(), directory);
  Options target = options_;
  target.directory = directory;
  Directory lock = lock_store(target);
  const auto set = files();
  for (const FileGap& gap : set->gaps) {
    if (set->find(gap.from.file) == nullptr) {
      visit({DataFile(options_, gap.from.file).path(), 0, 0, gap.why});
    }
  }
  std::uint32_t id = 0;
  for (const auto& file : set->files) {
    LogWriter copy(target, lock, segment_name(++id, bitcask::kDataSuffix));
    const File data = open_data(*file, "salvage");
    salvage_log(data, file->end, copy, visit);
  }
}

}  // namespace strata
