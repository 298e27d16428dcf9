/// @file
/// The terminal and the signals that a command-line program has to know of.
#pragma once

namespace strata {

/// @returns whether standard input is a terminal.
[[nodiscard]] bool stdin_is_terminal();

/// @returns whether standard error is a terminal.
[[nodiscard]] bool stderr_is_terminal();

/// From now on a write to a closed pipe, or beyond the file size limit, is an
/// error that the writer sees and not a signal that ends the process.
void turn_write_signals_into_errors();

/// From now on Ctrl-C interrupts the call that waits for input instead of
/// ending the process.
void let_ctrl_c_interrupt_input();

}  // namespace strata
