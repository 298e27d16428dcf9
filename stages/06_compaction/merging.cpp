// How stage 06 merges: when, with whom, and how the outputs take the place of
// the inputs. What a merge copies is in merge.cpp.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <system_error>
#include <utility>

#include "common/store/errors.h"
#include "stages/06_compaction/store.h"

namespace strata {

namespace {

// So few keys that a writer can wait until they are entered.
constexpr std::size_t kFewKeys = 1000;

// The most roll-overs between two tries of what fails again and again.
constexpr std::uint64_t kLongestPause = 64;

std::uint64_t size_of_all(const std::vector<compaction::SegmentPtr>& segments) {
  std::uint64_t sum = 0;
  for (const compaction::SegmentPtr& segment : segments) sum += segment->size();
  return sum;
}

// How many outputs there can be: all but the last are full, and each holds
// some input's newest record of a key.
std::uint64_t most_outputs(const std::vector<compaction::SegmentPtr>& inputs,
                           std::uint64_t segment_bytes) {
  std::uint64_t keys = 0;
  for (const compaction::SegmentPtr& input : inputs)
    keys += input->keydir().size();
  return std::min(size_of_all(inputs) / segment_bytes + 1, keys);
}

// Whether an open that failed so was refused before it could make the file.
bool made_no_file(const IoError& error) {
  const int code = error.code().value();
  return code == EMFILE || code == ENFILE || code == EACCES || code == EROFS;
}

[[noreturn]] void throw_failed_sync(const std::string& directory) {
  throw IoError("an earlier sync failed: open the store again", directory, EIO);
}

}  // namespace

// Freezes the active segment and, where others are worth it, plans a merge.
void Compaction::roll_over() {
  const bool is_busy = merge_end_id_ != 0;
  const bool waits = roll_overs_to_wait_ > 0;
  if (waits) --roll_overs_to_wait_;
  Segments inputs = is_busy || waits ? Segments() : wasteful_segments();
  const bool ids_left =
      next_id_ + most_outputs(inputs, segment_bytes_) <= kLastSegment;
  if (inputs.empty() || !ids_left) return begin_segment(0);
  planned_ = begin_merge(std::move(inputs));
  try {
    if (!merger_.joinable()) {
      merger_ = std::thread([this] { merge_in_background(); });
    }
    wake_.notify_one();
  } catch (const std::system_error&) {  // no thread, no merge
    end_merge();
  }
}

// Begins a new active segment, leaving ids free in front of it.
void Compaction::begin_segment(std::uint64_t reserved) {
  const std::uint64_t id = next_id_ + reserved;
  if (id > kLastSegment) {
    throw InvalidInput("no number is left for another segment: the last is " +
                       std::to_string(kLastSegment) +
                       ": salvage the store into a new one, where they begin "
                       "at 1 again");
  }
  auto segment = std::make_shared<Segment>(
      options_.directory, static_cast<std::uint32_t>(id), hash_);
  {
    std::unique_lock one_sync(directory_lock_, std::defer_lock);
    if (options_.sync == Sync::kAlways) {
      one_sync.lock();
      // Before a file is made whose name could not be kept.
      if (directory_->has_failed()) throw_failed_sync(options_.directory);
    }
    const std::uint64_t before = std::exchange(next_id_, id + 1);
    try {
      writer_ = std::make_unique<LogWriter>(
          options_, *directory_, segment->name(), OpenMode::kCreateNew);
    } catch (const IoError& error) {
      if (made_no_file(error)) next_id_ = before;  // else the name may be taken
      if (one_sync && directory_->has_failed()) sync_failed_ = true;
      throw;
    }
  }
  const std::unique_lock change(list_lock_);
  segments_.push_back(std::move(segment));
}

// Freezes the active segment: all that is written from now on has a higher id
// than the outputs of this merge.
compaction::MergePlan Compaction::begin_merge(Segments inputs) {
  MergePlan plan;
  plan.frozen = segments_;
  plan.first_id = static_cast<std::uint32_t>(next_id_);
  begin_segment(most_outputs(inputs, segment_bytes_));
  plan.inputs = std::move(inputs);
  for (const SegmentPtr& input : plan.inputs) {
    plan.dead.push_back(input->lost());
  }
  plan.end_id = segments_.back()->id();
  merge_end_id_ = plan.end_id;
  return plan;
}

// Those with enough dead records. A tombstone is of use as long as it may hide
// something, so it counts as dead only in the oldest segment. Where anything
// is damaged nothing is merged: an old record that moved to a higher id would
// seem to be newer than the damaged one.
Compaction::Segments Compaction::wasteful_segments() const {
  Segments wasteful;
  for (const SegmentPtr& segment : segments_) {
    if (!segment->gaps().empty()) return {};
    if (damaged_.count(segment->id()) > 0) continue;
    const bool is_oldest = segment == segments_.front();
    const std::uint64_t dead =
        segment->bytes() -
        (is_oldest ? segment->live_bytes() : segment->newest_bytes());
    // In this order nothing overflows; files are shorter than 2^57 bytes.
    if (dead * 100 > segment->bytes() * dead_percent_) {
      wasteful.push_back(segment);
    }
  }
  return wasteful;
}

// All of them, unless that changes nothing.
Compaction::Segments Compaction::segments_worth_merging() const {
  std::uint64_t dead = 0;
  for (const SegmentPtr& segment : segments_) {
    for (const Gap& gap : segment->gaps()) {
      throw Damage(segment->path(), gap.offset, gap.why);
    }
    dead += segment->bytes() - segment->live_bytes();
  }
  const std::uint64_t full = size_of_all(segments_) / segment_bytes_;
  const bool too_many = segments_.size() > full + 2;  // the last, the active
  return dead > 0 || too_many ? segments_ : Segments();
}

void Compaction::compact() {
  check_is_writer();
  const std::scoped_lock one_merge(merging_);
  std::optional<MergePlan> plan;
  {
    const std::scoped_lock turn(writing_);
    check_goes_on();
    Segments inputs = segments_worth_merging();
    end_merge();
    if (!inputs.empty()) plan = begin_merge(std::move(inputs));
  }
  if (plan) {
    try {
      merge(*plan);
    } catch (...) {
      const std::scoped_lock turn(writing_);
      end_merge();
      throw;
    }
  }
  plan.reset();
  const std::scoped_lock hold(sweeping_);
  sweep();
}

// Carries a plan out, or leaves everything as it was; then who calls it is to
// end the merge, once it has noted why: else a writer could plan it once more.
void Compaction::merge(const MergePlan& plan) {
  compaction::Merge merge(options_, segment_bytes_, plan, stopping_, hash_);
  try {
    check_syncs();
    keep_what_hides(plan);
    merge.copy();
    merge.rename();
    sync_directory("keep the merged segments' names");
    switch_over(plan, merge.outputs());
  } catch (...) {
    {
      // Nobody knows those that have their names yet, but the next open would.
      const auto named = merge.abandon();
      const std::unique_lock change(list_lock_);
      merged_.insert(merged_.end(), named.begin(), named.end());
    }
    sweep_if_possible();
    throw;
  }
}

// Records are left out because newer ones hide them: those must be durable
// before the inputs go. The outputs are, and what is written meanwhile hides
// nothing that the merge leaves out.
void Compaction::keep_what_hides(const MergePlan& plan) {
  for (const SegmentPtr& segment : plan.frozen) {
    const bool is_input = std::find(plan.inputs.begin(), plan.inputs.end(),
                                    segment) != plan.inputs.end();
    if (is_input || segment->is_durable()) continue;
    sync_once([&] {
      File::open(options_.system(), segment->path(), OpenMode::kRead,
                 "keep what hides older records")
          .sync("keep what hides older records");
    });
    segment->set_durable();
  }
}

// Exchanges inputs for outputs. Keys that were written since the plan was made
// are dead in the outputs; most of them are entered before writers must wait.
void Compaction::switch_over(const MergePlan& plan, const Segments& outputs) {
  std::unique_lock turn(writing_);
  for (bool few = false; !few;) {
    std::vector<std::string> keys;
    keys.swap(overwritten_);
    few = keys.size() <= kFewKeys;
    if (!few) turn.unlock();
    for (const std::string& key : keys) {
      for (const SegmentPtr& output : outputs) {
        if (const Place* place = output->find(key)) output->lose(*place);
      }
    }
    if (!few) turn.lock();
  }
  replace_segments(plan.inputs, outputs);
  end_merge();
  pause_ = 0;
}

// Who calls it holds `writing_`.
void Compaction::replace_segments(const Segments& inputs,
                                  const Segments& outputs) {
  Segments after;
  const auto by_id = [](const SegmentPtr& a, const SegmentPtr& b) {
    return a->id() < b->id();
  };
  std::set_difference(segments_.begin(), segments_.end(), inputs.begin(),
                      inputs.end(), std::back_inserter(after), by_id);
  const auto middle = after.insert(after.end(), outputs.begin(), outputs.end());
  std::inplace_merge(after.begin(), middle, after.end(), by_id);
  for (const SegmentPtr& output : outputs) output->set_durable();
  const std::unique_lock change(list_lock_);
  merged_.insert(merged_.end(), inputs.begin(), inputs.end());
  segments_.swap(after);
}

// Forgets the merge that was planned or went on; who calls it holds `writing_`.
void Compaction::end_merge() {
  planned_.reset();
  merge_end_id_ = 0;
  overwritten_.clear();
}

// Removes merged segments, oldest first, as far as nobody reads them. Each has
// gone for good before the next one goes: else a power cut could bring back
// the record and not the tombstone that hides it. Who calls it holds
// `sweeping_`, for which no reader and no writer waits.
void Compaction::sweep() {
  while (const Segment* oldest = oldest_unread()) {
    remove_file(options_.system(), oldest->path(), "remove a merged segment");
    files_.forget(oldest->path());
    SegmentPtr gone;
    {
      const std::unique_lock change(list_lock_);
      gone.swap(merged_.front());
      merged_.pop_front();
    }
    sync_directory("let the merged segment be gone");
  }
}

// The merged segment that is to go next, if it may go now, or null.
const compaction::Segment* Compaction::oldest_unread() const {
  const std::shared_lock look(list_lock_);
  if (merged_.empty() || sync_failed_) return nullptr;
  const SegmentPtr& oldest = merged_.front();
  return oldest.use_count() == 1 ? oldest.get() : nullptr;
}

// What cannot be removed now can be later, or at the next open is merged again.
void Compaction::sweep_if_possible() {
  const std::unique_lock hold(sweeping_, std::try_to_lock);
  if (!hold) return;
  try {
    sweep();
  } catch (const IoError&) {  // NOLINT(bugprone-empty-catch): tried again
  }
}

void Compaction::sync_directory(const char* why) {
  sync_once([&] { directory_->sync(why); });
}

// After a sync that failed none is tried again. Writing is over, and so is
// merging: what a merge copied could never take its inputs' place.
void Compaction::check_syncs() const {
  if (sync_failed_) throw_failed_sync(options_.directory);
}

template <typename Sync>
void Compaction::sync_once(const Sync& sync) {
  const std::scoped_lock one_sync(directory_lock_);
  check_syncs();
  try {
    sync();
  } catch (const IoError&) {
    sync_failed_ = true;
    throw;
  }
}

void Compaction::merge_in_background() {
  constexpr std::chrono::milliseconds kLookAgain(100);
  while (!stopping_) {
    {
      std::unique_lock turn(writing_);
      wake_.wait_for(turn, kLookAgain,
                     [this] { return stopping_ || planned_; });
    }
    sweep_if_possible();
    const std::scoped_lock one_merge(merging_);
    run_planned_merge();
  }
}

void Compaction::run_planned_merge() {
  std::optional<MergePlan> plan;
  {
    const std::scoped_lock turn(writing_);
    plan.swap(planned_);
  }
  if (!plan) return;
  try {
    merge(*plan);
  } catch (const compaction::MergeStopped&) {
    return;
  } catch (const Damage& damage) {
    const std::scoped_lock turn(writing_);
    failed_merge_ = damage.what();
    for (const SegmentPtr& input : plan->inputs) damaged_.insert(input->id());
    end_merge();
  } catch (const std::exception& error) {
    const std::scoped_lock turn(writing_);
    failed_merge_ = error.what();
    try_again_later();
    end_merge();
  }
  plan.reset();
  sweep_if_possible();
}

// A full disk may have room again, so the merge is not given up; but each time
// that it fails, twice as many roll-overs go by before the next.
void Compaction::try_again_later() {
  pause_ = std::clamp<std::uint64_t>(2 * pause_, 1, kLongestPause);
  roll_overs_to_wait_ = pause_;
}

// Told by whoever writes next: a listener need not know of threads.
void Compaction::tell_of_failed_merge() {
  if (failed_merge_.empty()) return;
  options_.tell("a merge failed, every segment is kept: " + failed_merge_);
  failed_merge_.clear();
}

void Compaction::stop_merging() {
  {
    const std::scoped_lock turn(writing_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (merger_.joinable()) merger_.join();
}

}  // namespace strata
