#include "bench/quiet.h"

#include <time.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "bench/interrupt.h"

namespace strata::bench {

namespace {

double seconds_on(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) +
         1e-9 * static_cast<double>(time.tv_nsec);
}

// Processor time of all threads but this one.
double others_seconds() {
  return seconds_on(CLOCK_PROCESS_CPUTIME_ID) -
         seconds_on(CLOCK_THREAD_CPUTIME_ID);
}

// Whether another thread does anything but sleep. One that waits for the disk,
// as a merge does in a sync, takes no processor time.
bool any_other_is_awake() {
  namespace fs = std::filesystem;
  const std::string self = std::to_string(::gettid());
  std::error_code gone;
  for (const auto& thread : fs::directory_iterator("/proc/self/task", gone)) {
    std::ifstream file(thread.path() / "stat");
    std::string stat;
    std::getline(file, stat);
    const std::size_t name_end = stat.rfind(") ");
    const bool awake = name_end != stat.npos && stat[name_end + 2] != 'S';
    if (awake && thread.path().filename() != self) return true;
  }
  return false;
}

}  // namespace

void wait_until_quiet() {
  using std::chrono::milliseconds;
  constexpr milliseconds kLook{5};
  constexpr double kQuiet = 0.0005;  // seconds of work meanwhile
  constexpr int kLooks = 120'000;    // ten minutes
  for (int i = 0; i < kLooks; ++i) {
    if (noted_interrupt() != 0) return;
    const double before = others_seconds();
    std::this_thread::sleep_for(kLook);
    if (others_seconds() - before < kQuiet && !any_other_is_awake()) return;
  }
  throw std::runtime_error("a thread in the background does not come to rest");
}

}  // namespace strata::bench
