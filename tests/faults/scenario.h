// What the fault suites share: a history that any stage can hold, what a store
// answers, and what it may answer.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>

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
#include "stages/09_lsm_tree/store.h"
#include "stages/registry.h"
#include "tests/support.h"

namespace strata::faults {

// A set; a delete, where there is no value; or a compaction of the store, where
// there is no key either.
struct Step {
  std::string key{};
  std::optional<std::string> value{};

  [[nodiscard]] bool is_compaction() const { return key.empty(); }
};

using History = std::vector<Step>;
using Model = std::map<std::string, std::string>;

inline constexpr std::uint64_t kOneFile = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kManyFiles = 160;

// What a suite runs over: a stage, and how much goes into one of its files
// where it cuts its log, in bytes.
struct Setting {
  const Stage* stage = nullptr;
  std::uint64_t segment_bytes = kOneFile;
};

// Each stage with a log in one file, and where it can be cut in many; and each
// without. Where a log becomes sorted files it is one: when, is up to a thread.
inline std::vector<Setting> all_settings(bool with_text = true) {
  std::vector<Setting> settings;
  for (const Stage* stage : all_stages()) {
    if (!stage->checksums && !with_text) continue;
    settings.push_back({stage});
    if (stage->logs && !stage->sorts && has_option(*stage, "--segment-bytes"))
      settings.push_back({stage, kManyFiles});
  }
  return settings;
}

inline std::vector<Setting> settings_with_checksums() {
  return all_settings(false);
}

// Those with a log, whose end a crash may tear.
inline std::vector<Setting> settings_with_logs(bool with_text = true) {
  std::vector<Setting> settings;
  for (const Setting& setting : all_settings(with_text)) {
    if (setting.stage->logs) settings.push_back(setting);
  }
  return settings;
}

// The sync by which an acknowledged write is in a file at once.
inline Sync sync_into_files(const Stage& stage) {
  return stage.logs ? Sync::kNever : Sync::kAlways;
}

// Has all that was written stand in sorted files, in a stage that has these.
inline void write_memtable(Store& store) {
  if (auto* const tree = dynamic_cast<LsmTree*>(&store)) {
    tree->write_memtable();
  } else {
    store.flush();
  }
}

inline std::string name_of_setting(
    const testing::TestParamInfo<Setting>& info) {
  const auto& [stage, segment_bytes] = info.param;
  return std::string(stage->name) +
         (segment_bytes == kOneFile ? "" : "_in_many_files");
}

// Told instead of a parameter's bytes.
inline void PrintTo(const Setting& setting, std::ostream* out) {
  *out << setting.stage->name
       << (setting.segment_bytes == kOneFile ? "" : " in many files");
}

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

// Sizes are made small, so that little stores have many blocks, full buffers
// and collisions; but for that of files, which the setting says. Nothing is
// merged in the background: a run is to make the same calls every time.
inline Options options_for(const Setting& setting, Os& os, Mode mode,
                           Sync sync = Sync::kNever,
                           std::vector<std::string>* notes = nullptr) {
  constexpr std::uint64_t kSmall = 64;
  Options options;
  options.directory = kDirectory;
  options.mode = mode;
  options.sync = sync;
  options.os = &os;
  for (const OptionSpec& spec : setting.stage->options) {
    if (spec.name == "--slots" || spec.name == "--block-bytes") {
      options.numbers[spec.name] = std::clamp(kSmall, spec.min, spec.max);
    } else if (spec.name == "--segment-bytes") {
      options.numbers[spec.name] = setting.segment_bytes;
    } else if (spec.name == "--dead-percent" || spec.name == "--merge-tables" ||
               spec.name == "--level-runs") {
      options.numbers[spec.name] = spec.max;
    } else if (spec.name == "--merge-window-start" ||
               spec.name == "--merge-window-end") {
      options.numbers[spec.name] = 0;
    }
  }
  if (notes != nullptr) {
    options.note = [notes](const std::string& line) { notes->push_back(line); };
  }
  return options;
}

inline std::unique_ptr<Store> open(const Setting& setting, Os& os, Mode mode,
                                   Sync sync = Sync::kNever,
                                   std::vector<std::string>* notes = nullptr) {
  return setting.stage->open(options_for(setting, os, mode, sync, notes));
}

inline void apply(Store& store, const Step& step) {
  if (step.is_compaction()) {
    store.compact();
  } else if (step.value) {
    store.set(step.key, *step.value);
  } else {
    store.del(step.key);
  }
}

inline bool can_hold(const Stage& stage, const Step& step) {
  try {
    stage.limits.check(step.key, step.value.value_or(""));
  } catch (const InvalidInput&) {
    return false;
  }
  return step.value || stage.has("del");
}

// What is in a store after the first `count` steps.
inline Model model_after(const History& history, std::size_t count) {
  Model model;
  for (std::size_t i = 0; i < count; ++i) {
    if (history[i].is_compaction()) continue;
    if (history[i].value) {
      model[history[i].key] = *history[i].value;
    } else {
      model.erase(history[i].key);
    }
  }
  return model;
}

// `count` steps over a few keys, so that most are overwritten, and some deleted
// where the stage can: values empty, with NULs, commas and newlines, ending in
// zeros, and longer than a block. Each step writes a record.
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
  Model model;
  for (std::size_t i = 0; all.size() < count; ++i) {
    Step step = {keys[i * i % keys.size()],
                 std::to_string(i) + endings[i % endings.size()]};
    if (i % 9 == 4) step.value = "";
    if (i % 5 == 3 && model.count(step.key) == 1) step.value.reset();
    if (!can_hold(stage, step)) continue;
    all.push_back(std::move(step));
    model = model_after(all, all.size());
  }
  return all;
}

