#include "stages/06_compaction/store.h"

#include <algorithm>
#include <cerrno>
#include <unordered_set>
#include <utility>

#include "common/record/binary_record.h"
#include "common/record/log_entries.h"
#include "common/record/tombstone.h"
#include "common/store/errors.h"
#include "common/store/follow_merges.h"
#include "stages/roadmap.h"

namespace strata {

namespace {

constexpr std::uint64_t kReportBytes = 1 << 20;

// Takes off the accounts what a newer segment hides.
void settle_accounts(const std::vector<compaction::SegmentPtr>& segments,
                     KeyHash hash) {
  std::unordered_set<std::string_view, KeyHash> seen(0, hash);
  for (auto segment = segments.rbegin(); segment != segments.rend();
       ++segment) {
    for (const auto& [key, place] : (*segment)->keydir()) {
      if (!seen.insert(key).second) (*segment)->lose(place);
    }
  }
}

[[noreturn]] void throw_damage(const compaction::Segment& segment,
                               const Gap& gap) {
  throw Damage(segment.path(), gap.offset, gap.why);
}

}  // namespace

Compaction::Compaction(const Options& options)
    : options_(options),
      segment_bytes_(stage_06_compaction().number(options, "--segment-bytes")),
      dead_percent_(stage_06_compaction().number(options, "--dead-percent")),
      hash_(options.system().random()),
      files_(options.system()) {
  if (options.mode == Mode::kWrite) directory_.emplace(lock_store(options));
  following_merges([this] { load(0); });
  if (options.mode == Mode::kWrite) become_writer();
}

Compaction::~Compaction() {
  stop_merging();
  sweep_if_possible();
}

template <typename Work>
void Compaction::following_merges(const Work& work) {
  follow_merges(
      options_.mode, loads_, [this](std::uint64_t seen) { load(seen); }, work);
}

// Files come and go while a directory is listed, so that a list may lack both
// an input, which went before it was looked for, and its output, which came
// behind that. So two lists are made and the second is taken. Whatever was
// there between the two either is in the second or went meanwhile; then the
// first has it, and this shows. (It has not what came only while the first was
// made: an output would have to be merged away again before the second is
// over.) What only the second has does no harm. It came later, and whoever
// wanted a list without any would wait for the writer to rest.
std::vector<SegmentFile> Compaction::list_files() {
  const auto list = [this] {
    return list_segments(options_.system(), options_.directory,
                         compaction::kSegmentSuffix, "find the segments");
  };
  if (options_.mode == Mode::kWrite) return list();
  const auto before = list();
  auto files = list();
  const bool some_went =
      !std::includes(files.begin(), files.end(), before.begin(), before.end(),
                     [](const auto& a, const auto& b) { return a.id < b.id; });
  if (some_went) {
    throw IoError("segments went while they were listed", options_.directory,
                  ENOENT);
  }
  return files;
}

// Loads what is there, unless another thread has done so since there had been
// `seen` loads.
void Compaction::load(std::uint64_t seen) {
  const std::scoped_lock one_load(loading_);
  if (loads_ != seen) return;
  Segments segments;
  const auto files = list_files();
  for (const SegmentFile& file : files) {
    segments.push_back(read_segment(file, file.id == files.back().id));
  }
  if (segments.size() > 1) settle_accounts(segments, hash_);
  const std::unique_lock change(list_lock_);
  segments_.swap(segments);
  ++loads_;
}

compaction::SegmentPtr Compaction::read_segment(const SegmentFile& name,
                                                bool newest) {
  auto segment = std::make_shared<Segment>(options_.directory, name.id, hash_);
  const auto file = files_.open(segment->path(), "fill the keydir");
  segment->set_size(file->size("measure the segment"));
  std::uint64_t reported = 0;
  for_each_entry(
      *file, segment->size(), "fill the keydir",
      [&](Decoded decoded, const LogEntry& entry) {
        if (decoded == Decoded::kRecord) {
          segment->add(entry.key, {entry.offset, entry.size,
                                   compaction::is_deletion(entry)});
        } else if (decoded == Decoded::kTorn && newest) {
          note_torn_tail(*segment, entry);
        } else {
          segment->add_gap({entry.offset, entry.size, entry.why});
        }
        if (options_.progress && entry.offset >= reported + kReportBytes) {
          reported = entry.offset;
          options_.progress(reported, segment->size());
        }
      });
  return segment;
}

void Compaction::note_torn_tail(const Segment& segment, const LogEntry& entry) {
  torn_at_ = entry.offset;
  const bool writes = options_.mode == Mode::kWrite;
  options_.tell("torn tail: " + segment.path() + ": offset " +
                std::to_string(entry.offset) + ": " +
                std::to_string(entry.size) + " bytes of an unfinished record " +
                (writes ? "cut off" : "passed over"));
}

void Compaction::become_writer() {
  if (!segments_.empty()) next_id_ = std::uint64_t{segments_.back()->id()} + 1;
  remove_left_overs();
  if (segments_.empty()) return begin_segment(0);
  Segment& active = *segments_.back();
  writer_ = std::make_unique<LogWriter>(options_, *directory_, active.name());
  if (torn_at_) writer_->cut(*torn_at_);
  active.set_size(writer_->end());
}

// Of a merge that was killed. What cannot be removed is in nobody's way, since
// its id is not used again.
void Compaction::remove_left_overs() {
  for (const SegmentFile& file : list_segments(
           options_.system(), options_.directory, compaction::kMergingSuffix,
           "find what a merge left over")) {
    next_id_ = std::max(next_id_, std::uint64_t{file.id} + 1);
    try {
      remove_file(options_.system(), options_.path_of(file.name),
                  "remove a left-over");
    } catch (const IoError&) {  // NOLINT(bugprone-empty-catch): see above
    }
  }
}

void Compaction::check_is_writer() const {
  if (options_.mode == Mode::kWrite) return;
  throw InvalidInput("the store is open for reading only");
}

// Whether anything failed after which nothing may be written; who calls it
// holds `writing_`.
void Compaction::check_goes_on() {
  tell_of_failed_merge();
  check_syncs();
  writer_->check_not_broken();
}

void Compaction::set(std::string_view key, std::string_view value) {
  kBinaryLimits.check(key, value);
  check_is_writer();
  const std::scoped_lock turn(writing_);
  check_goes_on();
  write(key, value, false);
}

void Compaction::del(std::string_view key) {
  kBinaryLimits.check_key(key);
  check_is_writer();
  const std::scoped_lock turn(writing_);
  check_goes_on();
  for (auto segment = segments_.rbegin(); segment != segments_.rend();
       ++segment) {
    const Place* place = (*segment)->find(key);
    const std::uint64_t from = place != nullptr ? place->offset : 0;
    const bool may_be_there = (place != nullptr && !place->is_tombstone) ||
                              (*segment)->may_hide(key, from) != nullptr;
    if (may_be_there) return write(key, kTombstone0, true);
    if (place != nullptr) return;
  }
}

// Appends a record; who calls it holds `writing_`.
void Compaction::write(std::string_view key, std::string_view value,
                       bool is_tombstone) {
  if (writer_->end() >= segment_bytes_) roll_over();
  record_.clear();
  const auto now = static_cast<std::uint32_t>(options_.system().now_seconds());
  encode_binary_record(now, key, value, record_);
  const Place place{writer_->append(record_), record_.size(), is_tombstone};
  const SegmentPtr* holder = holder_of(key);
  Segment& active = *segments_.back();
  if (holder != nullptr && (*holder)->id() < merge_end_id_) {
    overwritten_.emplace_back(key);
  }
  const std::unique_lock change(list_lock_);
  if (holder != nullptr && holder->get() != &active) {
    (*holder)->lose(*(*holder)->find(key));
  }
  active.add(key, place);
  active.set_size(writer_->end());
}

// The newest segment that knows a key, or null. The caller may read the list.
const compaction::SegmentPtr* Compaction::holder_of(
    std::string_view key) const {
  std::uint64_t asked = 0;
  const SegmentPtr* holder = nullptr;
  for (std::size_t i = segments_.size(); i > 0 && holder == nullptr; --i) {
    ++asked;
    if (segments_[i - 1]->find(key) != nullptr) holder = &segments_[i - 1];
  }
  probes_.fetch_add(asked, std::memory_order_relaxed);
  return holder;
}

// A gap behind a key's newest readable record may have held a newer one, if
// it is long enough.
Compaction::Found Compaction::find(std::string_view key) const {
  const std::shared_lock look(list_lock_);
  std::uint64_t asked = 0;
  Found found;
  for (std::size_t i = segments_.size(); i > 0 && !found.segment; --i) {
    const SegmentPtr& segment = segments_[i - 1];
    const Place* place = segment->find(key);
    ++asked;
    const std::uint64_t newer_than = place != nullptr ? place->offset : 0;
    const Gap* gap = segment->may_hide(key, newer_than);
    if (gap != nullptr) throw_damage(*segment, *gap);
    if (place != nullptr) found = {segment, *place};
  }
  probes_.fetch_add(asked, std::memory_order_relaxed);
  return found;
}

bool Compaction::get(std::string_view key, std::string& value) {
  bool is_there = false;
  following_merges([&] {
    const Found found = find(key);
    is_there = found.segment != nullptr && !found.place.is_tombstone;
    if (!is_there) return;
    read_record(*found.segment, found.place, value);
    value.erase(0, kHeaderBytes + key.size());
  });
  return is_there;
}

// Reads a whole record, if its checksum still matches.
void Compaction::read_record(const Segment& segment, const Place& place,
                             std::string& record) {
  const auto file = files_.open(segment.path(), "read the records");
  read_exactly(*file, place.offset, place.size, "read the record", record);
  BinaryRecord decoded;
  if (decode_binary_record(record, decoded) != Decoded::kRecord) {
    throw Damage(segment.path(), place.offset, "checksum does not match");
  }
}

// Of a frozen segment the keys are read without any lock.
Compaction::Snapshot Compaction::snapshot(std::string_view from,
                                          std::string_view to) {
  Snapshot snapshot;
  auto& entries = snapshot.entries;
  const auto collect = [&](const Segment& segment) {
    for (const auto& [key, place] : segment.keydir()) {
      if (key < from || (!to.empty() && key >= to)) continue;
      entries.push_back({key, &segment, place});
    }
  };
  {
    const std::shared_lock look(list_lock_);
    snapshot.segments = segments_;
    if (!segments_.empty()) collect(*segments_.back());
  }
  for (const SegmentPtr& segment : snapshot.segments) {
    if (const Gap* gap = segment->may_hide("", 0)) throw_damage(*segment, *gap);
    if (segment != snapshot.segments.back()) collect(*segment);
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    if (a.key != b.key) return a.key < b.key;
    return a.segment->id() > b.segment->id();
  });
  const auto last =
      std::unique(entries.begin(), entries.end(),
                  [](const auto& a, const auto& b) { return a.key == b.key; });
  entries.erase(std::remove_if(
                    entries.begin(), last,
                    [](const auto& entry) { return entry.place.is_tombstone; }),
                entries.end());
  return snapshot;
}

