/// @file
/// Merging: from choosing the files to deleting them, in the order in which it
/// happens. Read from top to bottom.
///
///   1. begin_merge        choose; keep ids free; go on writing behind them
///   2. copy_live          into files with unfinished names
///   3. make_others_durable, publish_outputs
///                         on disk, under their names: a crash may come now
///   4. move_keys          the keydir tells of the copies
///   5. retire             nobody looks into the inputs any more
///   6. delete_retired     nobody reads them any more: they go
///
/// Until 6 nothing has gone, so that whatever fails before it costs only the
/// work. Copies may be out of date when they are published, since writes go on:
/// the newer record stands in a file with a higher id.

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <utility>

#include "common/record/binary_record.h"
#include "common/record/log_entries.h"
#include "common/record/record_reader.h"
#include "common/record/tombstone.h"
#include "common/store/errors.h"
#include "common/store/segment_files.h"
#include "stages/07_bitcask/store.h"

namespace strata {

using bitcask::DataFile;
using bitcask::FileGap;
using bitcask::FileSet;
using bitcask::FileStatus;
using bitcask::HintWriter;
using bitcask::kDataSuffix;
using bitcask::kHintSuffix;
using bitcask::kUnfinished;
using bitcask::LockFile;
using bitcask::MergePlan;
using bitcask::Place;

namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

// The store is being closed: the merge ends without having changed anything.
struct Stopped : InvalidInput {
  Stopped() : InvalidInput("the store is being closed") {}
};

}  // namespace

struct Bitcask::MergeJob {
  Inputs inputs;                   // ascending by id
  std::uint64_t first_output = 0;  // outputs have ids from here
  std::uint64_t active = 0;        // up to here, and not this one
  std::uint32_t oldest_other = 0;  // the oldest file that is no input
  std::uint64_t time = 0;          // by which records have expired
  std::vector<std::shared_ptr<DataFile>> outputs;  // published ones

  [[nodiscard]] bool has_input(std::uint32_t id) const {
    return std::any_of(inputs.begin(), inputs.end(),
                       [id](const auto& input) { return input->id() == id; });
  }

  // Whether a tombstone in `input` may still hide something: a record in a file
  // that is older and stays.
  [[nodiscard]] bool still_needed(const DataFile& input) const {
    return oldest_other < input.id();
  }
};

// Writes copies into data files with unfinished names, each with its hints,
// and begins another one whenever one is full.
class Bitcask::MergeOutput {
 public:
  // The ids from `first_id` to before `end_id` are free.
  MergeOutput(const Options& options, std::uint64_t first_id,
              std::uint64_t end_id, std::uint64_t segment_bytes)
      : options_(options),
        next_id_(first_id),
        end_id_(end_id),
        full_at_(segment_bytes) {}

  MergeOutput(const MergeOutput&) = delete;
  MergeOutput& operator=(const MergeOutput&) = delete;

  ~MergeOutput() {
    for (const Output& output : outputs_) {
      if (output.published) continue;
      try {
        remove_file(options_.system(), unfinished(*output.file),
                    "remove the unfinished copy");
      } catch (const IoError&) {  // NOLINT(bugprone-empty-catch): the next open
                                  // for writing removes it
      }
    }
  }

  // Copies a record whole.
  void copy(const LogEntry& entry, const File& from, bool tombstone) {
    begin_record(entry.header.tstamp, entry.key, entry.size, tombstone);
    if (!entry.bytes.empty()) return write(entry.bytes);
    read_in_pieces(from, entry, "copy a long record",
                   [this](std::string_view piece) { write(piece); });
  }

  // Writes a tombstone in place of a record that has expired.
  void bury(const LogEntry& entry, std::uint32_t file) {
    std::string record;
    encode_binary_record(entry.header.tstamp, entry.key, encode_tombstone(file),
                         record);
    begin_record(entry.header.tstamp, entry.key, record.size(), true);
    write(record);
  }

