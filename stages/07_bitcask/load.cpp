#include "stages/07_bitcask/load.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

#include "common/os/file.h"
#include "common/record/record_reader.h"
#include "common/record/tombstone.h"
#include "common/store/segment_files.h"

namespace strata::bitcask {

namespace {

constexpr unsigned kMostThreads = 4;
// Below so many bytes a second thread costs more than it brings.
constexpr std::uint64_t kWorthAThread = std::uint64_t{4} << 20;
constexpr std::uint64_t kReportBytes = std::uint64_t{1} << 20;

void for_each_hint(HintReader& hints, DataFile& file,
                   const PlaceVisitor& visit) {
  file.from_hints = true;
  hints.for_each([&](const HintEntry& entry) {
    const auto value_size = static_cast<std::uint32_t>(
        entry.total_size - kHeaderBytes - entry.key.size());
    const Place place{.file = file.id(),
                      .offset = entry.offset,
                      .value_size = value_size,
                      .tstamp = entry.tstamp,
                      .tombstone = entry.tombstone};
    file.counts.add(place, entry.key.size());
    visit(entry.key, place);
  });
}

FileFaults for_each_record(const Options& options, DataFile& file,
                           const PlaceVisitor& visit) {
  const File data = File::open(options.system(), file.path(), OpenMode::kRead,
                               "open the data file");
  FileFaults faults;
  RecordReader reader(data, file.end, "read the records");
  LogEntry entry;
  for (Decoded decoded = reader.next(entry); decoded != Decoded::kEnd;
       decoded = reader.next(entry)) {
    Place place{.file = file.id(), .offset = entry.offset};
    if (decoded == Decoded::kTorn) {
      faults.torn = entry.offset;
    } else if (decoded == Decoded::kCorrupt) {
      faults.gaps.push_back(
          {.from = place, .size = entry.size, .why = entry.why});
    } else {
      place.value_size = entry.header.value_size;
      place.tstamp = entry.header.tstamp;
      place.tombstone = is_tombstone_record(data, entry);
      file.counts.add(place, entry.key.size());
      visit(entry.key, place);
    }
  }
  return faults;
}

// Loads files with several threads, each taking the next one.
class Loader {
 public:
  Loader(const Options& options, const FileSet& set, Keydir& keydir)
      : options_(options), set_(set), keydir_(keydir) {
    faults_.resize(set.files.size());
  }

  void run() {
    std::uint64_t bytes = 0;
    for (const auto& file : set_.files) bytes += file->end;
    total_ = bytes;
    const unsigned wanted =
        bytes < kWorthAThread ? 1 : std::thread::hardware_concurrency();
    const auto count = std::min<std::size_t>(
        {std::max(wanted, 1U), kMostThreads, set_.files.size()});
    std::vector<std::thread> helpers;
    try {
      for (std::size_t i = 1; i < count; ++i) {
        helpers.emplace_back([this] { work(); });
      }
    } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): it
                                          // takes longer with fewer
    }
    work();
    for (std::thread& helper : helpers) helper.join();
    if (error_) std::rethrow_exception(error_);
  }

  [[nodiscard]] std::vector<FileFaults>& faults() { return faults_; }

 private:
  void work() {
    try {
      Keydir::Batch batch(keydir_);
      for (std::size_t i = next_++; i < set_.files.size(); i = next_++) {
        faults_[i] =
            for_each_place(options_, *set_.files[i],
                           [&](std::string_view key, const Place& place) {
                             batch.add(key, place);
                             if (!batch.is_full()) return;
                             std::call_once(expected_, [&] { expect(batch); });
                             put_all(batch);
                           });
        report(set_.files[i]->end);
      }
      put_all(batch);
    } catch (...) {
      const std::scoped_lock hold(mutex_);
      error_ = std::current_exception();
      next_ = set_.files.size();
    }
  }

  // Reckons from the first batch how many keys there are.
  void expect(const Keydir::Batch& batch) {
    const std::uint64_t times = total_ / batch.record_bytes();
    keydir_.expect(batch.size() * times, batch.key_bytes() * times);
  }

  // Records in a row that are live.
  struct Live {
    std::uint32_t file = 0;
    std::uint64_t keys = 0;
    std::uint64_t bytes = 0;
  };

  void put_all(Keydir::Batch& batch) {
    Live live;
    keydir_.put_all(batch, [&](std::string_view key, const Place& place,
                               const Keydir::Put& put) {
      if (!put.placed) return;
      if (put.before && !put.before->tombstone) {
        set_.find(put.before->file)
            ->counts.kill(put.before->record_size(key.size()));
      }
      if (place.tombstone) return;
      if (place.file != live.file) revive(live, place.file);
      ++live.keys;
      live.bytes += place.record_size(key.size());
    });
    revive(live, live.file);
  }

  // Counts what was summed up, and begins anew for a file.
  void revive(Live& live, std::uint32_t next) {
    if (live.keys > 0)
      set_.find(live.file)->counts.revive(live.bytes, live.keys);
    live = {.file = next};
  }

  void report(std::uint64_t bytes) {
    const std::scoped_lock hold(mutex_);
    done_ += bytes;
    if (!options_.progress || done_ < reported_ + kReportBytes) return;
    reported_ = done_;
    options_.progress(done_, total_);
  }

  const Options& options_;
  const FileSet& set_;
  Keydir& keydir_;
  std::vector<FileFaults> faults_;
  std::atomic<std::size_t> next_ = 0;
  std::once_flag expected_;
  std::mutex mutex_;
  std::exception_ptr error_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t reported_ = 0;
};

