#include "common/os/terminal.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

namespace strata {

bool stdin_is_terminal() {
  return ::isatty(STDIN_FILENO) == 1;
}

bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}

bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

void turn_write_signals_into_errors() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void occupy_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    // The lowest free number is taken, which is `fd`.
    (void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

CtrlCInterruptsInput::CtrlCInterruptsInput() {
  struct sigaction action {};

  action.sa_handler = [](int) {};
  ::sigaction(SIGINT, &action, nullptr);
}

CtrlCInterruptsInput::~CtrlCInterruptsInput() {
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace strata
