// Takes every workload through all who take part: with a growing number of
// keys, and with values of several sizes.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/benches.h"
#include "bench/interrupt.h"
#include "bench/opening.h"
#include "bench/process_io.h"
#include "bench/quantiles.h"
#include "bench/quiet.h"
#include "bench/temporary.h"
#include "bench/workloads.h"
#include "common/os/posix_os.h"

namespace strata::bench {

namespace {

using Clock = std::chrono::steady_clock;
using Start = Workload::Start;
using Length = Workload::Length;

// How many keys, of which size their values.
struct Size {
  std::uint64_t keys = 0;
  std::size_t value_bytes = kValueBytes;

  friend bool operator==(const Size&, const Size&) = default;
};

// A store of one who takes part. Its calls are counted when the ledger is told
// to.
class Opened {
 public:
  Opened(const Subject& subject, const Size& size, Sync sync)
      : size_(size), ledger_(posix_os(), Ledger::Keep::kNothing) {
    store_ = open(*subject.stage, directory_.path(),
                  {.mode = Mode::kWrite,
                   .keys = size.keys,
                   .os = &ledger_,
                   .sync = sync});
  }

  void fill() {
    bench::fill(*store_, size_.keys, size_.value_bytes);
    keys_ = size_.keys;
  }

  // Has all that is buffered written out, and what follows from that done.
  void settle() {
    store_->flush();
    wait_until_quiet();
  }

  [[nodiscard]] Scene scene() { return {*store_, keys_, size_.value_bytes}; }

  // Closes the store. @returns the bytes of its files.
  [[nodiscard]] double close() {
    store_.reset();
    return static_cast<double>(bytes_under(directory_.path()));
  }

  [[nodiscard]] Ledger& ledger() { return ledger_; }

 private:
  Size size_;
  TemporaryDirectory directory_;
  Ledger ledger_;
  std::unique_ptr<Store> store_;
  std::uint64_t keys_ = 0;
};

// The filled stores of one size, which many workloads share. Those of the last
// size are kept until others are asked for.
class FilledStores {
 public:
  [[nodiscard]] Opened& of(const Subject& subject, const Size& size) {
    if (!(size == size_)) stores_.clear();
    size_ = size;
    auto& store = stores_[subject.name()];
    if (!store) {
      auto made = std::make_unique<Opened>(subject, size, Sync::kNever);
      made->fill();
      store = std::move(made);
    }
    return *store;
  }

  void clear() { stores_.clear(); }

 private:
  Size size_;
  std::map<std::string, std::unique_ptr<Opened>> stores_;
};

FilledStores& filled_stores() {
  static FilledStores stores;
  return stores;
}

// Does so many operations, however long it takes: an interrupt is seen.
std::uint64_t run_all(Work& work, std::uint64_t count) {
  constexpr std::uint64_t kPiece = 1024;
  std::uint64_t done = 0;
  while (done < count) {
    throw_if_interrupted();
    done += work.run(std::min(kPiece, count - done));
  }
  return done;
}

// Does operations one by one. @returns the nanoseconds of each, ascending; what
// is done together, as a batch is, has one time, divided by its operations.
std::vector<double> clock_each(Work& work, std::uint64_t& count) {
  std::vector<double> ns;
  std::uint64_t all_done = 0;
  while (all_done < count) {
    if (ns.size() % 512 == 0) throw_if_interrupted();
    const auto before = Clock::now();
    const std::uint64_t done = work.run(1);
    const std::chrono::duration<double, std::nano> took = Clock::now() - before;
    ns.push_back(took.count() / static_cast<double>(done));
    all_done += done;
  }
  count = all_done;
  std::sort(ns.begin(), ns.end());
  return ns;
}

// Times a workload on one who takes part, and counts what it costs.
class Part {
 public:
  Part(const Workload& workload, const Subject& subject, const Size& size,
       double seconds)
      : workload_(workload),
        subject_(subject),
        size_(size),
        seconds_(seconds),
        sync_(workload.durable ? Sync::kAlways : Sync::kNever) {}

