/// @file
/// What the adapters of the peers share.
///
/// An adapter does what a user of the engine would write: one table of bytes,
/// the engine's own defaults but for what its `Subject::settings` say, no
/// compression (Strata's stages have none), one call for each operation. It
/// differs from a stage in these:
/// - it does its I/O itself and not through `Options::os`;
/// - it opens the engine for reading and writing whatever the mode, and makes
///   what is missing;
/// - `Stats` tells the keys only where the engine knows their number, and never
///   live, dead or index bytes;
/// - its flaw, if it has one, is what an acknowledged write can be lost by
///   although it has reached the operating system;
/// - what the engine reports as wrong is thrown as `std::runtime_error` in the
///   engine's own words.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/stage.h"

namespace strata::bench {

/// The flaw of an engine that writes over a record where it lies and keeps no
/// log. Found by killing it, again and again, while it wrote.
inline constexpr std::string_view kTearsOverwrites =
    "A kill in the midst of an overwrite can lose the key with both values.";

/// Why hash tables refuse to scan.
inline constexpr Refusal kNoScan = {"scan", "a hash table has no order"};

/// Of the hash tables whose buckets are counted beforehand: enough for the
/// million keys of a benchmark.
inline constexpr OptionSpec kBuckets = {
    .name = "--buckets",
    .help = "buckets of the hash table; best more than there will be keys",
    .default_value = 2'000'000,
    .min = 1,
    .max = std::uint64_t{1} << 32};

/// Throws that the engine failed.
/// @param tried what could not be done, e.g. "leveldb: cannot set"
/// @param why the engine's own words
/// @throws std::runtime_error
[[noreturn]] void throw_engine_error(std::string_view tried,
                                     std::string_view why);

/// An engine's files in a directory of their own, and what no peer can do.
class PeerStore : public Store {
 public:
  /// @throws InvalidInput unless the engine is ordered and overrides this.
  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override;

  /// @throws InvalidInput always.
  void dump(std::string_view file, const DumpVisitor& visit) final;

  /// @returns the bytes that the files take up, and their number. Where a file
  ///   has holes, as mapped ones do, they are not counted.
  [[nodiscard]] Stats stats() override;

 protected:
  /// Makes the directory where it is missing.
  /// @throws std::filesystem::filesystem_error
  explicit PeerStore(const Options& options);

  /// @returns the store's directory.
  [[nodiscard]] const std::string& directory() const { return directory_; }

  /// @returns the path of a file in it.
  [[nodiscard]] std::string path_of(std::string_view file) const;

  /// Says that the engine failed where nothing can be thrown, on its way out:
  /// to `Options::note`, else to standard error.
  void warn(std::string_view tried, std::string_view why) const;

 private:
  std::string directory_;
  std::function<void(const std::string&)> note_;
};

/// Opens a peer: what `Stage::open` points to.
template <typename Peer>
[[nodiscard]] std::unique_ptr<Store> open_peer(const Options& options) {
  return std::make_unique<Peer>(options);
}

/// @returns what a peer refuses: what none can do, and `others`.
[[nodiscard]] std::vector<Refusal> peer_refuses(
    const std::vector<Refusal>& others = {});

}  // namespace strata::bench
