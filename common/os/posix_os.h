/// @file
/// The real operating system.
#pragma once

#include "common/os/os.h"

namespace strata {

/// @returns the operating system of this process. A write past the file size
///   limit then answers EFBIG instead of ending the process by a signal.
[[nodiscard]] Os& posix_os();

}  // namespace strata