  void warm_up() {
    if (workload_.start == Start::kEmpty) {
      counters_ = count_on_new_store();
      return;
    }
    Opened& opened = filled_stores().of(subject_, size_);
    opened.settle();  // what is there is read from files
    work_ = workload_.work(opened.scene(), size_.keys);
    operations_ = workload_.length == Length::kKeys
                      ? run_all(*work_, size_.keys)
                      : fitting(*work_);
  }

  double turn() {
    if (workload_.start == Start::kFilled) return time(*work_);
    Opened opened(subject_, size_, sync_);
    const auto work = workload_.work(opened.scene(), size_.keys);
    return time(*work);
  }

  Counters counters() {
    if (workload_.start == Start::kFilled) {
      Opened& opened = filled_stores().of(subject_, size_);
      counters_ = count(opened, *work_, std::min(operations_, kMostClocked));
      work_.reset();
    }
    counters_["operations"] = static_cast<double>(operations_);
    return counters_;
  }

 private:
  static constexpr std::uint64_t kMostClocked = 100'000;

  double time(Work& work) {
    std::uint64_t done = 0;
    const double seconds = seconds_of([&] {
      done = workload_.length == Length::kKeys ? run_all(work, operations_)
                                               : work.run(operations_);
    });
    return seconds / static_cast<double>(done);
  }

  // How many operations fit into the time of a turn: twice as many at a time,
  // until half of it is filled.
  std::uint64_t fitting(Work& work) const {
    double seconds = 0;
    std::uint64_t done = 0;
    for (std::uint64_t count = 1; seconds < seconds_ / 2; count *= 2) {
      throw_if_interrupted();
      seconds = seconds_of([&] { done = work.run(count); });
      if (count >= most()) return most();
    }
    const double fit = seconds_ / seconds * static_cast<double>(done);
    return std::clamp<std::uint64_t>(static_cast<std::uint64_t>(fit), 1,
                                     most());
  }

  [[nodiscard]] std::uint64_t most() const {
    if (workload_.length == Length::kTime) return ~std::uint64_t{0};
    if (workload_.length == Length::kTenth) return size_.keys / 10;
    return size_.keys;
  }

  Counters count_on_new_store() {
    operations_ = size_.keys;
    if (workload_.length != Length::kKeys) {
      Opened opened(subject_, size_, sync_);
      operations_ = fitting(*workload_.work(opened.scene(), size_.keys));
    }
    Opened opened(subject_, size_, sync_);
    const auto work = workload_.work(opened.scene(), size_.keys);
    Counters counters = count(opened, *work, operations_);
    counters["disk_bytes_per_user_byte"] =
        opened.close() / static_cast<double>(operations_ * pair_bytes());
    return counters;
  }

  Counters count(Opened& opened, Work& work, std::uint64_t operations) {
    opened.settle();  // what was set before is not counted
    Ledger& ledger = opened.ledger();
    ledger.clear();
    ledger.keep(Ledger::Keep::kTotals);
    const IoMeter meter;
    // Of one operation of several threads one clock cannot tell.
    std::vector<double> ns;
    if (workload_.threads) {
      operations = run_all(work, operations);
    } else {
      ns = clock_each(work, operations);
    }
    const auto done = static_cast<double>(operations);
    // To write out what was buffered, and merges, belong to what sets cost. The
    // system would count what is read to see that all is quiet.
    if (workload_.sets && subject_.counted) opened.settle();
    const auto io = meter.since();
    ledger.keep(Ledger::Keep::kNothing);
    Counters counters;
    if (subject_.counted) {
      counters = bench::counters_of(ledger.totals(), done);
    } else if (io) {
      counters = counters_of(*io, done);
    }
    if (!ns.empty()) add_quantiles(ns, counters);
    return counters;
  }

  // What goes through mapped files is not in the calls: those would mislead.
  [[nodiscard]] Counters counters_of(const ProcessIo& io, double done) const {
    Counters counters;
    if (!subject_.maps_reads) {
      counters["reads_per_op"] = static_cast<double>(io.reads) / done;
      counters["bytes_read_per_op"] = static_cast<double>(io.bytes_read) / done;
    }
    if (!subject_.maps_writes) {
      counters["writes_per_op"] = static_cast<double>(io.writes) / done;
      counters["bytes_written_per_op"] =
          static_cast<double>(io.bytes_written) / done;
    }
    return counters;
  }