  // Makes everything durable, still under unfinished names.
  void finish() {
    if (!outputs_.empty()) finish_file();
  }

  // Gives every data file its name and calls `done(file)`.
  // @throws IoError: the last one may have its name, or not.
  template <typename Done>
  void publish(const Done& done) {
    for (Output& output : outputs_) {
      rename_file(options_.system(), unfinished(*output.file),
                  output.file->path(), "give the copy its name");
      output.published = true;
      done(output.file);
    }
  }

  // Takes the name away that may have been given in spite of an error.
  // @throws IoError
  void take_back_name() {
    for (const Output& output : outputs_) {
      if (output.published) continue;
      return remove_file(options_.system(), output.file->path(),
                         "take back the copy's name");
    }
  }

  // Gives the hints their names, once those of the data files are durable:
  // hints without data would tell that a data file is missing.
  void publish_hints() {
    for (const Output& output : outputs_) output.hints->publish();
  }

 private:
  struct Output {
    std::shared_ptr<DataFile> file;
    std::unique_ptr<HintWriter> hints;
    bool published;
  };

  [[nodiscard]] static std::string unfinished(const DataFile& file) {
    return file.path() + std::string(kUnfinished);
  }

  void begin_record(std::uint32_t tstamp, std::string_view key,
                    std::uint64_t size, bool tombstone) {
    if (file_ && end_ >= full_at_) finish_file();
    if (!file_) start_file();
    outputs_.back().hints->add({.tstamp = tstamp,
                                .total_size = size,
                                .tombstone = tombstone,
                                .offset = end_,
                                .key = key});
    end_ += size;
  }

  void start_file() {
    // The next id is that of the active file, which a copy would replace.
    if (next_id_ == end_id_) throw std::logic_error("no id is free for a copy");
    const auto id = static_cast<std::uint32_t>(next_id_++);
    auto file = std::make_shared<DataFile>(options_, id);
    file_ = File::open(options_.system(), unfinished(*file),
                       OpenMode::kCreateNew, "begin a copy");
    auto hints = std::make_unique<HintWriter>(
        options_, options_.path_of(file->hint_name()));
    outputs_.push_back({std::move(file), std::move(hints), false});
    end_ = written_ = 0;
  }

  void finish_file() {
    if (!file_) return;
    flush();
    file_->sync("make the copy durable");
    file_.reset();
    outputs_.back().file->end = end_;
    outputs_.back().file->durable = true;
    outputs_.back().hints->finish(true);
  }

  void write(std::string_view bytes) {
    buffer_ += bytes;
    if (buffer_.size() >= kBufferBytes) flush();
  }

  void flush() {
    file_->write_at(written_, buffer_, "copy live records");
    written_ += buffer_.size();
    buffer_.clear();
  }

  const Options& options_;
  std::uint64_t next_id_;
  std::uint64_t end_id_;
  std::uint64_t full_at_;
  std::vector<Output> outputs_;  // the last one may be open
  std::optional<File> file_;
  std::string buffer_;
  std::uint64_t end_ = 0;      // of the open file, with what is in the buffer
  std::uint64_t written_ = 0;  // of it on disk
};

// ---- Which files

// The sums last, since others count meanwhile: no part is more than its sum.
std::vector<FileStatus> Bitcask::status() const {
  check_open();
  std::vector<FileStatus> all;
  const auto set = files();
  for (const auto& file : set->files) {
    const bitcask::FileCounts& counts = file->counts;
    FileStatus status;
    status.id = file->id();
    status.name = file->name();
    status.live_keys = counts.live_keys;
    status.live_bytes = counts.live_bytes;
    status.needed_keys = counts.needed_keys;
    status.needed_bytes = counts.needed_bytes;
    status.keys = counts.keys;
    status.bytes = counts.bytes;
    status.oldest = counts.oldest;
    status.newest = counts.newest;
    all.push_back(std::move(status));
  }
  return all;
}

