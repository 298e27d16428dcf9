#include "common/os/terminal.h"

#include <unistd.h>

#include <csignal>

namespace strata {

bool stdin_is_terminal() {
  return ::isatty(STDIN_FILENO) == 1;
}

bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

void turn_write_signals_into_errors() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void let_ctrl_c_interrupt_input() {
  struct sigaction action {};

  action.sa_handler = [](int) {};
  ::sigaction(SIGINT, &action, nullptr);
}

}  // namespace strata
