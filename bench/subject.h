/// @file
/// What takes part in the benchmarks: the stages, the engines that people
/// really use, and the limits, which do the same work with nothing in the way.
/// All of them are opened as a `Stage`, so that one workload is one function.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/stage.h"

namespace strata::bench {

/// How far a write has come when it is acknowledged. Only equals are compared.
enum class Durability : std::uint8_t {
  kProcess,  ///< it lies in the process's memory: kill -9 loses it
  kSystem,   ///< the operating system has it: a power cut loses it
  kDisk,     ///< it is on disk
};

/// @returns "process", "system" or "disk".
[[nodiscard]] std::string_view name_of(Durability durability);

/// One that takes part.
struct Subject {
  /// What it is to the reader of a report.
  enum class Kind : std::uint8_t { kStage, kPeer, kLimit };

  /// How to open it, its name and title, and what it refuses: a subject does
  /// not take part in a workload that needs what its stage refuses.
  const Stage* stage = nullptr;
  Kind kind = Kind::kStage;
  /// What an acknowledged write has reached with `Sync::kNever`. With
  /// `Sync::kAlways` it is on disk, or the stage refuses "--sync always".
  Durability durability = Durability::kSystem;
  /// What all writes have reached after `Store::flush`, and so what a read
  /// finds: who only buffers its writes has them in files from then on.
  Durability flushed = Durability::kSystem;
  bool threads = false;      ///< whether many threads may use a store at once
  bool counted = true;       ///< whether it does its I/O through `Options::os`
  bool maps_reads = false;   ///< whether reads go through mapped files, where
                             ///< they are no calls
  bool maps_writes = false;  ///< whether writes do
  /// What a merge has reached when it is done, whatever the writes did.
  Durability merged = Durability::kDisk;
  std::string version = {};        ///< of a peer's library, e.g. "1.23"
  std::string_view settings = {};  ///< what is not its default

  /// @returns the stage's name.
  [[nodiscard]] std::string name() const { return std::string(stage->name); }
};

/// @returns "stage", "peer" or "limit".
[[nodiscard]] std::string_view name_of(Subject::Kind kind);

/// @returns what a result says of its subject, e.g. "stage, system".
/// @param durability what the work has reached when it is done
[[nodiscard]] std::string label_of(Subject::Kind kind, Durability durability);

/// @returns the same of a subject whose sets are acknowledged as `sync` says.
[[nodiscard]] std::string label_of(const Subject& subject, Sync sync);

/// @returns the same of one that was flushed, and is only read since.
[[nodiscard]] std::string label_of_reads(const Subject& subject);

/// @returns the stages of the registry, in its order.
[[nodiscard]] std::vector<Subject> stage_subjects();

/// @returns the peers whose libraries were there when this was built, sorted
///   by name.
[[nodiscard]] std::vector<Subject> peer_subjects();

/// @returns the limits: `limit_memory` is a hash map and memory; `limit_io` a
///   hash map, one raw write for a set and one raw read for a get;
///   `limit_io_hints` writes what stage 07 writes, hints too, and only that.
[[nodiscard]] std::vector<Subject> limit_subjects();

}  // namespace strata::bench
