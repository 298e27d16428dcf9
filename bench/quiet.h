/// @file
/// Quiet: what one subject still does in the background is not to be measured
/// as another's.
#pragma once

namespace strata::bench {

/// Waits until no other thread of the process works any more: merges and the
/// like, whoever does them; no longer than until an interrupt.
/// @throws std::runtime_error after ten minutes
void wait_until_quiet();

}  // namespace strata::bench
