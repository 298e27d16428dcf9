#include "bench/quiet.h"

#include <time.h>

#include <chrono>
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

}  // namespace

void wait_until_quiet() {
  using std::chrono::milliseconds;
  constexpr milliseconds kLook{5};
  constexpr double kQuiet = 0.0005;  // seconds of work meanwhile
  constexpr int kLooks = 2000;
  for (int i = 0; i < kLooks && noted_interrupt() == 0; ++i) {
    const double before = others_seconds();
    std::this_thread::sleep_for(kLook);
    if (others_seconds() - before < kQuiet) return;
  }
}

}  // namespace strata::bench