MergePlan Bitcask::needs_merge() const {
  std::vector<FileStatus> closed = status();
  const std::scoped_lock hold(writer_mutex_);
  closed.erase(
      std::remove_if(closed.begin(), closed.end(),
                     [&](const FileStatus& file) {
                       return (active_ && active_->file->id() <= file.id) ||
                              not_again_.count(file.id) > 0;
                     }),
      closed.end());
  return policy_.plan(closed, now());
}

void Bitcask::merge(const std::vector<std::uint32_t>& ids) {
  run_merge([&](const DataFile& file) {
    return std::find(ids.begin(), ids.end(), file.id()) != ids.end();
  });
}

void Bitcask::compact() {
  {
    const std::scoped_lock hold(writer_mutex_);
    check_writable();
    finish_active();
  }
  run_merge([](const DataFile& /*file*/) { return true; });
}

void Bitcask::run_merge(const Choose& choose) {
  const std::scoped_lock one_at_a_time(merge_mutex_);
  std::optional<MergeJob> job = begin_merge(choose);
  if (!job) return;
  const LockFile merging(
      options_, "merge",
      options_.path_of(segment_name(
          static_cast<std::uint32_t>(job->first_output), kDataSuffix)));
  MergeOutput output(options_, job->first_output, job->active, segment_bytes_);
  copy_live(*job, output);
  output.finish();
  make_others_durable(*job);
  publish_outputs(*job, output);
  for (const auto& file : job->outputs) move_keys(*file);
  retire(*job);
  const std::scoped_lock hold(retired_mutex_);
  delete_retired();
}

// How many files the copies of so many bytes can need: every one but the last
// is full, and holds a record at the least.
std::uint64_t Bitcask::most_outputs(std::uint64_t bytes) const {
  const std::uint64_t records = bytes / kHeaderBytes;
  // In place of an expired record a tombstone may stand, which is longer.
  if (policy_.expires()) bytes += records * kLongestTombstone;
  return std::min(bytes / segment_bytes_, records) + 1;
}

// 1. Chooses the inputs and keeps ids free for the outputs. What is written
// from now on goes to a file behind those.
std::optional<Bitcask::MergeJob> Bitcask::begin_merge(const Choose& choose) {
  const std::scoped_lock hold(writer_mutex_);
  check_writable();
  const auto set = files();
  if (!set->gaps.empty()) {
    const FileGap& gap = set->gaps.front();
    throw Damage(DataFile(options_, gap.from.file).path(), gap.from.offset,
                 gap.why);
  }
  MergeJob job;
  job.time = now();
  std::uint64_t bytes = 0;
  std::uint64_t filled = 0;
  bool any_dead = false;
  job.oldest_other = std::numeric_limits<std::uint32_t>::max();
  for (const auto& file : set->files) {
    const bool is_active = active_ && active_->file == file;
    if (is_active || !choose(*file)) {
      job.oldest_other = std::min(job.oldest_other, file->id());
      continue;
    }
    job.inputs.push_back(file);
    if (file->end == 0) continue;
    ++filled;
    bytes += file->end;
    any_dead = any_dead || file->counts.live_bytes < file->end ||
               policy_.expired(file->counts.oldest, job.time);
  }
  const bool too_many = filled > bytes / segment_bytes_ + 1;
  if (!any_dead && !too_many) return std::nullopt;
  job.first_output = next_id_;
  job.active = next_id_ + most_outputs(bytes);
  check_id(job.active);
  finish_active();
  start_file(job.active, OpenMode::kCreateNew);
  return job;
}

// ---- The copies

// 2. Copies what is live, file by file from front to back, checking every byte.
void Bitcask::copy_live(const MergeJob& job, MergeOutput& output) {
  for (const auto& input : job.inputs) copy_file(job, *input, output);
}

