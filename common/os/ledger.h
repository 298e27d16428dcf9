/// @file
/// The I/O ledger: an `Os` that writes down every call before it hands it on.
/// `--explain` prints it, the cost tests hold the book's claims with it, and
/// the benchmarks and the tour count with it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/os_wrapper.h"

namespace strata {

/// What a line of the ledger tells of.
enum class Call : std::uint8_t {
  kOpen,
  kRead,
  kWrite,
  kSync,
  kTruncate,
  kSize,
  kMode,
  kLock,
  kRename,
  kRemove,
  kMakeDir,
  kList,
  kMap,
};

/// @returns the name of a call in the singular: "open", "read", "unlink".
[[nodiscard]] std::string_view name_of(Call call);

/// One call as the system answered it.
struct LedgerEntry {
  Call call = Call::kOpen;   ///< what was called
  std::string path;          ///< the file; for a rename the old name
  std::uint64_t offset = 0;  ///< reads and writes: where; truncate: new size
  std::uint64_t bytes = 0;   ///< reads and writes: how many were moved
  int error = 0;             ///< the error number, 0 when it succeeded
  const char* why = "";      ///< the purpose
};

/// How often something was done, and how many bytes it moved.
struct Tally {
  std::uint64_t calls = 0;  ///< how often
  std::uint64_t bytes = 0;  ///< moved by all of them
};

/// A sum over a ledger, for each kind of call.
struct Totals {
  Tally opens;   ///< of files and directories
  Tally reads;   ///< and the bytes that were read
  Tally writes;  ///< and the bytes that were written
  Tally syncs;   ///< of files and directories
  Tally others;  ///< all calls that are none of these
};

/// An `Os` that counts. Calls that fail are entered with their error; `close`
/// is not entered.
class Ledger : public OsWrapper {
 public:
  /// Whether to keep each entry, or only the totals, which costs no memory, or
  /// nothing at all.
  enum class Keep : std::uint8_t { kNothing, kTotals, kEntries };

  /// @param os what carries the calls out; must outlive the ledger
  explicit Ledger(Os& os, Keep keep = Keep::kEntries)
      : OsWrapper(os), keep_(keep) {}

  /// @returns a copy of the entries since the last `clear`, oldest first.
  [[nodiscard]] std::vector<LedgerEntry> entries() const;

  /// @returns the totals since the last `clear`.
  [[nodiscard]] Totals totals() const;

  /// Forgets entries and totals.
  void clear();

  /// From now on keeps each entry; or only the totals, and forgets the entries;
  /// or nothing more: calls are then handed on, which costs next to nothing,
  /// and totals stay as they are.
  void keep(Keep keep);

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
  OsResult enter(LedgerEntry entry, OsResult result);
  OsResult enter(Call call, int fd, std::uint64_t offset, OsResult result,
                 const char* why);

  mutable std::mutex mutex_;
  std::atomic<Keep> keep_;
  std::vector<LedgerEntry> entries_;
  Totals totals_;
  std::map<int, std::string> open_files_;
};

/// @param asked how many were asked meanwhile (Store::index_probes); no call,
///   but told with the total where there were any
/// @param whom what it was that was asked
/// @returns the ledger for a person: a line a call, then a line of totals.
[[nodiscard]] std::string to_text(const Ledger& ledger, std::uint64_t asked = 0,
                                  std::string_view whom = "keydir");

}  // namespace strata