bool is_marked(unsigned mode) {
  constexpr unsigned kSetsUser = 04000;
  constexpr unsigned kAllExecute = 0111;
  constexpr unsigned kOthersExecute = 0001;
  return (mode & kSetsUser) != 0 || (mode & kAllExecute) == kOthersExecute;
}

// What follows `begin` in the newest file was never acknowledged.
void forget_torn_tail(const Options& options, DataFile& file,
                      std::uint64_t begin) {
  const bool writing = options.mode == Mode::kWrite;
  options.tell("torn tail: " + file.path() + ": offset " +
               std::to_string(begin) + ": " + std::to_string(file.end - begin) +
               " bytes of an unfinished record " +
               (writing ? "cut off" : "passed over"));
  if (writing) {
    constexpr const char* kWhy = "cut off the torn tail";
    File data =
        File::open(options.system(), file.path(), OpenMode::kWrite, kWhy);
    data.truncate(begin, kWhy);
    // The next record goes to another file: this one's end must be the same
    // after a power cut too, or it would be damage in the middle of the store.
    data.sync(kWhy);
    file.end = begin;
  }
}

}  // namespace

bool is_tombstone_record(const File& data, const LogEntry& entry) {
  if (!entry.bytes.empty()) {
    return is_tombstone(entry.bytes.substr(kHeaderBytes + entry.key.size()));
  }
  std::string begin(kTombstone0.size(), '\0');
  const std::size_t got = data.read_at(entry.value_offset(), begin.data(),
                                       begin.size(), "is it a tombstone?");
  return is_tombstone(std::string_view(begin).substr(0, got));
}

Listing list_store(const Options& options) {
  Listing listing;
  const std::string data_suffix(kDataSuffix);
  const std::string hint_suffix(kHintSuffix);
  const std::string unfinished(kUnfinished);
  const auto names =
      list_directory(options.system(), options.directory, "find files");
  const auto among = [&](const std::string& suffix) {
    auto found = segments_among(names, options.directory, suffix);
    if (!found.empty()) {
      listing.next_id =
          std::max(listing.next_id, std::uint64_t{found.back().id} + 1);
    }
    return found;
  };
  std::vector<std::uint32_t> ids;
  for (const SegmentFile& file : among(data_suffix)) {
    ids.push_back(file.id);
    listing.files.push_back(std::make_shared<DataFile>(options, file.id));
  }
  for (const SegmentFile& file : among(hint_suffix)) {
    const bool has_data = std::binary_search(ids.begin(), ids.end(), file.id);
    if (!has_data) listing.lost.push_back(file.id);
  }
  for (const std::string& suffix : {data_suffix, hint_suffix}) {
    for (const SegmentFile& file : among(suffix + unfinished)) {
      listing.unfinished.push_back(file.name);
    }
  }
  return listing;
}

std::vector<std::shared_ptr<DataFile>> leave_out_marked(const Options& options,
                                                        Listing& listing) {
  constexpr const char* kWhy = "measure the data file";
  std::vector<std::shared_ptr<DataFile>> marked;
  std::vector<std::shared_ptr<DataFile>> rest;
  for (auto& file : listing.files) {
    const File data =
        File::open(options.system(), file->path(), OpenMode::kRead, kWhy);
    if (is_marked(data.mode(kWhy))) {
      marked.push_back(std::move(file));
    } else {
      file->end = data.size(kWhy);
      rest.push_back(std::move(file));
    }
  }
  listing.files = std::move(rest);
  return marked;
}

FileFaults for_each_place(const Options& options, DataFile& file,
                          const PlaceVisitor& visit) {
  HintReader hints(options.system(), options.path_of(file.hint_name()),
                   file.end, "open the hints");
  if (hints.believed()) {
    for_each_hint(hints, file, visit);
    return {};
  }
  FileFaults faults;
  if (file.end > 0) faults = for_each_record(options, file, visit);
  if (hints.covered() > file.end) faults.missing = hints.covered() - file.end;
  return faults;
}

std::shared_ptr<FileSet> load(const Options& options, const Listing& listing,
                              Keydir& keydir) {
  auto set = std::make_shared<FileSet>();
  set->files = listing.files;
  for (const std::uint32_t id : listing.lost) {
    set->gaps.push_back({.from = {.file = id},
                         .size = std::numeric_limits<std::uint64_t>::max(),
                         .why = "the data file is missing, its hints are not"});
  }
  Loader loader(options, *set, keydir);
  loader.run();
  for (std::size_t i = 0; i < set->files.size(); ++i) {
    DataFile& file = *set->files[i];
    FileFaults& faults = loader.faults()[i];
    set->gaps.insert(set->gaps.end(), faults.gaps.begin(), faults.gaps.end());
    const bool newest = i + 1 == set->files.size();
    if (faults.missing > 0 && !newest) {
      set->gaps.push_back({.from = {.file = file.id(), .offset = file.end},
                           .size = faults.missing,
                           .why = "the file has become shorter"});
    }
    if (!faults.torn) continue;
    if (newest) {
      forget_torn_tail(options, file, *faults.torn);
    } else {
      set->gaps.push_back({.from = {.file = file.id(), .offset = *faults.torn},
                           .size = file.end - *faults.torn,
                           .why = "the record is not complete"});
    }
  }
  std::stable_sort(set->gaps.begin(), set->gaps.end(),
                   [](const FileGap& a, const FileGap& b) {
                     return b.from.newer_than(a.from);
                   });
  if (set->gaps.empty()) keydir.forget_tombstones();
  keydir.shrink();
  return set;
}

}  // namespace strata::bitcask
