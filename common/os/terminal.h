/// @file
/// The terminal and the signals that a command-line program has to know of.
#pragma once

namespace strata {

/// @returns whether standard input is a terminal.
[[nodiscard]] bool stdin_is_terminal();

/// @returns whether standard output is a terminal.
[[nodiscard]] bool stdout_is_terminal();

/// @returns whether standard error is a terminal.
[[nodiscard]] bool stderr_is_terminal();

/// From now on a write to a closed pipe, or beyond the file size limit, is an
/// error that the writer sees and not a signal that ends the process.
void turn_write_signals_into_errors();

/// Gives the standard descriptors that the process was started without to a
/// file that neither reads nor writes, so that no file opened later becomes
/// standard output and is printed into. Using them is still an error (EBADF).
void occupy_standard_descriptors();

/// While one lives, Ctrl-C interrupts the call that waits for input (EINTR)
/// instead of ending the process.
class CtrlCInterruptsInput {
 public:
  /// Ctrl-C interrupts from now on.
  CtrlCInterruptsInput();
  /// Ctrl-C ends the process again.
  ~CtrlCInterruptsInput();
  CtrlCInterruptsInput(const CtrlCInterruptsInput&) = delete;
  CtrlCInterruptsInput& operator=(const CtrlCInterruptsInput&) = delete;
};

}  // namespace strata