void Bitcask::copy_file(const MergeJob& job, const DataFile& input,
                        MergeOutput& output) {
  constexpr const char* kWhy = "read what to copy";
  const File data = File::open(os(), input.path(), OpenMode::kRead, kWhy);
  RecordReader reader(data, input.end, kWhy);
  const std::string hint_path = options_.path_of(input.hint_name());
  std::optional<bitcask::HintReader> hints;
  if (input.from_hints) {
    hints.emplace(os(), hint_path, input.end, "compare the hints");
  }
  LogEntry entry;
  for (Decoded decoded = reader.next(entry); decoded != Decoded::kEnd;
       decoded = reader.next(entry)) {
    if (stop_) throw Stopped();
    if (decoded != Decoded::kRecord) {
      throw Damage(input.path(), entry.offset, entry.why);
    }
    if (hints && hints->believed() && !hints->fits(entry)) {
      throw Damage(hint_path, 0, bitcask::kForeignHints);
    }
    const auto newest = keydir_.find(entry.key);
    if (newest &&
        newest->same_as({.file = input.id(), .offset = entry.offset})) {
      if (!policy_.expired(entry.header.tstamp, job.time)) {
        output.copy(entry, data, false);
      } else if (job.still_needed(input)) {
        output.bury(entry, input.id());
      }
    } else if (!newest && job.still_needed(input) &&
               bitcask::is_tombstone_record(data, entry)) {
      output.copy(entry, data, true);
    }
  }
}

// 3. The inputs go because of what stands in other files: a newer record, a
// tombstone. These must not be lost when the inputs are gone already.
// What is written from now on hides nothing that has been left out, and so
// writers need not wait.
void Bitcask::make_others_durable(const MergeJob& job) {
  constexpr const char* kWhy = "make durable what the copies leave out";
  Inputs closed;
  Inputs others;
  {
    const std::scoped_lock hold(writer_mutex_);
    for (const auto& file : files()->files) {
      if (job.has_input(file->id()) || file->durable) continue;
      others.push_back(file);
      if (!active_ || active_->file != file) closed.push_back(file);
    }
  }
  for (const auto& file : others) {
    File data = File::open(os(), file->path(), OpenMode::kRead, kWhy);
    sync_or_fail([&] { data.sync(kWhy); });
  }
  const std::scoped_lock hold(writer_mutex_);
  for (const auto& file : closed) file->durable = true;
}

void Bitcask::publish_outputs(MergeJob& job, MergeOutput& output) {
  try {
    output.publish([&](const std::shared_ptr<DataFile>& file) {
      const std::scoped_lock hold(writer_mutex_);
      publish(files()->with(file));
      job.outputs.push_back(file);
    });
  } catch (const IoError&) {
    // A copy that nobody knows of would bring back at the next open what is
    // deleted from now on.
    try {
      output.take_back_name();
    } catch (const IoError&) {
      failed_ = true;
    }
    throw;
  }
  make_names_durable();
  output.publish_hints();
}

// 4. Moves the keydir from the inputs to a copy, by its hints. Keys that have
// been set or deleted since stay as they are.
void Bitcask::move_keys(DataFile& output) {
  const auto set = files();
  const auto count = [&](std::string_view key, const Place& place,
                         const std::optional<Place>& from) {
    const std::uint64_t size = place.record_size(key.size());
    DataFile& loser = from ? *set->find(from->file) : output;
    loser.counts.kill(size);
  };
  bitcask::Keydir::Batch batch(keydir_);
  const auto move_batch = [&] {
    output.counts.revive(batch.record_bytes(), batch.size());
    keydir_.move_all(batch, count);
  };
  const bitcask::FileFaults faults = bitcask::for_each_place(
      options_, output, [&](std::string_view key, const Place& place) {
        if (place.tombstone) {
          ++output.counts.needed_keys;
          output.counts.needed_bytes += place.record_size(key.size());
          return;
        }
        batch.add(key, place);
        if (batch.is_full()) move_batch();
      });
  move_batch();
  if (!faults.gaps.empty() || faults.torn) {
    throw Damage(output.path(), 0, "the copy cannot be read back");
  }
}

