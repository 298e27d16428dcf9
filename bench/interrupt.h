/// @file
/// Ctrl-C: noted when it comes, acted upon between two operations, so that the
/// tour and the benchmarks can put everything away before they end.
#pragma once

namespace strata::bench {

/// Thrown where it is noticed that the end has come.
struct Interrupted {
  int signal = 0;  ///< SIGINT, SIGTERM, SIGHUP or SIGPIPE
};

/// From now on SIGINT, SIGTERM and SIGHUP are noted and end nothing by
/// themselves. Calls that wait are interrupted (EINTR).
void note_interrupts();

/// From now on that nobody reads our output any more (SIGPIPE) is noted alike.
void note_broken_pipes();

/// @returns the signal that has come, or 0.
[[nodiscard]] int noted_interrupt();

/// @throws Interrupted when one of the signals has come.
void throw_if_interrupted();

}  // namespace strata::bench