void Compaction::keys(const KeyVisitor& visit) {
  for (const auto& entry : snapshot("", "").entries) visit(entry.key);
  sweep_if_possible();
}

void Compaction::scan(std::string_view from, std::string_view to,
                      const PairVisitor& visit) {
  std::optional<std::string> told;  // the last key, should a file be gone
  std::string record;
  following_merges([&] {
    const Snapshot moment = snapshot(from, to);
    for (const auto& [key, segment, place] : moment.entries) {
      if (told && key <= *told) continue;
      read_record(*segment, place, record);
      visit(key, std::string_view(record).substr(kHeaderBytes + key.size()));
      told = key;
    }
  });
  sweep_if_possible();
}

std::vector<Compaction::Extent> Compaction::extents() const {
  const std::shared_lock look(list_lock_);
  std::vector<Extent> extents;
  for (const SegmentPtr& segment : segments_) {
    extents.push_back({segment, segment->size()});
  }
  return extents;
}

Stats Compaction::stats() {
  Stats stats;
  const auto add_file = [&stats](const Segment& segment) {
    ++stats.files;
    stats.disk_bytes += segment.size();
    stats.dead_bytes += segment.bytes();
    stats.index_bytes += segment.index_bytes();
  };
  for (const Extent& extent : extents()) {
    for (const Gap& gap : extent.segment->gaps()) {
      options_.tell("damaged, and passed over: " + extent.segment->path() +
                    ": offset " + std::to_string(gap.offset) + ": " +
                    std::to_string(gap.size) + " bytes");
    }
  }
  const std::shared_lock look(list_lock_);
  for (const SegmentPtr& segment : merged_) add_file(*segment);
  for (const SegmentPtr& segment : segments_) {
    add_file(*segment);
    stats.keys += segment->live_keys();
    stats.live_bytes += segment->live_bytes();
    stats.dead_bytes -= segment->live_bytes();
  }
  return stats;
}