// ---- The end of the inputs

// 5. Takes the inputs out of the set. What the keydir still tells of them has
// expired.
void Bitcask::retire(MergeJob& job) {
  const std::scoped_lock hold(writer_mutex_);
  const auto set = files();
  const auto any_keys = [&] {
    return std::any_of(
        job.inputs.begin(), job.inputs.end(),
        [](const auto& input) { return input->counts.live_keys > 0; });
  };
  if (any_keys()) {
    keydir_.erase_if(
        [&](std::string_view /*key*/, const Place& place) {
          return policy_.expired(place.tstamp, job.time) &&
                 job.has_input(place.file);
        },
        [&](std::string_view key, const Place& place) {
          set->find(place.file)->counts.kill(place.record_size(key.size()));
        });
  }
  if (any_keys()) throw std::logic_error("a merge would have lost keys");
  auto rest = std::make_shared<FileSet>();
  std::copy_if(set->files.begin(), set->files.end(),
               std::back_inserter(rest->files),
               [&](const auto& file) { return !job.has_input(file->id()); });
  publish(std::move(rest));
  const std::scoped_lock queue(retired_mutex_);
  std::move(job.inputs.begin(), job.inputs.end(), std::back_inserter(retired_));
  job.inputs.clear();
}

// 6. Deletes retired files, in the order in which they were retired, up to the
// first that a fold still reads. First their hints: hints without data would
// tell that a data file is missing. And no file goes before the older ones are
// gone for good: else what its tombstones hid could come back without them.
// Who calls it holds `retired_mutex_`; writers go on.
void Bitcask::delete_retired() {
  open_files_.close({retired_.begin(), retired_.end()});
  const auto end =
      std::find_if(retired_.begin(), retired_.end(),
                   [](const auto& file) { return file.use_count() > 1; });
  if (end == retired_.begin()) return;
  std::for_each(retired_.begin(), end, [this](const auto& file) {
    remove(file->hint_name(), "delete the hints of a merged file");
  });
  make_names_durable();
  for (auto count = end - retired_.begin(); count > 0; --count) {
    remove(retired_.front()->name(), "delete a merged file");
    retired_.pop_front();
    make_names_durable();
  }
}

// ---- By itself

// Looks whether there is something to merge, whenever a file has been closed,
// and as often as Riak does: records expire, and windows open.
void Bitcask::keep_merging() {
  constexpr std::chrono::minutes kLookAgain(3);
  std::unique_lock hold(writer_mutex_);
  while (true) {
    wake_.wait_for(hold, kLookAgain,
                   [this] { return stop_ || look_for_merge_; });
    if (stop_) return;
    look_for_merge_ = false;
    hold.unlock();
    delete_retired_later();
    std::vector<std::uint32_t> ids;
    try {
      if (policy_.in_window(now())) ids = needs_merge().files;
      if (!ids.empty()) merge(ids);
    } catch (const Stopped&) {
      return;
    } catch (const Damage& damage) {
      options_.tell(std::string("not merged: ") + damage.what());
      const std::scoped_lock guard(writer_mutex_);
      not_again_.insert(ids.begin(), ids.end());
    } catch (const std::exception& error) {  // may have passed the next time
      options_.tell(std::string("not merged: ") + error.what());
    }
    hold.lock();
  }
}

// For whoever does not want to wait: while another one is at work, what is to
// go stays until the next fold ends, the next file is closed, or the next merge
// ends.
void Bitcask::delete_retired_later() {
  if (options_.mode == Mode::kRead) return;
  try {
    const std::unique_lock hold(retired_mutex_, std::try_to_lock);
    if (hold && !closed_ && !failed_) delete_retired();
  } catch (const std::exception& error) {
    options_.tell(std::string("not deleted: ") + error.what());
  }
}

}  // namespace strata
