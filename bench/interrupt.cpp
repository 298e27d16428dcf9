#include "bench/interrupt.h"

#include <csignal>
#include <initializer_list>

namespace strata::bench {

namespace {

volatile std::sig_atomic_t noted_signal = 0;

}  // namespace

void note_interrupts() {
  struct sigaction action {};

  action.sa_handler = [](int signal) { noted_signal = signal; };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    ::sigaction(signal, &action, nullptr);
  }
}

int noted_interrupt() {
  return noted_signal;
}

void throw_if_interrupted() {
  if (noted_signal != 0) throw Interrupted{noted_signal};
}

}  // namespace strata::bench
