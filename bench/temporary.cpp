#include "bench/temporary.h"

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "common/store/errors.h"

namespace strata::bench {

namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory()
    : path_((fs::temp_directory_path() / "strata-bench-XXXXXX").string()) {
  if (::mkdtemp(path_.data()) == nullptr) {
    throw IoError("cannot make a directory", path_, errno);
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

unsigned long long bytes_under(const std::string& directory) {
  unsigned long long bytes = 0;
  std::error_code gone;
  for (auto at = fs::recursive_directory_iterator(directory, gone);
       !gone && at != fs::end(at); at.increment(gone)) {
    std::error_code merged_away;
    if (!at->is_regular_file(merged_away) || merged_away) continue;
    const auto size = at->file_size(merged_away);
    if (!merged_away) bytes += size;
  }
  return bytes;
}

}  // namespace strata::bench
