#include "common/store/log_writer.h"

#include <cerrno>

#include "common/store/errors.h"

namespace strata {

Directory lock_store(const Options& options) {
  Directory directory = Directory::open_or_make(
      options.system(), options.directory, options.sync == Sync::kAlways);
  directory.lock("become the writer");
  return directory;
}

LogWriter::LogWriter(const Options& options, Directory& directory,
                     const std::string& name, OpenMode mode)
    : file_(File::open(options.system(), options.path_of(name), mode,
                       "append to the log")),
      sync_(options.sync),
      end_(file_.size("find the end")) {
  if (sync_ == Sync::kAlways) directory.sync("keep the log's name");
}

void LogWriter::cut(std::uint64_t end) {
  file_.truncate(end, "cut off the torn tail");
  end_ = end;
  if (sync_ == Sync::kAlways) sync("let the torn tail stay cut off");
}

std::uint64_t LogWriter::append(std::string_view record) {
  check_not_broken();
  try {
    file_.write_at(end_, record, "append the record");
  } catch (const IoError&) {
    broken_ = !take_back();
    throw;
  }
  if (sync_ == Sync::kAlways) sync("make the record durable");
  const std::uint64_t begin = end_;
  end_ += record.size();
  return begin;
}

void LogWriter::sync(const char* why) {
  check_not_broken();
  try {
    file_.sync(why);
  } catch (const IoError&) {
    broken_ = true;
    take_back();
    throw;
  }
}

void LogWriter::check_not_broken() const {
  if (!broken_) return;
  throw IoError("an earlier write failed: open the store again to write",
                file_.path(), EIO);
}

bool LogWriter::take_back() {
  try {
    file_.truncate(end_, "take back the unacknowledged record");
    return true;
  } catch (const IoError&) {
    return false;
  }
}

}  // namespace strata
