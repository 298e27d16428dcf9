#include "bench/process_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace strata::bench {

namespace {

// What the process has done up to this look, and the bytes of the look itself,
// which only the next one counts.
struct Look {
  ProcessIo io;
  std::uint64_t bytes = 0;
};

std::optional<Look> look() {
  const int fd = ::open("/proc/self/io", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::array<char, 512> text{};
  const ssize_t size = ::read(fd, text.data(), text.size() - 1);
  ::close(fd);
  if (size <= 0) return std::nullopt;
  unsigned long long read = 0;
  unsigned long long written = 0;
  unsigned long long reads = 0;
  unsigned long long writes = 0;
  // NOLINTNEXTLINE(cert-err34-c): numbers of the kernel's
  if (std::sscanf(text.data(),
                  "rchar: %llu wchar: %llu syscr: %llu syscw: %llu", &read,
                  &written, &reads, &writes) != 4) {
    return std::nullopt;
  }
  return Look{{reads, read, writes, written}, static_cast<std::uint64_t>(size)};
}

}  // namespace

IoMeter::IoMeter() {
  const auto seen = look();
  if (!seen) return;
  start_ = seen->io;
  ++start_->reads;
  start_->bytes_read += seen->bytes;
}

std::optional<ProcessIo> IoMeter::since() const {
  const auto seen = look();
  if (!seen || !start_) return std::nullopt;
  const ProcessIo& io = seen->io;
  return ProcessIo{io.reads - start_->reads, io.bytes_read - start_->bytes_read,
                   io.writes - start_->writes,
                   io.bytes_written - start_->bytes_written};
}

}  // namespace strata::bench
