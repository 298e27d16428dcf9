#include "stages/07_bitcask/lock_file.h"

namespace strata::bitcask {

LockFile::LockFile(const Options& options, std::string_view kind,
                   std::string_view file)
    : os_(options.system()),
      path_(options.path_of("bitcask." + std::string(kind) + ".lock")) {
  tell(file);
}

LockFile::~LockFile() {
  (void)os_.remove(path_, "remove the lock file");
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