DumpRecord::State Compaction::state_of(const Segment& segment,
                                       const LogEntry& entry) const {
  const std::shared_lock look(list_lock_);
  const SegmentPtr* holder = holder_of(entry.key);
  if (holder == nullptr || holder->get() != &segment) {
    return DumpRecord::State::kDead;
  }
  const Place* newest = segment.find(entry.key);
  if (newest->offset != entry.offset) return DumpRecord::State::kDead;
  return newest->is_tombstone ? DumpRecord::State::kTombstone
                              : DumpRecord::State::kLive;
}

void Compaction::dump(std::string_view name, const DumpVisitor& visit) {
  bool found = name.empty();
  for (const auto& [segment, size] : extents()) {
    if (!name.empty() && segment->name() != name) continue;
    found = true;
    dump_log(
        *files_.open(segment->path(), "dump the records"), size,
        segment->name(),
        [&, &of = *segment](const LogEntry& entry, std::string_view /*value*/) {
          return state_of(of, entry);
        },
        visit);
  }
  if (found) return;
  throw InvalidInput("this store has no file '" + std::string(name) +
                     "': its files are N" +
                     std::string(compaction::kSegmentSuffix));
}

void Compaction::verify(const DamageVisitor& visit) {
  const auto all = extents();
  for (const auto& [segment, size] : all) {
    const bool may_be_torn = segment == all.back().segment;
    for_each_entry(
        *files_.open(segment->path(), "verify every byte"), size,
        "verify every byte",
        [&, &path = segment->path()](Decoded decoded, const LogEntry& entry) {
          if (decoded == Decoded::kRecord) return;
          if (decoded == Decoded::kTorn && may_be_torn) return;
          visit({.file = path,
                 .offset = entry.offset,
                 .size = entry.size,
                 .why = entry.why});
        });
  }
}

