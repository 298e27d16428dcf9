#include "common/store/log_writer.h"

#include <cerrno>

#include "common/store/errors.h"

namespace strata {

namespace {

Directory lock_directory(const Options& options) {
  Directory directory = Directory::open_or_make(
      options.system(), options.directory, options.sync == Sync::kAlways);
  directory.lock("become the writer");
  return directory;
}

}  // namespace

LogWriter::LogWriter(const Options& options, const std::string& name)
    : directory_(lock_directory(options)),
      file_(File::open(options.system(), options.path_of(name),
                       OpenMode::kCreate, "append to the log")),
      sync_(options.sync),
      end_(file_.size("find the end")) {
  if (sync_ == Sync::kAlways) directory_.sync("keep the log's name");
}

void LogWriter::cut(std::uint64_t end) {
  file_.truncate(end, "cut off the torn tail");
  end_ = end;
}

std::uint64_t LogWriter::append(std::string_view record) {
  if (broken_) {
    throw IoError("an earlier write failed: open the store again to write",
                  file_.path(), EIO);
  }
  try {
    file_.write_at(end_, record, "append the record");
  } catch (const IoError&) {
    broken_ = !take_back();
    throw;
  }
  if (sync_ == Sync::kAlways) sync();
  const std::uint64_t begin = end_;
  end_ += record.size();
  return begin;
}

void LogWriter::sync() {
  try {
    file_.sync("make the record durable");
  } catch (const IoError&) {
    broken_ = true;
    take_back();
    throw;
  }
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
