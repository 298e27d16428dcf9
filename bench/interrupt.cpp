#include "bench/interrupt.h"

#include <csignal>
#include <initializer_list>

namespace strata::bench {

namespace {

volatile std::sig_atomic_t noted_signal = 0;

void note(std::initializer_list<int> signals) {
  struct sigaction action {};

  action.sa_handler = [](int signal) { noted_signal = signal; };
  for (const int signal : signals) ::sigaction(signal, &action, nullptr);
}

}  // namespace

void note_interrupts() {
  note({SIGINT, SIGTERM, SIGHUP});
}

void note_broken_pipes() {
  note({SIGPIPE});
}

int noted_interrupt() {
  return noted_signal;
}

void throw_if_interrupted() {
  if (noted_signal != 0) throw Interrupted{noted_signal};
}

}  // namespace strata::bench
