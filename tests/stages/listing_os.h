// Directories that change while they are listed.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "common/os/os_wrapper.h"

namespace strata {

/// Counts the lists of directories, and may change what each found.
class ListingOs : public OsWrapper {
 public:
  using OsWrapper::OsWrapper;

  /// Called with the number of each list, from 1, and its names.
  std::function<void(int nth, std::vector<std::string>& names)> after;
  std::atomic<int> lists{0};  ///< how many there were

  [[nodiscard]] OsResult list(const std::string& path,
                              std::vector<std::string>& names,
                              const char* why) override {
    const OsResult result = os().list(path, names, why);
    const int nth = ++lists;
    if (after) after(nth, names);
    return result;
  }
};

/// Leaves a name out, as if the system had overlooked it.
inline void leave_out(std::vector<std::string>& names,
                      const std::string& name) {
  names.erase(std::remove(names.begin(), names.end(), name), names.end());
}

}  // namespace strata
