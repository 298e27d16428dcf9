#include "stages/07_bitcask/lock_file.h"

#include "common/os/file.h"
#include "common/store/errors.h"

namespace strata::bitcask {

LockFile::LockFile(const Options& options, std::string_view kind,
                   std::string_view file)
    : os_(options.system()),
      path_(options.path_of("bitcask." + std::string(kind) + ".lock")) {
  tell(file);
}

LockFile::~LockFile() {
  try {
    remove_file(os_, path_, "remove the lock file");
  } catch (const IoError&) {  // NOLINT(bugprone-empty-catch): it keeps nobody
                              // out, and the next writer's takes its place
  }
}

void LockFile::tell(std::string_view file) {
  constexpr const char* kWhy = "say who holds the lock";
  File lock = File::open(os_, path_, OpenMode::kCreate, kWhy);
  lock.truncate(0, kWhy);
  lock.write_at(
      0, std::to_string(os_.process_id()) + " " + std::string(file) + "\n",
      kWhy);
}

}  // namespace strata::bitcask
