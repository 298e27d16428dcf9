/// @file
/// A progress bar, for a person only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strata {

/// A bar on standard error while something long goes on; nothing at all when
/// standard error is not a terminal.
class Progress {
 public:
  /// @param what is going on, e.g. "reading the log"
  explicit Progress(std::string_view what);

  /// Takes the bar away.
  ~Progress() { clear(); }

  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// @returns whether there is a terminal to show it on.
  [[nodiscard]] bool is_shown() const { return shown_; }

  /// Shows that `done` of `total` is done; draws ten times a second at most,
  /// and nothing in the first half second.
  /// @param total 0 when it is not known
  void update(std::uint64_t done, std::uint64_t total);

  /// Takes the bar away until the next update.
  void clear();

 private:
  const std::string what_;
  const bool shown_;
  std::uint64_t next_draw_ns_ = 0;
  bool drawn_ = false;
};

}  // namespace strata
