// One writer at a time, known at once; and no lock outlives its holder.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <tuple>

#include "common/os/fault_os.h"
#include "common/os/posix_os.h"
#include "tests/faults/scenario.h"

namespace strata {
namespace {

using faults::ask;

enum class System : std::uint8_t { kMemory, kReal };

class Locks : public testing::TestWithParam<std::tuple<const Stage*, System>> {
 protected:
  [[nodiscard]] const Stage& stage() const { return *std::get<0>(GetParam()); }

  [[nodiscard]] bool is_real() const {
    return std::get<1>(GetParam()) == System::kReal;
  }

  Os& os() {
    if (is_real()) return posix_os();
    return memory_;
  }

  std::unique_ptr<Store> open(Mode mode, const std::string& name = "store") {
    return open(os(), mode, name);
  }

  std::unique_ptr<Store> open(Os& through, Mode mode,
                              const std::string& name = "store") {
    Options options = faults::options_for({&stage()}, through, mode);
    options.directory = is_real() ? temporary_.path(name) : name;
    return stage().open(options);
  }

 private:
  MemoryOs memory_;
  faults::TemporaryDirectory temporary_;
};

TEST_P(Locks, ASecondWriterIsRefused) {
  const auto first = open(Mode::kWrite);
  EXPECT_THROW(open(Mode::kWrite), Busy);
  first->set("a", "1");
  EXPECT_EQ(ask(*first, "a"), faults::value("1"));
}

TEST_P(Locks, ASecondWriterThatFailedDoesNotDropTheFirstOnesLock) {
  const auto first = open(Mode::kWrite);
  for (int attempt = 0; attempt < 3; ++attempt) {
    EXPECT_THROW(open(Mode::kWrite), Busy);
  }
}

TEST_P(Locks, AReaderNeedsNoLockAndDropsNone) {
  const auto writer = open(Mode::kWrite);
  writer->set("a", "1");
  writer->flush();
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(ask(*open(Mode::kRead), "a"), faults::value("1"));
    EXPECT_THROW(open(Mode::kWrite), Busy);
  }
}

TEST_P(Locks, AReaderKeepsNoWriterOut) {
  open(Mode::kWrite)->set("a", "1");
  const auto reader = open(Mode::kRead);
  const auto writer = open(Mode::kWrite);
  writer->set("b", "2");
  EXPECT_EQ(ask(*reader, "a"), faults::value("1"));
}

TEST_P(Locks, AfterTheFirstWriterTheNextGetsIn) {
  for (int round = 0; round < 3; ++round) {
    open(Mode::kWrite)->set("a", std::to_string(round));
  }
  EXPECT_EQ(ask(*open(Mode::kWrite), "a"), faults::value("2"));
}

TEST_P(Locks, AnOpenThatFailedLeavesNoLock) {
  open(Mode::kWrite)->set("a", "1");
  FaultOs counted(os());
  open(counted, Mode::kWrite).reset();
  const std::uint64_t calls = counted.calls();
  int refused = 0;
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    FaultOs broken(os());
    broken.add({.nth = nth, .error = EIO});
    try {  // it may do without what failed, such as hints
      const auto store = open(broken, Mode::kWrite);
      broken.clear();
      EXPECT_EQ(ask(*store, "a"), faults::value("1"));
    } catch (const IoError&) {
      ++refused;
    }
    EXPECT_NO_THROW(open(Mode::kWrite));
  }
  EXPECT_GT(refused, 1);
}

TEST_P(Locks, TwoStoresHaveTwoLocks) {
  const auto one = open(Mode::kWrite, "one");
  const auto two = open(Mode::kWrite, "two");
  EXPECT_THROW(open(Mode::kWrite, "one"), Busy);
  EXPECT_THROW(open(Mode::kWrite, "two"), Busy);
}

TEST_P(Locks, ARefusedWriterTouchesNoFile) {
  const auto writer = open(Mode::kWrite);
  FaultOs watched(os());
  EXPECT_THROW(open(watched, Mode::kWrite), Busy);
  EXPECT_EQ(watched.calls(Call::kTruncate), 0U);
  EXPECT_EQ(watched.calls(Call::kWrite), 0U);
  EXPECT_EQ(watched.calls(Call::kRemove), 0U);
}

// A process that writes until it is killed.
class Child {
 public:
  template <typename Work>
  explicit Child(const Work& work) {
    int ends[2];
    if (pipe(ends) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      work();
      const char ready = '!';
      if (write(ends[1], &ready, 1) == 1) pause();
      _exit(1);
    }
    ::close(ends[1]);
    char ready = 0;
    is_ready_ = read(ends[0], &ready, 1) == 1;
    ::close(ends[0]);
  }

  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  ~Child() { kill_it(); }

  [[nodiscard]] bool is_ready() const { return is_ready_; }

  void kill_it() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = -1;
  bool is_ready_ = false;
};

// Memory is not shared between processes: on the real system alone.
class LocksOfProcesses : public Locks {};

TEST_P(LocksOfProcesses, AKilledOneLeavesNoLockAndAllItHadWritten) {
  std::unique_ptr<Store> store;
  Child child([&] {
    store = open(Mode::kWrite);
    store->set("a", "from the child");
    store->flush();
  });
  ASSERT_TRUE(child.is_ready());
  EXPECT_THROW(open(Mode::kWrite), Busy);
  EXPECT_EQ(ask(*open(Mode::kRead), "a"), faults::value("from the child"));
  child.kill_it();
  EXPECT_EQ(ask(*open(Mode::kWrite), "a"), faults::value("from the child"));
}

std::string name_of_case(
    const testing::TestParamInfo<Locks::ParamType>& parameter) {
  const auto& [stage, system] = parameter.param;
  return std::string(stage->name) +
         (system == System::kReal ? "_real" : "_memory");
}

INSTANTIATE_TEST_SUITE_P(Stages, Locks,
                         testing::Combine(testing::ValuesIn(all_stages()),
                                          testing::Values(System::kMemory,
                                                          System::kReal)),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(Stages, LocksOfProcesses,
                         testing::Combine(testing::ValuesIn(all_stages()),
                                          testing::Values(System::kReal)),
                         name_of_case);

}  // namespace
}  // namespace strata
