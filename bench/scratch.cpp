#include "bench/scratch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>

namespace strata::bench {

namespace fs = std::filesystem;

namespace {

// The janitor's whole life. Signals from the terminal are for the other one.
[[noreturn]] void remove_when_closed(int fd, const std::string& path) {
  ::setsid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
    std::signal(signal, SIG_IGN);
  }
  char byte = 0;
  while (::read(fd, &byte, 1) < 0 && errno == EINTR) {
  }
  constexpr int kTries = 3;  // a shell that dies too may still add a file
  std::error_code ignored;
  for (int i = 0; i < kTries && fs::exists(path, ignored); ++i) {
    fs::remove_all(path, ignored);
  }
  ::_exit(0);
}

}  // namespace

Scratch::Scratch() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0 || (janitor_ = ::fork()) < 0) {
    throw std::system_error(errno, std::generic_category(), "no janitor");
  }
  if (janitor_ == 0) {
    ::close(ends[1]);
    remove_when_closed(ends[0], path());
  }
  ::close(ends[0]);
  alive_ = ends[1];
  ::setenv("TMPDIR", path().c_str(), 1);
}

Scratch::~Scratch() {
  ::close(alive_);
  while (::waitpid(janitor_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace strata::bench
