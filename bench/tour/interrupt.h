/// @file
/// Ctrl-C: noted when it comes, acted upon between two operations, so that the
/// tour can put everything away before it ends.
#pragma once

namespace strata::tour {

/// Thrown where the tour notices that it is to end.
struct Interrupted {
  int signal = 0;  ///< SIGINT, SIGTERM or SIGHUP
};

/// From now on SIGINT, SIGTERM and SIGHUP are noted and end nothing by
/// themselves. Calls that wait are interrupted (EINTR).
void note_interrupts();

/// @throws Interrupted when one of the signals has come.
void throw_if_interrupted();

}  // namespace strata::tour