  [[nodiscard]] std::uint64_t pair_bytes() const {
    return kKeyBytes + size_.value_bytes;
  }

  const Workload& workload_;
  const Subject subject_;
  const Size size_;
  const double seconds_;
  const Sync sync_;
  std::unique_ptr<Work> work_;
  std::uint64_t operations_ = 0;
  Counters counters_;
};

// What a workload needs its subject must not refuse.
bool can_take_part(const Subject& subject, const Workload& workload) {
  if (workload.threads && !subject.threads) return false;
  if (workload.start == Start::kFilled && !subject.stage->has("get")) {
    return false;
  }
  return subject.stage->has(workload.needs);
}

std::string label_of(const Workload& workload, const Subject& subject) {
  if (!workload.sets) return label_of_reads(subject);
  return bench::label_of(subject,
                         workload.durable ? Sync::kAlways : Sync::kNever);
}

// Whether a store of that size is too long to be searched again and again.
bool is_too_large(const Plan& plan, const Subject& subject, const Size& size) {
  return subject.stage->scans && size.keys > plan.sizes(true).back();
}

// What a prompt can do too, on stores small enough for it.
void add_tools(const Plan& plan, Contest& contest, const Workload& workload,
               const Size& size) {
  if (size.value_bytes != kValueBytes) return;
  if (size.keys > plan.sizes(true).back()) return;
  if (workload.name == "fill_sequential" &&
      size.keys == plan.sizes(true).front()) {
    contest.contestants.push_back(book_db_set());
  }
  const bool newest = workload.name == "get_newest";
  if (!newest && workload.name != "get_miss") return;
  for (Contestant& one : shell_contestants(size.keys, newest)) {
    contest.contestants.push_back(std::move(one));
  }
}

void register_one(const Plan& plan, const Workload& workload,
                  const Size& size) {
  Contest contest;
  contest.name = workload.name;
  contest.arguments = {{"n", static_cast<std::int64_t>(size.keys)},
                       {"value", static_cast<std::int64_t>(size.value_bytes)}};
  contest.rounds = plan.rounds();
  contest.seconds_per_turn = workload.length == Length::kTime
                                 ? plan.seconds_per_turn()
                                 : 3e-6 * static_cast<double>(size.keys);
  for (const Subject& subject : plan.subjects) {
    if (!can_take_part(subject, workload)) continue;
    if (is_too_large(plan, subject, size)) continue;
    const auto part = std::make_shared<Part>(workload, subject, size,
                                             plan.seconds_per_turn());
    contest.contestants.push_back({subject.name(), label_of(workload, subject),
                                   [part] { return part->turn(); },
                                   [part] { part->warm_up(); },
                                   [part] { return part->counters(); }});
  }
  add_tools(plan, contest, workload, size);
  register_contest(std::move(contest));
}

// Values from 10 bytes to 100 KB, or to 10 KB, and always as many keys: so many
// are measured with the usual values, too.
std::vector<Size> sweep(const Plan& plan) {
  std::vector<std::size_t> values = {10, 1000, 10'000};
  if (!plan.quick) values.push_back(100'000);
  std::vector<Size> sizes;
  for (const std::size_t bytes : values) {
    sizes.push_back({plan.sizes(false).front(), bytes});
  }
  return sizes;
}

}  // namespace

void register_workloads(const Plan& plan) {
  for (const std::uint64_t keys : plan.sizes(false)) {
    for (const Workload& workload : workloads()) {
      if (!workload.work) continue;  // it has a file of its own
      // How many keys there are is nothing to a disk that is waited for.
      if (workload.durable && keys < plan.keys) continue;
      register_one(plan, workload, {keys});
    }
  }
  for (const Size& size : sweep(plan)) {
    for (const char* name : {"fill_random", "get_hit"}) {
      register_one(plan, *find_workload(name), size);
    }
  }
}

void close_stores() {
  filled_stores().clear();
}

}  // namespace strata::bench
