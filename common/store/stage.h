/// @file
/// `Stage`: what the command line, the tests, the benchmarks and the tour know
/// of a stage. Each stage defines one; the registry (stages/registry.h) lists
/// them. Nothing else in the project counts stages.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/os.h"
#include "common/store/store.h"

namespace strata {

/// When an acknowledged write is safe.
enum class Sync : std::uint8_t {
  kNever,   ///< once the operating system has it: it survives kill -9
  kAlways,  ///< once it is on disk: it survives a power cut
};

/// What a store is opened for.
enum class Mode : std::uint8_t {
  /// Takes no lock, needs no write permission, changes nothing on disk. A
  /// store that does not exist reads as an empty one.
  kRead,
  /// Makes the directory when it is missing, holds the writer's lock until the
  /// store is destroyed, cuts off a torn tail.
  kWrite,
};

/// An option of one stage, such as `--slots`.
struct OptionSpec {
  std::string_view name;            ///< with its dashes
  std::string_view help;            ///< one line
  std::uint64_t default_value = 0;  ///< where it is not given
  std::uint64_t min = 0;            ///< smallest value allowed
  std::uint64_t max = 0;            ///< largest value allowed
  /// Where its values have names: those, the first of which stands for 0.
  std::vector<std::string_view> choices{};
};

/// How to open a store.
struct Options {
  std::string directory;     ///< the store's directory
  Mode mode = Mode::kRead;   ///< reading, or also writing
  Sync sync = Sync::kNever;  ///< when a write is acknowledged
  std::map<std::string_view, std::uint64_t, std::less<>>
      numbers;       ///< values of the stage's own options; the rest at default
  Os* os = nullptr;  ///< the seam; null means the real one

  /// Told what the open found and went on from, such as a torn tail: one line
  /// without newline. May be empty.
  std::function<void(const std::string&)> note;

  /// Told how far a long open has come, in bytes read of all. May be empty.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;

  /// @returns `os`, or the real operating system where that is null.
  [[nodiscard]] Os& system() const;

  /// @returns the path of a file of the store, given its name.
  [[nodiscard]] std::string path_of(std::string_view file) const;

  /// Calls `note`, where there is one.
  void tell(const std::string& line) const;
};

/// What a stage's records can hold.
struct Limits {
  std::uint64_t max_key_bytes = 65535;         ///< of at least 1
  std::uint64_t max_value_bytes = 0xFFFFFFFF;  ///< of at least 0
  std::string_view key_forbids;                ///< bytes that no key may hold
  std::string_view value_forbids;              ///< bytes that no value may hold
  std::string_view value_prefix_taken;         ///< how no value may begin

  /// @throws InvalidInput, naming the limit, when `key` cannot be stored.
  void check_key(std::string_view key) const;

  /// @throws InvalidInput, naming the limit, when the pair cannot be stored.
  void check(std::string_view key, std::string_view value) const;
};

/// A command or option that a stage does not have, and what brings it.
struct Refusal {
  std::string_view name;  ///< e.g. "del" or "--segment-bytes"
  std::string_view why;   ///< e.g. "tombstones arrive with 06_compaction"
};

/// One stage, described.
struct Stage {
  std::string_view name;            ///< "04_keydir"
  std::string_view title;           ///< what it is, in a few words
  std::string_view flaw;            ///< what the next stage mends, one sentence
  Limits limits;                    ///< what its records can hold
  std::vector<OptionSpec> options;  ///< its own, beside the common ones
  std::vector<Refusal> refuses;     ///< what it cannot do yet
  bool checksums = false;           ///< whether a changed value byte is noticed
  bool scans = false;  ///< whether a get reads more the longer the file
  bool sorts = false;  ///< whether its files are sorted: `keys` ascend
  /// Whether an acknowledged write stands in a log, so that it outlives the
  /// process. Where it does not, `Store::flush` writes it out.
  bool logs = true;
  /// Opens a store of this stage.
  /// @throws IoError, Busy; InvalidInput when an option does not fit the store
  std::unique_ptr<Store> (*open)(const Options&) = nullptr;

  /// @returns why the stage refuses `what`, or null when it does not.
  [[nodiscard]] const Refusal* refusal(std::string_view what) const;

  /// @returns whether it has the command or option `what`.
  [[nodiscard]] bool has(std::string_view what) const {
    return refusal(what) == nullptr;
  }

  /// @returns the value of one of the stage's own options: the one in
  ///   `given`, else the default.
  [[nodiscard]] std::uint64_t number(const Options& given,
                                     std::string_view option) const;
};

}  // namespace strata
