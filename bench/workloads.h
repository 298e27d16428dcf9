/// @file
/// The workloads: what is done to a store, over and over. The list of all is at
/// the top of workloads.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/keys.h"
#include "common/store/store.h"

namespace strata::bench {

/// The store that work is done on.
struct Scene {
  Store& store;         ///< must outlive the work
  std::uint64_t& keys;  ///< how many it holds: 0 to `keys` - 1; work that
                        ///< adds some raises it
  std::size_t value_bytes = kValueBytes;  ///< of each value
};

/// One workload on one store: it can be done again and again, in pieces.
class Work {
 public:
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  virtual ~Work() = default;

  /// Does `count` operations, or a few more where they come in batches.
  /// @param count at least 1
  /// @returns how many it did.
  /// @throws std::runtime_error when an answer is wrong, and what the store
  ///   throws.
  virtual std::uint64_t run(std::uint64_t count) = 0;
};

/// A workload: its name and what it takes.
struct Workload {
  /// The store that it begins with.
  enum class Start : std::uint8_t {
    kEmpty,   ///< a new one for each round
    kFilled,  ///< one with all keys, which stays open
  };
  /// How many operations a round has.
  enum class Length : std::uint8_t {
    kKeys,    ///< one for each key
    kTime,    ///< as many as fit into a fixed time
    kAtMost,  ///< as many as fit, and no more than there are keys
    kTenth,   ///< as many as fit, and no more than a tenth of the keys: the
              ///< store is changed, and is to stay what it is
  };

  std::string_view name;  ///< the first part of a result's name
  std::string_view what;  ///< one operation, in words
  Start start = Start::kFilled;
  Length length = Length::kTime;
  std::string_view needs = {};  ///< a command that the subject must have
  bool threads = false;         ///< whether many threads use the store at once
  bool durable = false;         ///< whether each set is to be on disk
  /// Whether anything is set: the class is then that of a set, else that of
  /// what a read finds in files.
  bool sets = false;
  /// Makes the work; the keys are drawn now, not while it runs. Empty where it
  /// is not done operation by operation: then `file` does it.
  /// @param keys as many as the store has, or is to have
  std::function<std::unique_ptr<Work>(const Scene& scene, std::uint64_t keys)>
      work = {};
  std::string_view file =
      {};  ///< the source that does it, if this one does not
};

/// @returns every workload, in the order in which they are measured: those that
///   change a filled store come behind those that do not.
[[nodiscard]] const std::vector<Workload>& workloads();

/// @returns the workload of that name, or null.
[[nodiscard]] const Workload* find_workload(std::string_view name);

}  // namespace strata::bench
