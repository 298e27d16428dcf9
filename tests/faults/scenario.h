// What the fault suites share: a history that any stage can hold, what a store
// answers, and what it may answer.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/os/memory_os.h"
#include "common/store/errors.h"
#include "common/store/stage.h"
#include "common/store/store.h"
#include "stages/registry.h"

namespace strata::faults {

using Pair = std::pair<std::string, std::string>;
using History = std::vector<Pair>;
using Model = std::map<std::string, std::string>;

inline constexpr const char* kDirectory = "db";

// What comes of a `get`. Two of a kind are equal, values byte by byte.
struct Answer {
  enum class Kind : std::uint8_t { kValue, kNone, kDamage, kIoError };
  Kind kind = Kind::kNone;
  std::string value{};  // or the message of the error

  bool operator==(const Answer& other) const {
    return kind == other.kind && (kind != Kind::kValue || value == other.value);
  }

  friend std::ostream& operator<<(std::ostream& out, const Answer& answer) {
    static constexpr const char* kNames[] = {"value ", "no such key ",
                                             "Damage ", "IoError "};
    return out << kNames[static_cast<std::size_t>(answer.kind)]
               << testing::PrintToString(answer.value);
  }
};

inline Answer ask(Store& store, std::string_view key) {
  Answer answer;
  try {
    if (store.get(key, answer.value)) {
      answer.kind = Answer::Kind::kValue;
    } else {
      answer.value.clear();
    }
  } catch (const Damage& damage) {
    answer = {Answer::Kind::kDamage, damage.what()};
  } catch (const IoError& error) {
    answer = {Answer::Kind::kIoError, error.what()};
  }
  return answer;
}

inline Answer value(const std::string& bytes) {
  return {Answer::Kind::kValue, bytes};
}

inline Answer damage() {
  return {Answer::Kind::kDamage, "(any)"};
}

// What a right store answers for `key`.
inline Answer expected(const Model& model, const std::string& key) {
  const auto found = model.find(key);
  return found == model.end() ? Answer() : value(found->second);
}

// The stage's own options are made small, so that little stores have many
// blocks, full buffers and collisions. Nothing is merged in the background:
// a run is to make the same calls every time.
inline Options options_for(const Stage& stage, Os& os, Mode mode,
                           Sync sync = Sync::kNever,
                           std::vector<std::string>* notes = nullptr) {
  constexpr std::uint64_t kSmall = 64;
  Options options;
  options.directory = kDirectory;
  options.mode = mode;
  options.sync = sync;
  options.os = &os;
  for (const OptionSpec& spec : stage.options) {
    const bool is_share = spec.name == "--dead-percent";
    options.numbers[spec.name] =
        is_share ? spec.max : std::clamp(kSmall, spec.min, spec.max);
  }
  if (notes != nullptr) {
    options.note = [notes](const std::string& line) { notes->push_back(line); };
  }
  return options;
}

inline std::unique_ptr<Store> open(const Stage& stage, Os& os, Mode mode,
                                   Sync sync = Sync::kNever,
                                   std::vector<std::string>* notes = nullptr) {
  return stage.open(options_for(stage, os, mode, sync, notes));
}

inline bool can_hold(const Stage& stage, const Pair& pair) {
  try {
    stage.limits.check(pair.first, pair.second);
    return true;
  } catch (const InvalidInput&) {
    return false;
  }
}

// `count` sets over a few keys, so that most are overwritten: values empty,
// with NULs, commas and newlines, ending in zeros, and longer than a block.
// No record ends in a byte with a single bit set: with that byte lost, a torn
// record and one with a flipped bit are the same bytes.
inline History history(const Stage& stage, std::size_t count) {
  using std::string_literals::operator""s;
  const std::vector<std::string> keys = {
      "apple",          "b",         "a key of some forty bytes, or even more",
      "k\xff\x00\x81"s, "apple\x03", "city"};
  const std::vector<std::string> endings = {" green",
                                            " line\nbreak,\tcomma"s,
                                            " nul\0 in it"s,
                                            std::string(150, 'x'),
                                            " zeros\0\0\0"s,
                                            " apple,red",
                                            "\xc3\x28 not UTF-8"};
  History all;
  for (std::size_t i = 0; all.size() < count; ++i) {
    Pair pair = {keys[i * i % keys.size()],
                 std::to_string(i) + endings[i % endings.size()]};
    if (i % 9 == 4) pair.second.clear();
    if (can_hold(stage, pair)) all.push_back(std::move(pair));
  }
  return all;
}

// What is in a store after the first `count` sets.
inline Model model_after(const History& history, std::size_t count) {
  Model model;
  for (std::size_t i = 0; i < count; ++i) {
    model[history[i].first] = history[i].second;
  }
  return model;
}

inline std::set<std::string> keys_of(const History& history) {
  std::set<std::string> keys;
  for (const auto& [key, value] : history) keys.insert(key);
  return keys;
}

// The store answers as `model`, for all keys that the history knows.
inline void expect_model(Store& store, const History& history,
                         const Model& model) {
  for (const std::string& key : keys_of(history)) {
    EXPECT_EQ(ask(store, key), expected(model, key))
        << "key " << testing::PrintToString(key);
  }
  std::set<std::string> listed;
  store.keys([&](std::string_view key) { listed.emplace(key); });
  std::set<std::string> live;
  for (const auto& [key, value] : model) live.insert(key);
  EXPECT_EQ(listed, live);
}

// A store whose records' places are known: written to a disk in memory.
struct Written {
  Image image;
  std::string file;               // the newest file's path
  std::vector<std::size_t> ends;  // after each set, that file's length

