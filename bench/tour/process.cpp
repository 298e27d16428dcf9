#include "bench/tour/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "bench/interrupt.h"
#include "common/store/errors.h"

namespace strata::tour {

namespace {

// The reading end of a pipe, or either end while the program is being started.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}

  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  Descriptor& operator=(Descriptor&&) = delete;

  ~Descriptor() { close(); }

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::pair<Descriptor, Descriptor> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw IoError("cannot make", "a pipe", errno);
  }
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

// What posix_spawn takes: pointers into strings that are kept elsewhere.
std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (const std::string& word : words) {
    pointers.push_back(const_cast<char*>(word.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

// A program that was started, ended and waited for at the latest when this
// object ends.
class Child {
 public:
  Child(const std::vector<std::string>& words,
        const std::vector<std::string>& environment, int out, int error) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGXFSZ);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, error, STDERR_FILENO);
    const int failure = ::posix_spawnp(&id_, words[0].c_str(), &files,
                                       &attributes, pointers_to(words).data(),
                                       pointers_to(environment).data());
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (failure != 0) throw IoError("cannot run", words[0], failure);
  }

  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  ~Child() {
    if (id_ == 0) return;
    ::kill(id_, SIGTERM);
    (void)wait();
  }

  int wait() {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t id_ = 0;
};

// Appends what can be read now; false at the end.
bool read_some(const Descriptor& from, std::string& to) {
  std::array<char, 65536> buffer;
  const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
  if (got > 0) to.append(buffer.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

void read_both(Descriptor& out, Descriptor& error, Finished& finished) {
  constexpr int kMilliseconds = 100;
  while (out.get() >= 0 || error.get() >= 0) {
    bench::throw_if_interrupted();
    std::array<pollfd, 2> waiting = {
        {{out.get(), POLLIN, 0}, {error.get(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), kMilliseconds) <= 0) continue;
    if (waiting[0].revents != 0 && !read_some(out, finished.out)) out.close();
    if (waiting[1].revents != 0 && !read_some(error, finished.error)) {
      error.close();
    }
  }
}

}  // namespace

Finished run(const std::vector<std::string>& words,
             const std::vector<std::string>& environment) {
  auto [out, out_end] = make_pipe();
  auto [error, error_end] = make_pipe();
  Child child(words, environment, out_end.get(), error_end.get());
  out_end.close();
  error_end.close();
  Finished finished;
  read_both(out, error, finished);
  finished.status = child.wait();
  return finished;
}

}  // namespace strata::tour
