#include "common/os/terminal.h"

#include <fcntl.h>
#include <sys/time.h>
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

namespace {

// Lets `signal` interrupt system calls, calling `handler`.
void interrupt_calls_on(int signal, void (*handler)(int)) {
  struct sigaction action {};

  action.sa_handler = handler;
  ::sigaction(signal, &action, nullptr);
}

void set_alarm_every(int microseconds) {
  itimerval timer{};
  timer.it_value.tv_usec = microseconds;
  timer.it_interval.tv_usec = microseconds;
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

// A key pressed just before the call that waits would interrupt nothing. So
// alarms follow until one meets that call.
CtrlCInterruptsInput::CtrlCInterruptsInput() {
  constexpr int kBetweenAlarmsUs = 10'000;
  interrupt_calls_on(SIGALRM, [](int) {});
  interrupt_calls_on(SIGINT, [](int) { set_alarm_every(kBetweenAlarmsUs); });
}

CtrlCInterruptsInput::~CtrlCInterruptsInput() {
  std::signal(SIGINT, SIG_DFL);
  set_alarm_every(0);
  std::signal(SIGALRM, SIG_DFL);
}

}  // namespace strata