  [[nodiscard]] const std::string& bytes() const {
    return image.files.at(file);
  }

  // The record that holds the byte at `offset`, counting from 0.
  [[nodiscard]] std::size_t record_at(std::size_t offset) const {
    return static_cast<std::size_t>(
        std::upper_bound(ends.begin(), ends.end(), offset) - ends.begin());
  }

  // The same disk with other bytes in that file.
  [[nodiscard]] Image with(std::string bytes) const {
    Image changed = image;
    changed.files[file] = std::move(bytes);
    return changed;
  }

  // How many of the records stand whole at the beginning of `changed`.
  [[nodiscard]] std::size_t whole_records(std::string_view changed) const {
    std::size_t count = 0;
    while (count < ends.size() &&
           changed.substr(0, ends[count]) ==
               std::string_view(bytes()).substr(0, ends[count])) {
      ++count;
    }
    return count;
  }
};

// The file that differs between two images, or is in the second alone.
inline std::string changed_file(const Image& before, const Image& after) {
  for (const auto& [path, bytes] : after.files) {
    const auto old = before.files.find(path);
    if (old == before.files.end() || old->second != bytes) return path;
  }
  return "";
}

inline Written write_history(const Stage& stage, const History& history) {
  MemoryOs disk;
  Written written;
  const auto store = open(stage, disk, Mode::kWrite);
  for (const auto& [key, bytes] : history) {
    const Image before = disk.image();
    store->set(key, bytes);
    written.image = disk.image();
    written.file = changed_file(before, written.image);
    written.ends.push_back(written.bytes().size());
  }
  return written;
}

// An empty directory of the real file system, removed with all that is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(testing::TempDir() + "strata_XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }

  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string path(const std::string& name) const {
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

inline std::string name_of_stage(
    const testing::TestParamInfo<const Stage*>& info) {
  return std::string(info.param->name);
}

inline std::vector<const Stage*> stages_with_checksums() {
  std::vector<const Stage*> stages;
  for (const Stage* stage : all_stages()) {
    if (stage->checksums) stages.push_back(stage);
  }
  return stages;
}

}  // namespace strata::faults