void Compaction::salvage(const std::string& directory,
                         const DamageVisitor& visit) {
  check_new_or_empty(options_.system(), directory);
  Options target = options_;
  target.directory = directory;
  Directory lock = lock_store(target);
  std::uint32_t id = 0;
  for (const auto& [segment, size] : extents()) {
    LogWriter copy(target, lock,
                   segment_name(++id, compaction::kSegmentSuffix));
    salvage_log(*files_.open(segment->path(), "salvage"), size, copy, visit);
  }
}

const Stage& stage_06_compaction() {
  static const Stage stage = {
      .name = "06_compaction",
      .title = "segments that are merged while they are in use",
      .flaw =
          "Start-up reads everything, and each segment has a keydir of its "
          "own: a key stands in memory as often as it was written.",
      .limits = kBinaryLimits,
      .options = {{.name = "--segment-bytes",
                   .help = "close the active segment once it holds so many",
                   .default_value = std::uint64_t{64} << 20,
                   .min = 1,
                   .max = std::uint64_t{1} << 62},
                  {.name = "--dead-percent",
                   .help = "merge a segment once more of it is dead; 100: "
                           "only when told to",
                   .default_value = 50,
                   .min = 0,
                   .max = 100}},
      .refuses = {},
      .checksums = true,
      .scans = false,
      .open = [](const Options& options) -> std::unique_ptr<Store> {
        return std::make_unique<Compaction>(options);
      },
  };
  return stage;
}

}  // namespace strata
