#include "stages/07_bitcask/store.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <system_error>
#include <utility>

#include "common/record/binary_record.h"
#include "common/record/tombstone.h"
#include "common/store/errors.h"
#include "common/store/segment_files.h"
#include "stages/07_bitcask/moment.h"

namespace strata {

using bitcask::DataFile;
using bitcask::FileGap;
using bitcask::FileSet;
using bitcask::HintWriter;
using bitcask::Keydir;
using bitcask::Listing;
using bitcask::LockFile;
using bitcask::MergePolicy;
using bitcask::Place;

namespace {

// Records up to so many bytes are read at once.
constexpr std::uint64_t kShort = std::uint64_t{64} << 10;

// How often a reader begins again when files are merged away before it has
// opened them.
constexpr int kTries = 100;

void read_value(const File& file, const Place& place, std::string_view key,
                std::string& value) {
  const std::uint64_t size = place.record_size(key.size());
  value.resize(size);
  if (file.read_at(place.offset, value.data(), size, "read the record") <
      size) {
    throw Damage(file.path(), place.offset, "the file has become shorter");
  }
  BinaryRecord record;
  if (decode_binary_record(value, record) != Decoded::kRecord ||
      record.key != key) {
    throw Damage(file.path(), place.offset, "checksum does not match");
  }
  value.erase(0, kHeaderBytes + key.size());
}

}  // namespace

// ---- Opening and closing

Bitcask::Bitcask(const Options& options)
    : options_(options),
      segment_bytes_(stage_07_bitcask().number(options, "--segment-bytes")),
      sync_seconds_(stage_07_bitcask().number(options, "--sync-seconds")),
      policy_(stage_07_bitcask(), options),
      seed_(options.system().random()),
      keydir_(seed_),
      open_files_(options.system(), keydir_) {
  if (options.mode == Mode::kWrite) {
    open_for_writing();
  } else {
    load_files();
  }
}

void Bitcask::open_for_writing() {
  directory_.emplace(lock_store(options_));
  Listing listing = bitcask::list_store(options_);
  next_id_ = listing.next_id;
  for (const std::string& name : listing.unfinished) {
    remove(name, "remove what a crash left unfinished");
  }
  const auto marked = bitcask::leave_out_marked(options_, listing);
  publish(bitcask::load(options_, listing, keydir_));
  delete_marked(marked);
  write_lock_.emplace(options_, "write", "");
  if (sync_seconds_ > 0) syncer_ = std::thread([this] { keep_syncing(); });
  try {
    merger_ = std::thread([this] { keep_merging(); });
  } catch (const std::system_error& error) {
    options_.tell(std::string("no merge will start by itself: ") +
                  error.what());
  }
}

// Hints without data would tell that a data file is missing: they are gone for
// good before the data goes.
void Bitcask::delete_marked(const Inputs& marked) {
  constexpr const char* kWhy = "delete what Riak has marked for it";
  if (marked.empty()) return;
  for (const auto& file : marked) remove(file->hint_name(), kWhy);
  make_names_durable();
  for (const auto& file : marked) {
    options_.tell("deleted, as Riak has marked it: " + file->path());
    remove(file->name(), kWhy);
  }
}

// One that has gone already is no error.
void Bitcask::remove(const std::string& name, const char* why) {
  remove_file(os(), options_.path_of(name), why);
}

// The listing of a directory in which another process merges. A name that is
// given or taken while the system looks through the names may be seen or left
// out, so that one listing can lack a copy and what was copied too. Then that
// input was still there all through the listing before. So one is good that
// has every file of the one before: new files do no harm. And hints of which
// the data was seen by neither have lost it. (What would not show is a copy that
// is named during the first listing and merged away, whole, during the second.)
Listing Bitcask::list_reliably() const {
  Listing before = bitcask::list_store(options_);
  for (int tries = 0; tries < kTries; ++tries) {
    Listing listing = bitcask::list_store(options_);
    const bool good = std::includes(
        listing.files.begin(), listing.files.end(), before.files.begin(),
        before.files.end(),
        [](const auto& a, const auto& b) { return a->id() < b->id(); });
    if (good) {
      std::vector<std::uint32_t> lost;
      std::set_intersection(before.lost.begin(), before.lost.end(),
                            listing.lost.begin(), listing.lost.end(),
                            std::back_inserter(lost));
      listing.lost = std::move(lost);
      return listing;
    }
    before = std::move(listing);
  }
  throw IoError("files go faster than they can be listed", options_.directory,
                EBUSY);
}

// For reading: takes what is there now in place of what was known.
void Bitcask::load_files() {
  const std::scoped_lock hold(writer_mutex_);
  for (int tries = 1;; ++tries) {
    try {
      Keydir fresh(seed_);
      Listing listing = list_reliably();
      (void)bitcask::leave_out_marked(options_, listing);
      std::shared_ptr<const FileSet> set =
          bitcask::load(options_, listing, fresh);
      {
        const std::scoped_lock change(change_mutex_, files_mutex_);
        keydir_.replace(fresh, [&] { current_ = set.get(); });
        files_.swap(set);
      }
      if (set) open_files_.close(set->files);
      return;
    } catch (const IoError& error) {
      if (!error.is_missing() || tries == kTries) throw;
    } catch (const Damage&) {  // a torn tail was cut off while it was read
      if (tries == kTries) throw;
    }
  }
}

bool Bitcask::refresh() {
  check_open();
  if (options_.mode == Mode::kWrite || is_up_to_date()) return false;
  load_files();
  return true;
}

// Whether the files on disk are those that are known, and as long.
bool Bitcask::is_up_to_date() const {
  const auto known = files();
  Listing listing = list_reliably();
  try {
    (void)bitcask::leave_out_marked(options_, listing);
  } catch (const IoError& error) {
    if (error.is_missing()) return false;
    throw;
  }
  return std::equal(listing.files.begin(), listing.files.end(),
                    known->files.begin(), known->files.end(),
                    [](const auto& one, const auto& other) {
                      return one->id() == other->id() && one->end == other->end;
                    });
}

void Bitcask::stop_threads() {
  {
    const std::scoped_lock hold(writer_mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (merger_.joinable()) merger_.join();
  if (syncer_.joinable()) syncer_.join();
}

void Bitcask::close() {
  const std::scoped_lock one_at_a_time(close_mutex_);
  stop_threads();
  const std::scoped_lock hold(merge_mutex_, writer_mutex_);
  if (closed_.exchange(true)) return;
  if (options_.mode == Mode::kRead) return;
  const std::scoped_lock queue(retired_mutex_);
  try {
    finish_active();
    if (sync_seconds_ > 0 && !failed_) make_all_durable();
    delete_retired();
  } catch (...) {
    let_others_in();
    throw;
  }
  let_others_in();
}

void Bitcask::let_others_in() {
  write_lock_.reset();
  const std::scoped_lock hold(directory_mutex_);
  directory_.reset();
}

Bitcask::~Bitcask() {
  try {
    close();
  } catch (const std::exception&) {
    // Every acknowledged write is where it was promised to be; only hints may
    // be missing.
  }
}

void Bitcask::check_open() const {
  if (closed_) throw InvalidInput("the store is closed");
}

// ---- The set of files

std::shared_ptr<const FileSet> Bitcask::files() const {
  const std::scoped_lock hold(files_mutex_);
  return files_;
}

// Lets everybody see another set. When it returns, nobody uses the one before
// but those who hold a pointer to it.
void Bitcask::publish(std::shared_ptr<const FileSet> set) {
  {
    const std::scoped_lock hold(change_mutex_, files_mutex_);
    files_.swap(set);
    current_ = files_.get();
  }
  keydir_.quiesce();
}

// ---- Reading

bool Bitcask::get(std::string_view key, std::string& value) {
  check_open();
  for (int tries = 1;; ++tries) {
    try {
      const Found found = look_up(key, value);
      // Nobody deletes the file as long as this one is held.
      if (found.file) {
        read_value(*open_files_.open(found.file), found.place, key, value);
      }
      return found.there;
    } catch (const IoError& error) {
      const bool by_merge = options_.mode == Mode::kRead && error.is_missing();
      if (!by_merge || tries == kTries) throw;
      load_files();
    }
  }
}

// Reads the record too, if its file is open and it is short: a write of a key
// next to this one waits meanwhile.
Bitcask::Found Bitcask::look_up(std::string_view key, std::string& value) {
  return keydir_.with(key, [&](const Place* place) -> Found {
    const FileSet& set = *current_.load();
    check_not_hidden(set, key, place);
    const bool there =
        place != nullptr && !place->tombstone &&
        !(policy_.expires() && policy_.expired(place->tstamp, now()));
    if (!there) return {};
    DataFile& file = *set.find(place->file);
    const File* open = file.handle();
    if (open == nullptr || place->record_size(key.size()) > kShort) {
      return {true, file.shared_from_this(), *place};
    }
    read_value(*open, *place, key, value);
    return {true, nullptr, {}};
  });
}

// A gap may have held a record of the key newer than the newest that is known,
// if it is long enough.
void Bitcask::check_not_hidden(const FileSet& set, std::string_view key,
                               const Place* newest) const {
  for (const FileGap& gap : set.gaps) {
    const bool newer = newest == nullptr || gap.from.newer_than(*newest);
    if (newer && gap.size >= kHeaderBytes + key.size()) {
      throw Damage(DataFile(options_, gap.from.file).path(), gap.from.offset,
                   gap.why);
    }
  }
}

void Bitcask::check_nothing_hidden() const {
  check_not_hidden(*files(), "", nullptr);
}

void Bitcask::keys(const KeyVisitor& visit) {
  const auto moment = this->moment();
  for (std::size_t shard = 0; shard < Keydir::kShards; ++shard) {
    moment->keys->table(shard).for_each(
        [&](std::string_view key, const Place& place) {
          if (moment->is_live(place)) visit(key);
        });
  }
}

void Bitcask::scan(std::string_view from, std::string_view to,
                   const PairVisitor& visit) {
  const auto moment = this->moment();
  std::vector<bitcask::Item> range;
  for (std::size_t shard = 0; shard < Keydir::kShards; ++shard) {
    moment->keys->table(shard).for_each(
        [&](std::string_view key, const Place& place) {
          const bool inside = key >= from && (to.empty() || key < to);
          if (inside && moment->is_live(place)) range.push_back({key, place});
        });
  }
  std::sort(range.begin(), range.end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  std::string value;
  for (const bitcask::Item& item : range) {
    read_value(moment->open(item.place.file), item.place, item.key, value);
    visit(item.key, value);
  }
}

void Bitcask::fold(const PairVisitor& visit) {
  Iterator all = iterator();
  std::string key;
  std::string value;
  while (all.next(key, value)) visit(key, value);
}

std::unique_ptr<Bitcask::Iterator::Moment> Bitcask::moment() {
  check_open();
  check_nothing_hidden();
  for (int tries = 1;; ++tries) {
    try {
      std::unique_ptr<Keydir::Snapshot> keys;
      std::shared_ptr<const FileSet> set;
      {
        // While nothing changes, every shard tells of the same moment, and no
        // merge can end and take files away before they are held.
        const std::scoped_lock hold(change_mutex_);
        keys = keydir_.snapshot();
        set = files();
      }
      auto moment = std::make_unique<Iterator::Moment>(
          open_files_, std::move(keys), std::move(set), policy_, now(),
          options_.mode == Mode::kRead);
      moment->at_end = [this] { delete_retired_later(); };
      return moment;
    } catch (const IoError& error) {
      if (!error.is_missing() || tries == kTries) throw;
    }
    load_files();
  }
}

Bitcask::Iterator::Iterator(std::unique_ptr<Moment> moment)
    : moment_(std::move(moment)) {}

Bitcask::Iterator::Iterator(Iterator&&) noexcept = default;
Bitcask::Iterator& Bitcask::Iterator::operator=(Iterator&&) noexcept = default;
Bitcask::Iterator::~Iterator() = default;

Bitcask::Iterator Bitcask::iterator() {
  return Iterator(moment());
}

bool Bitcask::Iterator::next(std::string& key, std::string& value) {
  const bitcask::Item* item = moment_->next();
  if (item == nullptr) return false;
  key = item->key;
  read_value(moment_->open(item->place.file), item->place, item->key, value);
  return true;
}

// ---- Writing

void Bitcask::check_writable() const {
  check_open();
  if (options_.mode == Mode::kRead) {
    throw InvalidInput("the store is open for reading only");
  }
  if (failed_) {
    throw IoError("a sync has failed; open the store again", options_.directory,
                  EIO);
  }
  if (active_) active_->log.check_not_broken();
}

void Bitcask::set(std::string_view key, std::string_view value) {
  kBinaryLimits.check(key, value);
  const std::scoped_lock hold(writer_mutex_);
  check_writable();
  const Place place = append(key, value, false);
  const std::scoped_lock change(change_mutex_);
  active_->file->counts.revive(place.record_size(key.size()));
  count_dead(key, keydir_.put(key, place).before);
}

void Bitcask::del(std::string_view key) {
  kBinaryLimits.check_key(key);
  const std::scoped_lock hold(writer_mutex_);
  check_writable();
  const auto before = keydir_.find(key);
  const auto set = files();
  const auto gap =
      std::find_if(set->gaps.begin(), set->gaps.end(), [&](const FileGap& one) {
        return !before || one.from.newer_than(*before);
      });
  const bool hidden = gap != set->gaps.end();
  if (!hidden && (!before || before->tombstone)) return;
  const std::uint32_t shadowed = before ? before->file : gap->from.file;
  const Place place = append(key, encode_tombstone(shadowed), true);
  const std::scoped_lock change(change_mutex_);
  // In a damaged store the keydir keeps tombstones: they tell that damage
  // older than they are hides nothing.
  count_dead(key, set->gaps.empty() ? keydir_.erase(key)
                                    : keydir_.put(key, place).before);
}

void Bitcask::count_dead(std::string_view key,
                         const std::optional<Place>& place) const {
  if (!place || place->tombstone) return;
  current_.load()
      ->find(place->file)
      ->counts.kill(place->record_size(key.size()));
}

// Writes a record to the active file; the caller lets the keydir know.
Place Bitcask::append(std::string_view key, std::string_view value,
                      bool tombstone) {
  if (active_ && active_->log.end() >= segment_bytes_) {
    finish_active();
    look_for_merge_ = true;
    wake_.notify_all();
  }
  if (!active_) {
    const auto set = files();
    const bool empty_newest =
        !set->files.empty() && set->files.back()->end == 0 &&
        std::uint64_t{set->files.back()->id()} + 1 == next_id_;
    if (empty_newest) {
      start_file(next_id_ - 1, OpenMode::kCreate);
    } else {
      start_file(next_id_, OpenMode::kCreateNew);
    }
  }
  record_.clear();
  const auto tstamp = static_cast<std::uint32_t>(now());
  encode_binary_record(tstamp, key, value, record_);
  DataFile& file = *active_->file;
  file.durable = false;
  const Place place{.file = file.id(),
                    .offset = active_->log.append(record_),
                    .value_size = static_cast<std::uint32_t>(value.size()),
                    .tstamp = tstamp,
                    .tombstone = tombstone};
  file.end = active_->log.end();
  file.durable = options_.sync == Sync::kAlways;
  file.counts.add(place, key.size());
  active_->hints.add({.tstamp = tstamp,
                      .total_size = record_.size(),
                      .tombstone = tombstone,
                      .offset = place.offset,
                      .key = key});
  return place;
}

void Bitcask::check_id(std::uint64_t id) const {
  if (id <= kLastSegment) return;
  throw InvalidInput(
      "no number is left for another data file behind 4294967295: salvage "
      "the store into a new one, where they begin at 1 again");
}

void Bitcask::start_file(std::uint64_t id, OpenMode mode) {
  check_id(id);
  // Should it fail half-way, the number is used all the same.
  next_id_ = std::max(next_id_, id + 1);
  const LockFile creating(options_, "create", "");
  const auto set = files();
  DataFile* known = set->find(static_cast<std::uint32_t>(id));
  const auto file = known != nullptr
                        ? known->shared_from_this()
                        : std::make_shared<DataFile>(
                              options_, static_cast<std::uint32_t>(id));
  write_lock_->tell(file->path());
  const std::string hints = options_.path_of(file->hint_name());
  if (known != nullptr) {
    remove(file->hint_name(), "remove the hints of the empty file");
  }
  {
    const std::scoped_lock hold(directory_mutex_);
    try {
      active_ = std::unique_ptr<Active>(
          new Active{file, LogWriter(options_, *directory_, file->name(), mode),
                     HintWriter(options_, hints)});
    } catch (const IoError&) {
      if (directory_->has_failed()) failed_ = true;
      throw;
    }
  }
  if (known == nullptr) publish(set->with(file));
}

// Closes the active file: from now on it is never written to.
void Bitcask::finish_active() {
  if (!active_) return;
  const bool durable = options_.sync == Sync::kAlways;
  if (active_->file->end > 0) {
    active_->hints.finish(durable);
    active_->hints.publish();
    if (durable) make_names_durable();
  }
  active_.reset();
}

// ---- Syncing

// After a failure the store takes no more writes: the system may have
// forgotten what it could not write.
void Bitcask::sync_or_fail(const std::function<void()>& sync) {
  try {
    sync();
  } catch (const IoError&) {
    failed_ = true;
    throw;
  }
}

void Bitcask::make_durable(DataFile& file) {
  if (file.durable) return;
  if (active_ && active_->file.get() == &file) {
    sync_or_fail([&] { active_->log.sync("make the active file durable"); });
  } else {
    constexpr const char* kWhy = "make a closed file durable";
    File closed = File::open(os(), file.path(), OpenMode::kRead, kWhy);
    sync_or_fail([&] { closed.sync(kWhy); });
  }
  file.durable = true;
}

void Bitcask::make_names_durable() {
  const std::scoped_lock hold(directory_mutex_);
  sync_or_fail([&] { directory_->sync("make the names durable"); });
}

// Who calls it holds `writer_mutex_`.
void Bitcask::make_all_durable() {
  const auto set = files();
  for (const auto& file : set->files) make_durable(*file);
  make_names_durable();
}

bool Bitcask::all_durable() const {
  const auto set = files();
  return std::all_of(
      set->files.begin(), set->files.end(),
      [](const auto& file) { return file->durable || file->end == 0; });
}

void Bitcask::sync() {
  const std::scoped_lock hold(writer_mutex_);
  check_writable();
  make_all_durable();
}

void Bitcask::keep_syncing() {
  const auto pause = std::chrono::seconds(sync_seconds_);
  std::unique_lock hold(writer_mutex_);
  while (!wake_.wait_for(hold, pause, [this] { return stop_.load(); })) {
    if (failed_ || all_durable()) continue;
    hold.unlock();
    try {
      sync();
    } catch (const std::exception& error) {
      options_.tell(std::string("cannot sync: ") + error.what());
    }
    hold.lock();
  }
}

// ---- What the command line, the tests and the report know of it

const Stage& stage_07_bitcask() {
  static const Stage stage = [] {
    Stage made = {
        .name = "07_bitcask",
        .title = "Bitcask whole, byte-compatible with Riak's",
        .flaw =
            "Every key has to fit in memory, and a range of keys looks at all "
            "of them.",
        .limits = kBinaryLimits,
        .options = {{"--segment-bytes",
                     "close the active file once it holds so many bytes",
                     std::uint64_t{2} << 30, 1, Place::kMaxOffset / 2},
                    {"--sync-seconds", "sync every so many seconds; 0: do not",
                     0, 0, 0xFFFFFFFF}},
        .refuses = {},
        .checksums = true,
        .scans = false,
        .open = [](const Options& options) -> std::unique_ptr<Store> {
          return std::make_unique<Bitcask>(options);
        },
    };
    for (const OptionSpec& option : MergePolicy::options()) {
      made.options.push_back(option);
    }
    return made;
  }();
  return stage;
}

}  // namespace strata
