/// @file
/// Faults: an `Os` in which chosen calls fail.
///
/// @code
///   MemoryOs disk;
///   FaultOs faults(disk);
///   faults.add({.calls = {Call::kWrite}, .nth = 3, .error = ENOSPC});
///   … the third write from here on finds the disk full, the fourth does not
/// @endcode
///
/// What a real full disk does takes two: a write that moves only a part of its
/// bytes, and then the error.
///
/// @code
///   faults.add({.calls = {Call::kWrite}, .nth = 3, .at_most = Fault::kHalf});
///   faults.add({.calls = {Call::kWrite}, .nth = 4, .error = ENOSPC});
/// @endcode
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/os/ledger.h"
#include "common/os/os_wrapper.h"

namespace strata {

/// Which calls go wrong, and how.
struct Fault {
  /// For `at_most`: half of what was asked for.
  static constexpr std::size_t kHalf = SIZE_MAX;

  /// Which kinds of call; empty means all of them.
  std::vector<Call> calls{};
  /// Only calls that would change the disk: opening for writing, write,
  /// truncate, rename, remove, make_dir. So a read-only file system is said.
  bool changes_only = false;
  /// Which of the matching calls, counting from 1 when the fault is added.
  std::uint64_t nth = 1;
  /// Whether all matching calls after that one go wrong, too.
  bool for_ever = false;
  /// The error number that is returned negated, e.g. EIO or EINTR; the call
  /// then does nothing. 0: no error.
  int error = 0;
  /// Without an error: a read or write moves this many bytes at the most, but
  /// one at the least, since none would mean the end of the file.
  std::optional<std::size_t> at_most{};

  /// @returns the fault that is the end of the process: from the `nth` call of
  ///   any kind on, nothing reaches the disk any more.
  [[nodiscard]] static Fault crash_at(std::uint64_t nth);
};

/// An `Os` with faults. Closing, unmapping, clocks and random numbers never
/// fail. Where several faults meet in a call, the one added first has it; each
/// of them counts the call.
class FaultOs : public OsWrapper {
 public:
  /// @param os what carries out the calls that do not fail; must outlive this
  explicit FaultOs(Os& os) : OsWrapper(os) {}

  /// Adds a fault.
  void add(Fault fault);

  /// Takes all faults away and counts the calls from 0 again.
  void clear();

  /// @returns how many calls there were since the last `clear`, those that
  ///   failed included. A test first runs without faults and then, with the
  ///   Nth call failing, for each N from 1 to this.
  [[nodiscard]] std::uint64_t calls() const;

  /// @returns how many of them were of one kind.
  [[nodiscard]] std::uint64_t calls(Call call) const;

  [[nodiscard]] OsResult open(const std::string& path, OpenMode mode,
                              const char* why) override;
  [[nodiscard]] OsResult read_at(int fd, std::uint64_t offset, char* out,
                                 std::size_t size, const char* why) override;
  [[nodiscard]] OsResult write_at(int fd, std::uint64_t offset,
                                  std::string_view bytes,
                                  const char* why) override;
  [[nodiscard]] OsResult sync(int fd, const char* why) override;
  [[nodiscard]] OsResult truncate(int fd, std::uint64_t size,
                                  const char* why) override;
  [[nodiscard]] OsResult size(int fd, const char* why) override;
  [[nodiscard]] OsResult mode(int fd, const char* why) override;
  [[nodiscard]] OsResult lock(int fd, const char* why) override;
  [[nodiscard]] OsResult rename(const std::string& from, const std::string& to,
                                const char* why) override;
  [[nodiscard]] OsResult remove(const std::string& path,
                                const char* why) override;
  [[nodiscard]] OsResult make_dir(const std::string& path,
                                  const char* why) override;
  [[nodiscard]] OsResult list(const std::string& path,
                              std::vector<std::string>& names,
                              const char* why) override;
  [[nodiscard]] OsResult map(int fd, std::size_t size, const char** out,
                             const char* why) override;

 private:
  // What becomes of a call: an error, or a size that is less than asked for.
  struct Verdict {
    int error = 0;
    std::size_t size = 0;
  };

  struct Counted {
    Fault fault;
    std::uint64_t seen = 0;  // matching calls so far
  };

  Verdict judge(Call call, bool changes, std::size_t size = 0);

  // Hands a call on unless it is to fail.
  template <typename SystemCall>
  OsResult pass(Call call, bool changes, const SystemCall& system_call) {
    const Verdict verdict = judge(call, changes);
    return verdict.error != 0 ? -verdict.error : system_call();
  }

  mutable std::mutex mutex_;
  std::vector<Counted> faults_;
  std::map<Call, std::uint64_t> seen_;
};

}  // namespace strata
