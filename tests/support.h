// What the suites share: opening a store in memory, and saying what is in it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/ledger.h"
#include "common/os/memory_os.h"
#include "stages/registry.h"

namespace strata {

#ifdef STRATA_SANITIZED
inline constexpr bool kSanitized = true;
#else
/// Whether a sanitizer watches.
inline constexpr bool kSanitized = false;
#endif

/// The step of a sweep over every byte, call or state: 1, or `n` where a
/// sanitizer watches. That takes ten times as long, and looks at how something
/// is done, not at what comes of it.
constexpr std::uint64_t thinned(std::uint64_t n) {
  return kSanitized ? n : 1;
}

/// @returns whether the stage has an option of its own of that name.
inline bool has_option(const Stage& stage, std::string_view name) {
  return std::any_of(stage.options.begin(), stage.options.end(),
                     [&](const OptionSpec& spec) { return spec.name == name; });
}

/// @returns whether a file of a store holds records. Those with hints and locks
///   only tell of the others.
inline bool holds_records(const std::string& path) {
  return path.find(".hint") == std::string::npos &&
         path.find(".lock") == std::string::npos &&
         path.find("MANIFEST") == std::string::npos;
}

/// @returns the number that a file's name begins with, such as 17 of
///   `db/17.log`; else 0.
inline std::uint64_t number_of_file(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return std::strtoull(
      path.c_str() + (slash == std::string::npos ? 0 : slash + 1), nullptr, 10);
}

/// A suite that is run over every stage.
class EveryStage : public testing::TestWithParam<const Stage*> {
 protected:
  [[nodiscard]] const Stage& stage() const { return *GetParam(); }

  /// Opens the store `db` in memory. Slots are few, so that they collide.
  [[nodiscard]] std::unique_ptr<Store> open(
      Mode mode, const std::string& directory = "db") {
    Options options;
    options.directory = directory;
    options.mode = mode;
    options.os = &ledger;
    options.note = [this](const std::string& line) { notes.push_back(line); };
    for (const OptionSpec& spec : stage().options) {
      if (spec.name == "--slots") options.numbers["--slots"] = 64;
    }
    for (const auto& [name, number] : numbers) options.numbers[name] = number;
    return stage().open(options);
  }

  [[nodiscard]] std::unique_ptr<Store> writer() { return open(Mode::kWrite); }

  [[nodiscard]] std::unique_ptr<Store> reader() { return open(Mode::kRead); }

  /// The path of the store's newest file with records.
  [[nodiscard]] std::string newest_file() {
    std::string newest;
    for (const auto& [path, bytes] : disk.files()) {
      if (!holds_records(path)) continue;
      if (newest.empty() || number_of_file(path) > number_of_file(newest)) {
        newest = path;
      }
    }
    return newest;
  }

  MemoryOs disk;
  Ledger ledger{disk};
  std::vector<std::string> notes;
  std::map<std::string_view, std::uint64_t, std::less<>> numbers;
};

/// Runs a suite over every stage, each test named by the stage.
#define STRATA_FOR_EVERY_STAGE(suite)                              \
  INSTANTIATE_TEST_SUITE_P(                                        \
      Stages, suite, testing::ValuesIn(strata::all_stages()),      \
      [](const testing::TestParamInfo<const strata::Stage*>& of) { \
        return std::string(of.param->name);                        \
      })

/// What a get answers.
inline std::optional<std::string> answer(Store& store, std::string_view key) {
  std::string value;
  if (!store.get(key, value)) return std::nullopt;
  return value;
}

/// Everything in a store, by way of `scan`.
inline std::map<std::string, std::string> contents(Store& store) {
  std::map<std::string, std::string> pairs;
  store.scan("", "", [&](std::string_view key, std::string_view value) {
    pairs.emplace(key, value);
  });
  return pairs;
}

}  // namespace strata
