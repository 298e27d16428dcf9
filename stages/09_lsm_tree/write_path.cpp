// The write path of stage 09: how a batch comes into the log and the memtable.
//
//     set, del, write ──▶ queue ──▶ the front one leads:
//                                     make room     a full memtable is frozen
//                                     append        one record in the log
//                                     enter         one node a key, and be seen
#include <cerrno>
#include <utility>

#include "stages/09_lsm_tree/store.h"

namespace strata {

using lsm::append_begin;
using lsm::append_log_record;
using lsm::Batch;
using lsm::Entry;
using lsm::LogKind;
using lsm::Memtable;
using lsm::Previous;
using lsm::State;
using lsm::take_entry;

namespace {

// What one writer takes with it of those that wait, at the most: so that the
// first of them does not wait for long.
constexpr std::size_t kGroupBytes = std::size_t{1} << 20;

// So many times the runs at which level 0 is merged, and writers wait: else
// reads would become slower and slower.
constexpr std::uint64_t kTooManyRuns = 3;

}  // namespace

void LsmTree::set(std::string_view key, std::string_view value) {
  thread_local Batch batch;
  batch.clear();
  batch.set(key, value);
  write(batch);
}

void LsmTree::del(std::string_view key) {
  thread_local Batch batch;
  batch.clear();
  batch.del(key);
  write(batch);
}

void LsmTree::write(const Batch& batch) {
  check_is_writer();
  if (batch.empty()) return;
  Writer mine;
  mine.batch = &batch;
  take_turn(mine);
}

void LsmTree::check_is_writer() const {
  if (options_.mode == Mode::kWrite) return;
  throw InvalidInput("the store is open for reading only");
}

// Waits until all who came before have written, or until one of them has done it
// for this one too.
void LsmTree::take_turn(Writer& mine) {
  std::unique_lock turn(writing_);
  writers_.push_back(&mine);
  mine.wake.wait(turn,
                 [&] { return mine.is_done || writers_.front() == &mine; });
  if (!mine.is_done) lead(mine, turn);
  if (mine.error) std::rethrow_exception(mine.error);
}

// Group commit: writes what the writers at the front of the queue want, with one
// write to the log and one sync. Whoever comes meanwhile is the next group.
void LsmTree::lead(Writer& mine, std::unique_lock<std::mutex>& turn) {
  group_.clear();
  std::size_t bytes = 0;
  for (Writer* each : writers_) {
    const bool is_alone = each->batch == nullptr;
    if (!group_.empty() && (is_alone || bytes > kGroupBytes)) break;
    group_.push_back(each);
    if (is_alone) break;
    bytes += each->batch->body().size();
  }
  turn.unlock();
  try {
    if (mine.batch != nullptr) {
      check_goes_on();
      make_room();
      append();
    } else {
      mine.work();
    }
  } catch (...) {
    mine.error = std::current_exception();
  }
  turn.lock();
  for (Writer* each : group_) {
    writers_.pop_front();
    if (each == &mine) continue;
    each->error = mine.error;
    each->is_done = true;
    each->wake.notify_one();
  }
  if (!writers_.empty()) writers_.front()->wake.notify_one();
}

// Whether anything failed after which nothing may be written.
void LsmTree::check_goes_on() {
  std::string failure;
  {
    const std::scoped_lock turn(background_lock_);
    failure = std::exchange(failure_, "");
  }
  if (!failure.empty()) options_.tell("every table is kept, but " + failure);
  if (log_) log_->check_not_broken();
  check_not_failed();
}

// After a sync that failed none is tried again, and what is on disk is not known
// any more before the store is opened again.
void LsmTree::check_not_failed() const {
  if (!failed_) return;
  throw IoError("an earlier write failed: open the store again",
                options_.directory, EIO);
}

// Freezes the memtable where it is full. Where writes are lost, the logs that
// tell of it must stay, and so must the memtable.
void LsmTree::make_room() {
  const StatePtr now = state();
  const bool is_full =
      !now->memtable->empty() && now->memtable->bytes() >= memtable_bytes_;
  if (!is_full || now->lost) return;
  if (now->frozen || has_too_many_runs()) {
    const std::uint64_t begin = options_.system().ticks_ns();
    write_out_frozen();
    wait_while([this] { return has_too_many_runs(); });
    stalls_.fetch_add(1, std::memory_order_relaxed);
    stalled_ns_.fetch_add(options_.system().ticks_ns() - begin,
                          std::memory_order_relaxed);
  }
  freeze();
  wake_background();
}

bool LsmTree::has_too_many_runs() const {
  return state()->version->levels[0].size() >= kTooManyRuns * shape_.level_runs;
}

// Waits while it is so, and the background may change it.
void LsmTree::wait_while(const std::function<bool()>& is_so) {
  std::unique_lock turn(background_lock_);
  rested_.wait(
      turn, [&] { return stopping_ || !(has_work_ || is_busy_) || !is_so(); });
}

// Puts an empty memtable in the place of the full one, and begins its log. Who
// calls it leads, and the one before has been written out.
void LsmTree::freeze() {
  begin_log();
  const std::scoped_lock one_memtable(flushing_);
  frozen_until_ = log_number_;
  const std::unique_lock change(state_lock_);
  auto next = std::make_shared<State>(*state_);
  next->frozen = std::exchange(next->memtable,
                               std::make_shared<Memtable>(memtable_bytes_));
  state_ = std::move(next);
}

// Begins the next log: its first batch will tell where the one before it ends.
// Should that fail, the one before goes on, and nothing may be left of the new.
void LsmTree::begin_log() {
  const std::uint64_t number = take_number();
  std::optional<LogWriter> log;
  {
    const std::scoped_lock one_sync(directory_lock_);  // it may sync it
    try {
      log.emplace(options_, *directory_,
                  lsm::numbered_name(number, lsm::kLogSuffix),
                  OpenMode::kCreateNew);
    } catch (const IoError&) {
      const bool is_gone =
          remove_unneeded(log_path(number), "take the log back");
      if (directory_->has_failed() || !is_gone) failed_ = true;
      std::uint64_t next = number + 1;  // the first log has the first number
      next_number_.compare_exchange_strong(next, number);
      throw;
    }
  }
  if (log_) {
    before_log_ = {log_number_, log_->end()};
    const std::scoped_lock one_memtable(flushing_);
    old_logs_.push_back(log_number_);
  }
  log_ = std::move(log);
  log_number_ = number;
}

// Writes the group's batches into the log, as one record: after a crash, all of
// them are there or none is. Only then are they entered into the memtable, and
// only when all are entered does anybody see them.
void LsmTree::append() {
  if (!log_) begin_log();
  record_.clear();
  if (log_->end() == 0) append_begin(before_log_, record_);
  if (group_.size() == 1) {
    append_log_record(LogKind::kBatch, group_[0]->batch->body(), record_);
  } else {
    std::string all;
    for (const Writer* each : group_) all += each->batch->body();
    append_log_record(LogKind::kBatch, all, record_);
  }
  log_->append(record_);
  const StatePtr now = state();
  std::uint64_t sequence = sequence_.load(std::memory_order_relaxed);
  for (const Writer* each : group_) {
    std::string_view body = each->batch->body();
    Entry entry;
    while (take_entry(body, entry) == Decoded::kRecord) {
      now->memtable->add(++sequence, entry);
    }
  }
  sequence_.store(sequence, std::memory_order_release);
}

// For a test or a benchmark: the memtable becomes a table now.
void LsmTree::write_memtable() {
  check_is_writer();
  write_out();
  sweep();
  wake_background();
}

// Writes the memtable out. Writers wait only until it is frozen.
void LsmTree::write_out() {
  write_out_frozen();
  Writer mine;
  mine.work = [this] {
    check_goes_on();
    write_out_frozen();
    const StatePtr now = state();
    if (now->lost) throw Damage(*now->lost);
    if (!now->memtable->empty()) freeze();
  };
  take_turn(mine);
  write_out_frozen();
}

}  // namespace strata
