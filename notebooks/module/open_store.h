/// @file
/// `OpenStore`: a store as Python holds it, with its ledger.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/os/ledger.h"
#include "common/store/stage.h"
#include "common/store/store.h"

namespace strata::python {

/// What an option of a stage is given: a number, or a number's name.
using OptionValue = std::variant<std::int64_t, std::string>;

/// How to open a store, in Python's words.
struct Opening {
  std::string stage;                             ///< its name
  std::string directory;                         ///< the store's
  std::string mode = "write";                    ///< "read" or "write"
  std::string sync = "never";                    ///< "never" or "always"
  std::map<std::string, OptionValue> options{};  ///< e.g. "segment_bytes"
};

/// A store, its ledger and what it told. Of a store that was closed only the
/// ledger and the notes are left.
///
/// While the engine works, Python's other threads may run: its lock is released
/// before a call waits for its turn. Calls to one store take turns, since not
/// every stage can be used by several threads; merges in the background run
/// beside them. Nothing that an engine calls needs the interpreter, so that no
/// thread of an engine waits for it.
class OpenStore {
 public:
  /// Opens a store.
  /// @param os on which; null is the real one
  /// @throws InvalidInput naming the stages or options that there are; whatever
  ///   the stage throws
  OpenStore(const Opening& opening, std::shared_ptr<Os> os);

  /// Writes out what the store has in memory, and closes it, also where that
  /// fails; a second time does nothing.
  /// @throws what the stage throws
  void close();

  /// @returns whether the store was closed.
  [[nodiscard]] bool closed() const;

  /// @returns the stage.
  [[nodiscard]] const Stage& stage() const { return stage_; }

  /// The methods of `Store`. In a stage that refuses one it throws InvalidInput
  /// and says when it arrives; in a closed store every one does.
  void set(const std::string& key, const std::string& value);
  [[nodiscard]] pybind11::object get(const std::string& key);
  void del(const std::string& key);
  [[nodiscard]] pybind11::list keys();
  [[nodiscard]] pybind11::list scan(const std::string& from,
                                    const pybind11::object& to);
  void flush();
  void compact();

  /// Waits until nothing is left to be merged.
  /// @throws InvalidInput in a stage that cannot tell
  void settle();

  [[nodiscard]] pybind11::dict stats();
  [[nodiscard]] pybind11::list file_stats();
  [[nodiscard]] pybind11::list dump(const std::string& file);
  [[nodiscard]] pybind11::list verify();
  [[nodiscard]] pybind11::list salvage(const std::string& directory);
  [[nodiscard]] std::uint64_t index_probes();

  /// @returns what the store has told, such as of a torn tail.
  [[nodiscard]] std::vector<std::string> notes() const;

  /// @returns the sums of all calls since the open began, its own among them.
  [[nodiscard]] Totals totals() const { return ledger_.totals(); }

  /// From now on keeps each call, as it does while it is opened.
  /// @throws InvalidInput when it does already
  void begin_explain();

  /// Keeps them no longer.
  /// @returns the calls, and how many keydirs were asked
  [[nodiscard]] pybind11::dict end_explain();

 private:
  Store& store();
  void require(std::string_view what) const;
  std::uint64_t probes() const;

  // Takes turns with other calls and lets other threads of Python run.
  template <typename Work>
  auto work(const Work& work) {
    const pybind11::gil_scoped_release release;
    const std::scoped_lock turn(mutex_);
    return work();
  }

  const Stage& stage_;
  std::shared_ptr<Os> os_;
  Ledger ledger_;
  mutable std::mutex notes_mutex_;
  std::vector<std::string> notes_;
  mutable std::mutex mutex_;  // of all below
  bool explaining_ = true;    // the open
  std::uint64_t probes_before_ = 0;
  std::uint64_t last_probes_ = 0;  // when it was closed
  std::unique_ptr<Store> store_;   // last, so that it goes before its Os
};

}  // namespace strata::python
