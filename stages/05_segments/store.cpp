#include "stages/05_segments/store.h"

#include <algorithm>
#include <memory>
#include <unordered_set>
#include <utility>

#include "common/record/binary_record.h"
#include "common/store/errors.h"
#include "common/store/segment_files.h"
#include "stages/roadmap.h"

namespace strata {

namespace {

constexpr std::uint64_t kReportBytes = 1 << 20;
constexpr const char* kMissing = "the segment is missing";

}  // namespace

Segments::Segments(const Options& options)
    : options_(options),
      segment_bytes_(stage_05_segments().number(options, "--segment-bytes")),
      hash_(options.system().random()),
      files_(options.system()) {
  if (options.mode == Mode::kWrite) directory_.emplace(lock_store(options));
  find_segments();
  fill_keydirs();
  if (directory_ && !segments_.empty()) continue_newest();
}

// While a writer makes segments one after the other, a listing may have a new
// one and not the one before it. Whatever is older than the newest of a first
// listing was there before a second one began.
std::vector<SegmentFile> Segments::list() const {
  const auto list_once = [this] {
    return list_segments(options_.system(), options_.directory, kSuffix,
                         "find the segments");
  };
  std::vector<SegmentFile> files = list_once();
  if (files.empty() || files.size() == files.back().id) return files;
  const std::uint32_t newest = files.back().id;
  files = list_once();
  files.erase(
      std::remove_if(files.begin(), files.end(),
                     [&](const auto& file) { return file.id > newest; }),
      files.end());
  return files;
}

// None is ever deleted, so that a number left out is a segment lost.
void Segments::find_segments() {
  for (const SegmentFile& file : list()) {
    const std::uint32_t expected =
        segments_.empty() ? std::min(file.id, 1U) : segments_.back().id + 1;
    Segment& segment = add_segment(file.id);
    segment.missing_before = file.id - expected;
    segment.end = open(segment)->size("measure the segment");
  }
}

Segments::Segment& Segments::add_segment(std::uint32_t id) {
  segments_.push_back(
      {.id = id,
       .path = path_of(id),
       .keydir = Map(0, hash_, std::equal_to<>(),
                     CountingAllocator<Map::value_type>(index_bytes_))});
  return segments_.back();
}

std::string Segments::path_of(std::uint32_t id) const {
  return options_.path_of(segment_name(id, kSuffix));
}

std::string Segments::missing_path(const Segment& behind) const {
  return path_of(behind.id - 1);
}

void Segments::fill_keydirs() {
  std::uint64_t total = 0;
  for (const Segment& segment : segments_) total += segment.end;
  std::uint64_t before = 0;
  std::uint64_t reported = 0;
  for (Segment& segment : segments_) {
    const std::uint64_t size = segment.end;
    fill_keydir(segment, [&](std::uint64_t done) {
      if (!options_.progress || before + done < reported + kReportBytes) return;
      reported = before + done;
      options_.progress(reported, total);
    });
    before += size;
  }
}

void Segments::fill_keydir(Segment& segment,
                           const std::function<void(std::uint64_t)>& report) {
  const auto file = open(segment);
  for_each_entry(*file, segment.end, "fill the keydir",
                 [&](Decoded decoded, const LogEntry& entry) {
                   if (decoded == Decoded::kRecord) {
                     segment.put(entry.key, {entry.offset, entry.size});
                   } else {
                     take_note(segment, decoded, entry);
                   }
                   report(entry.offset);
                 });
}

// Of what is no record. Only the newest segment may have a torn tail: it was
// being written to when the crash came. Elsewhere it is damage.
void Segments::take_note(Segment& segment, Decoded decoded,
                         const LogEntry& entry) {
  if (decoded == Decoded::kCorrupt || &segment != &segments_.back()) {
    segment.gaps.push_back({entry.offset, entry.size, entry.why});
    return;
  }
  options_.tell("torn tail: " + segment.path + ": offset " +
                std::to_string(entry.offset) + ": " +
                std::to_string(entry.size) + " bytes of an unfinished record " +
                (directory_ ? "cut off" : "passed over"));
  if (directory_) segment.end = entry.offset;
}

void Segments::Segment::put(std::string_view key, Place place) {
  record_bytes += place.size;
  const auto found = keydir.find(key);
  if (found == keydir.end()) {
    keydir.emplace(key, place);
  } else {
    found->second = place;
  }
}

// A store that is opened again goes on in its newest segment, also when that
// is empty.
void Segments::continue_newest() {
  Segment& newest = segments_.back();
  writer_.emplace(options_, *directory_, segment_name(newest.id, kSuffix));
  if (writer_->end() > newest.end) writer_->cut(newest.end);
}

void Segments::set(std::string_view key, std::string_view value) {
  kBinaryLimits.check(key, value);
  if (!directory_) throw InvalidInput("the store is open for reading only");
  if (!writer_ || writer_->end() >= segment_bytes_) roll_over();
  record_.clear();
  const auto now = static_cast<std::uint32_t>(options_.system().now_seconds());
  encode_binary_record(now, key, value, record_);
  const std::uint64_t offset = writer_->append(record_);
  segments_.back().put(key, {offset, record_.size()});
  segments_.back().end = writer_->end();
}

// Begins the next segment. The one before is never written to again.
void Segments::roll_over() {
  const std::uint32_t newest = segments_.empty() ? 0 : segments_.back().id;
  if (newest == kLastSegment) {
    throw InvalidInput("no number is left for another segment behind " +
                       std::to_string(kLastSegment) +
                       ": salvage the store into a new one, where they begin "
                       "at 1 again");
  }
  if (writer_) writer_->check_not_broken();
  LogWriter next(options_, *directory_, segment_name(newest + 1, kSuffix));
  add_segment(newest + 1);
  writer_.emplace(std::move(next));
}

bool Segments::get(std::string_view key, std::string& value) {
  for (auto segment = segments_.rbegin(); segment != segments_.rend();
       ++segment) {
    ++probes_;
    const auto found = segment->keydir.find(key);
    if (found != segment->keydir.end()) {
      check_not_hidden(*segment, key, found->second.offset);
      read_record(*segment, found->second);
      value.assign(record_, kHeaderBytes + key.size());
      return true;
    }
    check_not_hidden(*segment, key, 0);
    if (segment->missing_before > 0) {
      throw Damage(missing_path(*segment), 0, kMissing);
    }
  }
  return false;
}

// A gap behind a key's newest readable record may have held a newer one, if
// it is long enough.
void Segments::check_not_hidden(const Segment& segment, std::string_view key,
                                std::uint64_t newer_than) const {
  for (const Gap& gap : segment.gaps) {
    if (gap.offset >= newer_than && gap.size >= kHeaderBytes + key.size()) {
      throw Damage(segment.path, gap.offset, gap.why);
    }
  }
}

void Segments::check_nothing_hidden() const {
  for (const Segment& segment : segments_) {
    check_not_hidden(segment, "", 0);
    if (segment.missing_before > 0) {
      throw Damage(missing_path(segment), 0, kMissing);
    }
  }
}

// Puts a whole record into `record_`, if its checksum still matches.
void Segments::read_record(const Segment& segment, Place place) {
  read_exactly(*open(segment), place.offset, place.size, "read the record",
               record_);
  BinaryRecord record;
  if (decode_binary_record(record_, record) != Decoded::kRecord) {
    throw Damage(segment.path, place.offset, "checksum does not match");
  }
}

std::shared_ptr<const File> Segments::open(const Segment& segment) const {
  return files_.open(segment.path, "open the segment");
}

// Every key once, in the newest segment that knows it.
std::vector<Segments::Found> Segments::live() const {
  std::vector<Found> found;
  std::unordered_set<std::string_view, KeyHash> seen(0, hash_);
  for (auto segment = segments_.rbegin(); segment != segments_.rend();
       ++segment) {
    for (const auto& [key, place] : segment->keydir) {
      if (seen.insert(key).second) found.push_back({key, &*segment, place});
    }
  }
  return found;
}

void Segments::keys(const KeyVisitor& visit) {
  check_nothing_hidden();
  for (const Found& found : live()) visit(found.key);
}

void Segments::scan(std::string_view from, std::string_view to,
                    const PairVisitor& visit) {
  check_nothing_hidden();
  std::vector<Found> range = live();
  range.erase(std::remove_if(range.begin(), range.end(),
                             [&](const Found& found) {
                               return found.key < from ||
                                      (!to.empty() && found.key >= to);
                             }),
              range.end());
  std::sort(range.begin(), range.end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  for (const Found& found : range) {
    read_record(*found.segment, found.place);
    visit(found.key,
          std::string_view(record_).substr(kHeaderBytes + found.key.size()));
  }
}

Stats Segments::stats() {
  Stats stats;
  std::uint64_t record_bytes = 0;
  for (const Segment& segment : segments_) {
    for (const Gap& gap : segment.gaps) {
      options_.tell("damaged, and passed over: " + segment.path + ": offset " +
                    std::to_string(gap.offset) + ": " +
                    std::to_string(gap.size) + " bytes");
    }
    if (segment.missing_before > 0) {
      options_.tell("missing, and passed over: " + missing_path(segment));
    }
    record_bytes += segment.record_bytes;
    stats.disk_bytes += segment.end;
    ++stats.files;
    for (const auto& [key, place] : segment.keydir) {
      const bool on_heap = key.capacity() > std::string().capacity();
      if (on_heap) stats.index_bytes += key.capacity() + 1;
    }
  }
  for (const Found& found : live()) {
    ++stats.keys;
    stats.live_bytes += found.place.size;
  }
  stats.dead_bytes = record_bytes - stats.live_bytes;
  stats.index_bytes += index_bytes_;
  return stats;
}

void Segments::dump(std::string_view name, const DumpVisitor& visit) {
  bool known = name.empty();
  for (auto segment = segments_.begin(); segment != segments_.end();
       ++segment) {
    const std::string own = segment_name(segment->id, kSuffix);
    if (!name.empty() && name != own) continue;
    known = true;
    const auto state_of = [&](const LogEntry& entry,
                              std::string_view /*value*/) {
      const bool newest_here =
          segment->keydir.find(entry.key)->second.offset == entry.offset;
      const bool newer_segment =
          std::any_of(segment + 1, segments_.end(), [&](const Segment& newer) {
            return newer.keydir.find(entry.key) != newer.keydir.end();
          });
      return newest_here && !newer_segment ? DumpRecord::State::kLive
                                           : DumpRecord::State::kDead;
    };
    dump_log(*open(*segment), segment->end, own, state_of, visit);
  }
  if (!known) {
    throw InvalidInput("this store has no file '" + std::string(name) +
                       "': its files are 1.log, 2.log and so on");
  }
}

void Segments::verify(const DamageVisitor& visit) {
  for (const Segment& segment : segments_) {
    if (segment.missing_before > 0) {
      visit({missing_path(segment), 0, 0, kMissing});
    }
    for_each_entry(*open(segment), segment.end, "verify every byte",
                   [&](Decoded decoded, const LogEntry& entry) {
                     const bool torn_tail = decoded == Decoded::kTorn &&
                                            &segment == &segments_.back();
                     if (decoded == Decoded::kRecord || torn_tail) return;
                     visit({segment.path, entry.offset, entry.size, entry.why});
                   });
  }
}

void Segments::salvage(const std::string& directory,
                       const DamageVisitor& visit) {
  check_new_or_empty(options_.system(), directory);
  Options target = options_;
  target.directory = directory;
  Directory lock = lock_store(target);
  std::uint32_t id = 0;
  for (const Segment& segment : segments_) {
    if (segment.missing_before > 0) {
      visit({missing_path(segment), 0, 0, kMissing});
    }
    LogWriter copy(target, lock, segment_name(++id, kSuffix));
    salvage_log(*open(segment), segment.end, copy, visit);
  }
}

const Stage& stage_05_segments() {
  static const Stage stage = {
      .name = "05_segments",
      .title = "the log cut into segments, a keydir for each",
      .flaw =
          "A miss asks every segment, and what was overwritten still fills the "
          "disk.",
      .limits = kBinaryLimits,
      .options = {{"--segment-bytes",
                   "close the active segment once it holds so many bytes",
                   std::uint64_t{64} << 20, 1, std::uint64_t{1} << 62}},
      .refuses = {kNoDelete, kNoCompaction},
      .checksums = true,
      .scans = false,
      .open = [](const Options& options) -> std::unique_ptr<Store> {
        return std::make_unique<Segments>(options);
      },
  };
  return stage;
}

}  // namespace strata
