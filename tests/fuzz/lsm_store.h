/// @file
/// What the fuzzers of stage 09 do with a store that has made-up bytes in it:
/// whatever they are, each command comes to its end, or tells of damage.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/memory_os.h"
#include "common/store/errors.h"
#include "stages/09_lsm_tree/store.h"
#include "tests/fuzz/fuzz.h"

namespace strata::fuzz {

/// Keys with their values, or none where they are deleted.
using Model = std::map<std::string, std::optional<std::string>>;

/// @returns how to open the store `db` on a disk.
inline Options options_for(Os& os, Mode mode = Mode::kRead) {
  Options options;
  options.directory = "db";
  options.mode = mode;
  options.os = &os;
  options.note = [](const std::string&) {};
  options.numbers["--level-runs"] = 1'000'000;  // merged when told to
  return options;
}

/// Does what may come upon damage.
/// @returns whether it came upon none.
template <typename Work>
bool dares(const Work& work) {
  try {
    work();
  } catch (const Damage&) {
    return false;
  }
  return true;
}

/// @returns all live pairs; nothing where a scan comes upon damage.
inline std::optional<Model> scan_of(Store& store) {
  Model model;
  const bool is_whole = dares([&] {
    store.scan("", "", [&](std::string_view key, std::string_view value) {
      expect(model.empty() || model.rbegin()->first < key, "a scan ascends");
      model.emplace(key, value);
    });
  });
  if (!is_whole) return std::nullopt;
  return model;
}

/// Runs all that only reads, and expects that nothing on the disk has changed
/// but for the copy that a salvage makes.
/// @returns what a scan told
inline std::optional<Model> read_store(MemoryOs& disk) {
  const auto before = disk.files();
  std::optional<Model> model;
  dares([&] {
    LsmTree store(options_for(disk));
    std::string value;
    dares([&] { static_cast<void>(store.get("key120", value)); });
    dares([&] { store.scan("b", "key2", [](auto, auto) {}); });
    dares([&] { store.keys([](auto) {}); });
    dares([&] {
      constexpr int kMostMoves = 100;
      const auto each = store.iterator({"", ""}, store.snapshot());
      bool has = each->seek_last();
      for (int i = 0; has && i < kMostMoves; ++i) has = each->prev();
    });
    dares([&] { static_cast<void>(store.stats()); });
    dares([&] { static_cast<void>(store.details()); });
    dares([&] { static_cast<void>(store.file_stats()); });
    store.dump("", [](const DumpRecord&) {});
    store.verify([](const DamagedPlace&) {});
    dares([&] { store.salvage("copy", [](const DamagedPlace&) {}); });
    model = scan_of(store);
  });
  for (const auto& [path, kept] : before) {
    expect(disk.files().at(path) == kept, "who reads changes nothing");
  }
  return model;
}

/// Opens the store for writing, sets a key, and expects that this is all that
/// the next one to read it finds changed.
/// @param before what a scan told
inline void write_store(MemoryOs& disk, std::optional<Model> before) {
  try {
    LsmTree store(options_for(disk, Mode::kWrite));
    store.set("new", "1");
  } catch (const Damage&) {
    return;  // of the manifest
  } catch (const InvalidInput&) {
    return;  // no number is left for another file
  }
  LsmTree store(options_for(disk));
  std::string value;
  expect(store.get("new", value) && value == "1",
         "what was acknowledged is there");
  if (!before) return;
  (*before)["new"] = "1";
  expect(scan_of(store) == before, "and all that was there before");
}

}  // namespace strata::fuzz