// The history with a compaction after every so many of its steps, for stages
// that compact; for the others as it is.
inline History with_compactions(const Stage& stage, const History& history,
                                std::size_t every) {
  if (!stage.has("compact")) return history;
  History all;
  for (std::size_t i = 0; i < history.size(); ++i) {
    all.push_back(history[i]);
    if (i % every == every - 1) all.emplace_back();
  }
  return all;
}

inline std::set<std::string> keys_of(const History& history) {
  std::set<std::string> keys;
  for (const Step& step : history) {
    if (!step.is_compaction()) keys.insert(step.key);
  }
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
  // The bytes [begin, end) of a file.
  struct Place {
    std::string file;
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  Image image;
  std::vector<Place> records;  // of each step

  // The newest file's path.
  [[nodiscard]] const std::string& file() const { return records.back().file; }

  // The newest file's bytes.
  [[nodiscard]] const std::string& bytes() const { return bytes(file()); }

  [[nodiscard]] const std::string& bytes(const std::string& path) const {
    return image.files.at(path);
  }

  // Every file with records, oldest first.
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> paths;
    for (const Place& place : records) {
      if (paths.empty() || paths.back() != place.file) {
        paths.push_back(place.file);
      }
    }
    return paths;
  }

  // The record that holds the byte at `offset` of a file, counting from 0.
  [[nodiscard]] std::size_t record_at(const std::string& path,
                                      std::size_t offset) const {
    const auto found =
        std::find_if(records.begin(), records.end(), [&](const Place& place) {
          return place.file == path && offset < place.end;
        });
    return static_cast<std::size_t>(found - records.begin());
  }

  // The same disk with other bytes in a file; unless told, in the newest.
  [[nodiscard]] Image with(const std::string& path, std::string bytes) const {
    Image changed = image;
    changed.files[path] = std::move(bytes);
    return changed;
  }

  [[nodiscard]] Image with(std::string bytes) const {
    return with(file(), std::move(bytes));
  }

  // How many records stand in the files before the newest.
  [[nodiscard]] std::size_t before_newest() const {
    return record_at(file(), 0);
  }

  // Where the newest file ends once `count` records are written.
  [[nodiscard]] std::size_t end_after(std::size_t count) const {
    return count <= before_newest() ? 0 : records[count - 1].end;
  }

  // How many records stand whole when the newest file begins like `changed`.
  [[nodiscard]] std::size_t whole_records(std::string_view changed) const {
    std::size_t count = before_newest();
    while (count < records.size() &&
           changed.substr(0, records[count].end) ==
               std::string_view(bytes()).substr(0, records[count].end)) {
      ++count;
    }
    return count;
  }
};

// The file of records that differs between two images, or is in the second
// alone.
inline std::string changed_file(const Image& before, const Image& after) {
  for (const auto& [path, bytes] : after.files) {
    if (!holds_records(path)) continue;
    const auto old = before.files.find(path);
    const std::size_t size = old == before.files.end() ? 0 : old->second.size();
    if (size != bytes.size()) return path;
  }
  return "";
}

// The store as it lies there while its writer is at work.
inline Written write_history(const Setting& setting, const History& history) {
  MemoryOs disk;
  Written written;
  const auto store =
      open(setting, disk, Mode::kWrite, sync_into_files(*setting.stage));
  for (const Step& step : history) {
    const Image before = disk.image();
    apply(*store, step);
    written.image = disk.image();
    const std::string path = changed_file(before, written.image);
    const auto old = before.files.find(path);
    written.records.push_back(
        {path, old == before.files.end() ? 0 : old->second.size(),
         written.bytes(path).size()});
  }
  return written;
}

// The most memory that this process has held so far, in bytes.
inline std::uint64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
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

}  // namespace strata::faults
