// What starting up costs: opening a store for writing that was closed, and one
// whose process was killed when all keys were written. Who buffers its writes
// would have lost some of them, so all flush first: the same keys are there. A
// killed store is made by this very program, started once more.
#include <malloc.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/benches.h"
#include "bench/opening.h"
#include "bench/temporary.h"
#include "common/os/posix_os.h"

namespace strata::bench {

namespace {

// Bytes that are in use on the heap.
double heap_bytes() {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
  const struct mallinfo2 heap = ::mallinfo2();
  return static_cast<double>(heap.uordblks) + static_cast<double>(heap.hblkhd);
#else
  return 0;
#endif
}

// Has another process fill a store and die.
void have_filled_and_killed(const Subject& subject,
                            const std::string& directory, std::uint64_t keys) {
  std::vector<std::string> words = {"strata_bench", "--fill-and-die",
                                    subject.name(), directory,
                                    std::to_string(keys)};
  if (values_are_compressed()) words.emplace_back("--compress");
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t id = 0;
  const int error = ::posix_spawn(&id, "/proc/self/exe", nullptr, nullptr,
                                  pointers.data(), ::environ);
  if (error != 0) throw std::runtime_error("cannot start a process");
  int status = 0;
  while (::waitpid(id, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
    throw std::runtime_error("the store was not filled");
  }
}

// The stores of one who takes part, to be opened again and again.
class Openings {
 public:
  Openings(const Subject& subject, std::uint64_t keys, bool killed)
      : subject_(subject), keys_(keys), killed_(killed) {}

  double turn() {
    if (!made_) make();
    if (!killed_) return time(made_->path());
    const TemporaryDirectory here;
    copy_files(made_->path(), here.path());
    return time(here.path());
  }

  Counters counters() {
    const TemporaryDirectory here;
    copy_files(made_->path(), here.path());
    Ledger ledger(posix_os(), Ledger::Keep::kTotals);
    const double before = heap_bytes();
    const auto store = open_on(here.path(), ledger);
    const double grown = heap_bytes() - before;
    Counters counters;
    if (subject_.counted) counters = counters_of(ledger.totals(), 1);
    const auto keys = static_cast<double>(keys_);
    if (before > 0) counters["heap_bytes_per_key"] = grown / keys;
    if (subject_.kind == Subject::Kind::kStage) {
      const Stats stats = store->stats();
      counters["index_bytes_per_key"] =
          static_cast<double>(stats.index_bytes) / keys;
      counters["disk_bytes_per_user_byte"] =
          static_cast<double>(stats.disk_bytes) /
          (keys * (kKeyBytes + kValueBytes));
    }
    made_.reset();
    return counters;
  }

 private:
  void make() {
    made_ = std::make_unique<TemporaryDirectory>();
    if (killed_) {
      have_filled_and_killed(subject_, made_->path(), keys_);
    } else {
      const auto store = open_on(made_->path(), posix_os());
      fill(*store, keys_);
    }
  }

  [[nodiscard]] std::unique_ptr<Store> open_on(const std::string& directory,
                                               Os& os) const {
    return open(*subject_.stage, directory, Mode::kWrite, keys_, &os);
  }

  // What was flushed is there, at least when the system had it then.
  [[nodiscard]] double time(const std::string& directory) const {
    std::unique_ptr<Store> store;
    const double seconds =
        seconds_of([&] { store = open_on(directory, posix_os()); });
    std::string found;
    if (!(killed_ && subject_.flushed == Durability::kProcess) &&
        !store->get(key_of(keys_ - 1), found)) {
      throw std::runtime_error("the newest key is lost");
    }
    return seconds;
  }

  const Subject subject_;
  std::uint64_t keys_;
  bool killed_;
  std::unique_ptr<TemporaryDirectory> made_;
};

void register_openings(const Plan& plan, std::uint64_t keys, bool killed) {
  Contest contest;
  contest.name = killed ? "open_crashed" : "open_clean";
  contest.arguments = {{"n", static_cast<std::int64_t>(keys)},
                       {"value", kValueBytes}};
  contest.rounds = plan.rounds();
  contest.seconds_per_turn = 1e-6 * static_cast<double>(keys);
  contest.unit = benchmark::kMillisecond;
  contest.prepare = close_stores;
  for (const Subject& subject : plan.subjects) {
    if (!subject.stage->has("open")) continue;
    if (subject.stage->scans && keys > plan.sizes(true).back()) continue;
    const auto openings = std::make_shared<Openings>(subject, keys, killed);
    contest.contestants.push_back({subject.name(),
                                   label_of_reads(subject),
                                   [=] { return openings->turn(); },
                                   {},
                                   [=] { return openings->counters(); }});
  }
  register_contest(std::move(contest));
}

}  // namespace

void register_opens(const Plan& plan) {
  for (const std::uint64_t keys : plan.sizes(false)) {
    register_openings(plan, keys, false);
  }
  register_openings(plan, plan.keys, true);
}

int fill_and_die(const Subject& subject, const std::string& directory,
                 std::uint64_t keys) {
  const auto store = open(*subject.stage, directory, Mode::kWrite, keys);
  fill(*store, keys);
  store->flush();
  (void)::kill(::getpid(), SIGKILL);
  return 1;
}

}  // namespace strata::bench
