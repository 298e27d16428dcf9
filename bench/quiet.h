/// @file
/// Quiet: what one subject still does in the background is not to be measured
/// as another's.
#pragma once

namespace strata::bench {

/// Waits until no other thread of the process works any more: merges and the
/// like, whoever does them. Ten seconds at most, and no longer than until an
/// interrupt.
void wait_until_quiet();

}  // namespace strata::bench
