#include "common/os/fault_os.h"

#include <algorithm>
#include <cerrno>

namespace strata {

namespace {

bool matches(const Fault& fault, Call call, bool changes) {
  if (fault.changes_only && !changes) return false;
  return fault.calls.empty() ||
         std::find(fault.calls.begin(), fault.calls.end(), call) !=
             fault.calls.end();
}

std::size_t shortened(std::size_t size, std::size_t at_most) {
  if (size == 0) return 0;
  const std::size_t limit = at_most == Fault::kHalf ? size / 2 : at_most;
  return std::clamp<std::size_t>(limit, 1, size);
}

}  // namespace

Fault Fault::crash_at(std::uint64_t nth) {
  return {.nth = nth, .for_ever = true, .error = EIO};
}

void FaultOs::add(Fault fault) {
  const std::scoped_lock hold(mutex_);
  faults_.push_back({.fault = std::move(fault)});
}

void FaultOs::clear() {
  const std::scoped_lock hold(mutex_);
  faults_.clear();
  seen_.clear();
}

std::uint64_t FaultOs::calls() const {
  const std::scoped_lock hold(mutex_);
  std::uint64_t sum = 0;
  for (const auto& [call, count] : seen_) sum += count;
  return sum;
}

std::uint64_t FaultOs::calls(Call call) const {
  const std::scoped_lock hold(mutex_);
  const auto found = seen_.find(call);
  return found == seen_.end() ? 0 : found->second;
}

FaultOs::Verdict FaultOs::judge(Call call, bool changes, std::size_t size) {
  const std::scoped_lock hold(mutex_);
  ++seen_[call];
  std::optional<Verdict> verdict;
  for (auto& [fault, seen] : faults_) {
    if (!matches(fault, call, changes)) continue;
    ++seen;
    const bool strikes = fault.for_ever ? seen >= fault.nth : seen == fault.nth;
    if (!strikes || verdict) continue;
    verdict = {.error = fault.error,
               .size = fault.at_most ? shortened(size, *fault.at_most) : size};
  }
  return verdict.value_or(Verdict{.error = 0, .size = size});
}

OsResult FaultOs::open(const std::string& path, OpenMode mode,
                       const char* why) {
  const bool changes = mode != OpenMode::kRead && mode != OpenMode::kDirectory;
  return pass(Call::kOpen, changes, [&] { return os().open(path, mode, why); });
}

OsResult FaultOs::read_at(int fd, std::uint64_t offset, char* out,
                          std::size_t size, const char* why) {
  const Verdict verdict = judge(Call::kRead, false, size);
  if (verdict.error != 0) return -verdict.error;
  return os().read_at(fd, offset, out, verdict.size, why);
}

OsResult FaultOs::write_at(int fd, std::uint64_t offset, std::string_view bytes,
                           const char* why) {
  const Verdict verdict = judge(Call::kWrite, true, bytes.size());
  if (verdict.error != 0) return -verdict.error;
  return os().write_at(fd, offset, bytes.substr(0, verdict.size), why);
}

OsResult FaultOs::sync(int fd, const char* why) {
  return pass(Call::kSync, false, [&] { return os().sync(fd, why); });
}

OsResult FaultOs::truncate(int fd, std::uint64_t size, const char* why) {
  return pass(Call::kTruncate, true,
              [&] { return os().truncate(fd, size, why); });
}

OsResult FaultOs::size(int fd, const char* why) {
  return pass(Call::kSize, false, [&] { return os().size(fd, why); });
}

OsResult FaultOs::mode(int fd, const char* why) {
  return pass(Call::kMode, false, [&] { return os().mode(fd, why); });
}

OsResult FaultOs::lock(int fd, const char* why) {
  return pass(Call::kLock, false, [&] { return os().lock(fd, why); });
}

OsResult FaultOs::rename(const std::string& from, const std::string& to,
                         const char* why) {
  return pass(Call::kRename, true, [&] { return os().rename(from, to, why); });
}

OsResult FaultOs::remove(const std::string& path, const char* why) {
  return pass(Call::kRemove, true, [&] { return os().remove(path, why); });
}

OsResult FaultOs::make_dir(const std::string& path, const char* why) {
  return pass(Call::kMakeDir, true, [&] { return os().make_dir(path, why); });
}

OsResult FaultOs::list(const std::string& path, std::vector<std::string>& names,
                       const char* why) {
  return pass(Call::kList, false, [&] { return os().list(path, names, why); });
}

OsResult FaultOs::map(int fd, std::size_t size, const char** out,
                      const char* why) {
  return pass(Call::kMap, false, [&] { return os().map(fd, size, out, why); });
}

}  // namespace strata
