#include "common/cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "common/os/posix_os.h"
#include "common/os/terminal.h"

namespace strata {

namespace {

constexpr std::uint64_t kFirstDrawNs = 500'000'000;
constexpr std::uint64_t kBetweenDrawsNs = 100'000'000;
constexpr int kCells = 30;

void draw(std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

Progress::Progress(std::string_view what)
    : what_(what), shown_(stderr_is_terminal()) {}

void Progress::update(std::uint64_t done, std::uint64_t total) {
  if (!shown_) return;
  const std::uint64_t now = posix_os().ticks_ns();
  if (next_draw_ns_ == 0) next_draw_ns_ = now + kFirstDrawNs;
  if (now < next_draw_ns_) return;
  next_draw_ns_ = now + kBetweenDrawsNs;
  if (total == 0) {
    draw(fmt::format("\r{}: {}", what_, done));
  } else {
    const double share =
        std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const int full = static_cast<int>(share * kCells);
    draw(fmt::format("\r{} [{:#<{}}{:<{}}] {:3.0f} %", what_, "", full, "",
                     kCells - full, share * 100));
  }
  drawn_ = true;
}

void Progress::clear() {
  next_draw_ns_ = 0;
  if (!drawn_) return;
  draw("\r\x1b[K");
  drawn_ = false;
}

}  // namespace strata
