// Every bit of a store is flipped, every byte overwritten, every stretch
// zeroed. The answer to each key is right, or Damage; it is never wrong, never
// stale, and never "not found".

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/faults/scenario.h"

namespace strata {
namespace {

using faults::Answer;
using faults::ask;
using faults::expected;
using faults::History;

// A store that is hard to judge when a bit is flipped: records of 32 and 64
// bytes (with a header of 14), so that a flipped length leads to the beginning
// of another record; values that end in zeros, as a torn record would; and one
// that holds the log as it was, stale records and all.
class Flipped : public testing::TestWithParam<faults::Setting> {
 protected:
  Flipped() {
    using std::string_literals::operator""s;
    History all = {{"k1", std::string(16, 'a')},
                   {"k2", std::string(48, 'b')},
                   {"k3", ""},
                   {"k1", "0123456789\0\0\0\0\0\0"s},
                   {"k4", std::string(16, 'd')},
                   {"k2", "nul\0in\0it, and zeros\0\0"s},
                   {"k5", "e"},
                   {"k1", std::string(48, 'f')},
                   {"k3", std::string(16, 'g')},
                   {"k6", std::string(16, '\0')},
                   {"k5", std::string(48, 'h')},
                   {"k4", std::string(16, 'i')}};
    if (GetParam().stage->has("del")) {
      all.insert(all.begin() + 9, {"k1", {}});
      all.push_back({"k2", {}});
    }
    for (const faults::Step& step : all) {
      if (faults::can_hold(*GetParam().stage, step)) history_.push_back(step);
    }
  }

  // All answers of the store with `bytes` in one of its files. Keys whose
  // newest record lies behind the last damaged one must answer as if nothing
  // was.
  void expect_never_wrong(const faults::Written& written,
                          const std::string& file,
                          const std::string& bytes) const {
    const faults::Model right = faults::model_after(history_, history_.size());
    const std::size_t damaged = last_damaged_record(written, file, bytes);
    const bool may_be_torn =
        file == written.file() && looks_torn(written, bytes);
    const faults::Model cut = faults::model_after(
        history_, may_be_torn ? written.whole_records(bytes) : 0);
    for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
      MemoryOs disk(written.with(file, bytes));
      std::vector<std::string> notes;
      const auto store =
          faults::open(GetParam(), disk, mode, Sync::kNever, &notes);
      if (!may_be_torn) {
        EXPECT_TRUE(notes.empty()) << notes[0];
        EXPECT_EQ(disk.files().at(file), bytes);
      }
      for (const std::string& key : faults::keys_of(history_)) {
        const Answer answer = ask(*store, key);
        if (answer == expected(right, key)) continue;
        if (may_be_torn && !notes.empty() && answer == expected(cut, key)) {
          continue;
        }
        EXPECT_EQ(answer, faults::damage()) << "key " << key;
        EXPECT_LE(newest_record_of(key), damaged)
            << "key " << key << " answered " << answer;
      }
      const Answer absent = ask(*store, "k0");
      EXPECT_TRUE(absent == Answer() || absent.kind == Answer::Kind::kDamage)
          << absent;
      if (notes.empty()) expect_verify_finds(*store, true);
    }
  }

  static void expect_verify_finds(Store& store, bool damage) {
    std::size_t places = 0;
    store.verify([&](const DamagedPlace& place) {
      ++places;
      EXPECT_GT(place.size, 0U);
      EXPECT_FALSE(place.why.empty());
    });
    EXPECT_EQ(places > 0, damage);
  }

  [[nodiscard]] std::size_t newest_record_of(const std::string& key) const {
    std::size_t newest = 0;
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if (history_[i].key == key) newest = i;
    }
    return newest;
  }

  static std::size_t last_damaged_record(const faults::Written& written,
                                         const std::string& file,
                                         const std::string& bytes) {
    std::size_t last = 0;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      if (bytes[at] != written.bytes(file)[at]) {
        last = written.record_at(file, at);
      }
    }
    return last;
  }

  // Whether a crash could have left these bytes, in the middle of writing the
  // last record: nobody can tell then. So it is when zeros end the file, and
  // more is wrong than one bit, which the checksum would have found.
  bool looks_torn(const faults::Written& written,
                  const std::string& bytes) const {
    if (written.whole_records(bytes) + 1 < history_.size()) return false;
    if (bytes.back() != '\0') return false;
    int flipped = 0;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      auto difference =
          static_cast<unsigned char>(bytes[at] ^ written.bytes()[at]);
      for (; difference != 0; difference >>= 1) flipped += difference & 1;
    }
    return flipped > 1;
  }

  [[nodiscard]] std::string one_record_log(const std::string& key,
                                           const std::string& bytes) const {
    return faults::write_history(GetParam(), {{key, bytes}}).bytes();
  }

  // Flips each bit, sets each byte to 0x00 and 0xFF, and judges the answers.
  void flip_everything() const {
    const faults::Written written = faults::write_history(GetParam(), history_);
    for_each_byte(written, [&](const std::string& file, std::size_t at) {
      const std::string& good = written.bytes(file);
      for (const std::string& bytes : damaged_at(good, at)) {
        SCOPED_TRACE(
            "is " + std::to_string(static_cast<unsigned char>(bytes[at])) +
            " and was " + std::to_string(static_cast<unsigned char>(good[at])));
        expect_never_wrong(written, file, bytes);
      }
    });
  }

  // Calls `work` for each byte of each file with records, until it fails.
  template <typename Work>
  static void for_each_byte(const faults::Written& written, const Work& work) {
    for (const std::string& file : written.files()) {
      for (std::size_t at = 0; at < written.bytes(file).size();
           at += thinned(3)) {
        SCOPED_TRACE("byte " + std::to_string(at) + " of " + file);
        work(file, at);
        if (HasFailure()) return;
      }
    }
  }

  // The eight flips of a byte, and 0x00 and 0xFF where that is a change; one
  // of them, where they are to be thinned out.
  static std::vector<std::string> damaged_at(const std::string& bytes,
                                             std::size_t at) {
    std::set<char> values = {'\0', '\xff'};
    for (int bit = 0; bit < 8; ++bit) {
      values.insert(static_cast<char>(bytes[at] ^ (1 << bit)));
    }
    values.erase(bytes[at]);
    std::vector<std::string> all;
    for (const char byte : values) {
      all.push_back(bytes);
      all.back()[at] = byte;
    }
    if (kSanitized) return {all[at % all.size()]};
    return all;
  }

  History history_;
};

class FlippedWithChecksum : public Flipped {};

TEST_P(FlippedWithChecksum, AHealthyStoreHasNoDamage) {
  const faults::Written written = faults::write_history(GetParam(), history_);
  MemoryOs disk(written.image);
  expect_verify_finds(*faults::open(GetParam(), disk, Mode::kRead), false);
}

TEST_P(FlippedWithChecksum, ABitOrByteGivesTheRightAnswerOrDamage) {
  flip_everything();
}

TEST_P(FlippedWithChecksum, WithACopyOfTheLogInAValue) {
  const faults::Written stale = faults::write_history(
      GetParam(), {{"k1", "stale"}, {"k4", "stale"}, {"k1", "very stale"}});
  history_.insert(history_.begin() + 3, {"copy", stale.bytes()});
  flip_everything();
}

TEST_P(FlippedWithChecksum, WithACopyOfTheLogInTheLastValue) {
  const faults::Written stale = faults::write_history(
      GetParam(), {{"k1", "stale"}, {"k4", "stale"}, {"k1", "very stale"}});
  history_.push_back({"copy", stale.bytes()});
  flip_everything();
}

// The length of the value is one bit: without it, the copy's records seem to
// stand right behind a record with an empty value.
TEST_P(FlippedWithChecksum, WithACopyOfTheLogWhoseLengthIsOneBit) {
  for (const std::size_t at : {std::size_t{9}, history_.size()}) {
    const History before = history_;
    const std::size_t empty = one_record_log("k1", "").size();
    ASSERT_LE(empty, 64U);
    const std::string stale =
        one_record_log("k1", std::string(64 - empty, 's'));
    ASSERT_EQ(stale.size(), 64U);
    history_.insert(history_.begin() + static_cast<std::ptrdiff_t>(at),
                    {"copy", stale});
    flip_everything();
    history_ = before;
  }
}

TEST_P(FlippedWithChecksum, WithALastValueThatEndsInZeros) {
  using std::string_literals::operator""s;
  history_.push_back({"k1", "ends in zeros\0\0\0\0\0\0\0\0"s});
  flip_everything();
}

TEST_P(FlippedWithChecksum, WithAnEmptyLastValue) {
  history_.push_back({"k2", ""});
  flip_everything();
}

TEST_P(FlippedWithChecksum, AZeroedStretchGivesTheRightAnswerOrDamage) {
  constexpr std::size_t kStretch = 64;
  const faults::Written written = faults::write_history(GetParam(), history_);
  for_each_byte(written, [&](const std::string& file, std::size_t at) {
    std::string bytes = written.bytes(file);
    if (at + kStretch >= bytes.size()) return;
    bytes.replace(at, kStretch, kStretch, '\0');
    if (bytes != written.bytes(file)) expect_never_wrong(written, file, bytes);
  });
}

TEST_P(FlippedWithChecksum, AFlippedBitIsNotWrittenOver) {
  const faults::Written written = faults::write_history(GetParam(), history_);
  const faults::Model right = faults::model_after(history_, history_.size());
  for_each_byte(written, [&](const std::string& file, std::size_t at) {
    std::string bytes = written.bytes(file);
    bytes[at] ^= 4;
    MemoryOs disk(written.with(file, bytes));
    {
      const auto store = faults::open(GetParam(), disk, Mode::kWrite);
      store->set("new", "1");
      EXPECT_EQ(ask(*store, "new"), faults::value("1"));
    }
    EXPECT_EQ(disk.files().at(file).substr(0, bytes.size()), bytes);
    const auto store = faults::open(GetParam(), disk, Mode::kRead);
    EXPECT_EQ(ask(*store, "new"), faults::value("1"));
    for (const std::string& key : faults::keys_of(history_)) {
      const Answer answer = ask(*store, key);
      EXPECT_TRUE(answer == expected(right, key) ||
                  answer.kind == Answer::Kind::kDamage)
          << "key " << key << " answered " << answer;
    }
  });
}

TEST_P(FlippedWithChecksum, ABitThatFlipsWhileTheStoreIsOpenIsSeenByTheGet) {
  const faults::Written written = faults::write_history(GetParam(), history_);
  MemoryOs disk(written.image);
  const auto store = faults::open(GetParam(), disk, Mode::kRead);
  const faults::Model right = faults::model_after(history_, history_.size());
  for_each_byte(written, [&](const std::string& file, std::size_t at) {
    for (const std::string& bytes : damaged_at(written.bytes(file), at)) {
      disk.put(file, bytes);
      for (const std::string& key : faults::keys_of(history_)) {
        const std::size_t newest = newest_record_of(key);
        const bool is_read = !GetParam().stage->sorts;  // or it is in memory
        const bool hit = is_read && newest == written.record_at(file, at) &&
                         history_[newest].value.has_value();
        EXPECT_EQ(ask(*store, key),
                  hit ? faults::damage() : expected(right, key));
      }
    }
    disk.put(file, written.bytes(file));
  });
}

TEST_P(FlippedWithChecksum, SalvageCopiesAllButTheDamagedRecord) {
  const faults::Written written = faults::write_history(GetParam(), history_);
  for_each_byte(written, [&](const std::string& file, std::size_t at) {
    std::string bytes = written.bytes(file);
    bytes[at] ^= 0x10;
    MemoryOs disk(written.with(file, bytes));
    std::size_t lost = 0;
    faults::open(GetParam(), disk, Mode::kRead)
        ->salvage("copy", [&](const DamagedPlace&) { ++lost; });
    EXPECT_GT(lost, 0U);
    EXPECT_EQ(disk.files().at(file), bytes);
    Options options = faults::options_for(GetParam(), disk, Mode::kRead);
    options.directory = "copy";
    History rest = history_;
    rest.erase(rest.begin() +
               static_cast<std::ptrdiff_t>(written.record_at(file, at)));
    faults::expect_model(*GetParam().stage->open(options), history_,
                         faults::model_after(rest, rest.size()));
  });
}

TEST_P(FlippedWithChecksum, ACompactionThatMeetsDamageLosesNothing) {
  if (!GetParam().stage->has("compact")) {
    GTEST_SKIP() << "does not compact";
  }
  const faults::Written written = faults::write_history(GetParam(), history_);
  const faults::Model right = faults::model_after(history_, history_.size());
  for_each_byte(written, [&](const std::string& file, std::size_t at) {
    std::string bytes = written.bytes(file);
    bytes[at] ^= 0x40;
    MemoryOs disk(written.with(file, bytes));
    const auto store = faults::open(GetParam(), disk, Mode::kWrite);
    EXPECT_THROW(store->compact(), Damage);
    EXPECT_EQ(disk.files().at(file).substr(0, bytes.size()), bytes);
    disk.put(file,
             written.bytes(file) + disk.files().at(file).substr(bytes.size()));
    faults::expect_model(*faults::open(GetParam(), disk, Mode::kRead), history_,
                         right);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Stages, FlippedWithChecksum,
    testing::ValuesIn(faults::settings_with_logs(/*with_text=*/false)),
    faults::name_of_setting);

// Without a checksum a changed value is not seen. But all ends in an answer or
// in Damage, whatever the file holds.
class FlippedText : public Flipped {};

TEST_P(FlippedText, ABitOrByteNeverEndsInAnythingButAnAnswerOrDamage) {
  const faults::Written written = faults::write_history(GetParam(), history_);
  const faults::Model right = faults::model_after(history_, history_.size());
  for_each_byte(written, [&](const std::string& file, std::size_t at) {
    for (const std::string& bytes : damaged_at(written.bytes(file), at)) {
      MemoryOs disk(written.with(file, bytes));
      const auto store = faults::open(GetParam(), disk, Mode::kWrite);
      const std::size_t damaged = written.record_at(file, at);
      for (const std::string& key : faults::keys_of(history_)) {
        const Answer answer = ask(*store, key);
        EXPECT_NE(answer.kind, Answer::Kind::kIoError);
        if (newest_record_of(key) > damaged + 1) {
          EXPECT_EQ(answer, expected(right, key));
        }
      }
      try {
        store->scan("", "", [](std::string_view, std::string_view) {});
      } catch (const Damage&) {
      }
      store->dump("", [](const DumpRecord&) {});
      static_cast<void>(store->stats());
      store->set("new", "1");
      EXPECT_EQ(ask(*store, "new"), faults::value("1"));
    }
  });
}

std::vector<faults::Setting> settings_without_checksums() {
  std::vector<faults::Setting> settings = faults::all_settings();
  settings.erase(std::remove_if(settings.begin(), settings.end(),
                                [](const faults::Setting& setting) {
                                  return setting.stage->checksums;
                                }),
                 settings.end());
  return settings;
}

INSTANTIATE_TEST_SUITE_P(Stages, FlippedText,
                         testing::ValuesIn(settings_without_checksums()),
                         faults::name_of_setting);

// What a store can do without: hints, which tell what is in the other files.
class FlippedHints : public Flipped {
 protected:
  // All hint files of the store, once it is closed.
  static std::vector<std::string> hints_of(const Image& image) {
    std::vector<std::string> paths;
    for (const auto& [path, bytes] : image.files) {
      if (path.find(".hint") != std::string::npos) paths.push_back(path);
    }
    return paths;
  }

  [[nodiscard]] Image closed_store() const {
    MemoryOs disk;
    {
      const auto store = faults::open(GetParam(), disk, Mode::kWrite);
      for (const faults::Step& step : history_) faults::apply(*store, step);
    }
    return disk.image();
  }

  void expect_right_with(const Image& image) const {
    MemoryOs disk(image);
    std::vector<std::string> notes;
    const auto store =
        faults::open(GetParam(), disk, Mode::kRead, Sync::kNever, &notes);
    faults::expect_model(*store, history_,
                         faults::model_after(history_, history_.size()));
    EXPECT_TRUE(notes.empty()) << notes[0];
  }
};

TEST_P(FlippedHints, ABitOrByteChangesNoAnswer) {
  const Image good = closed_store();
  ASSERT_FALSE(hints_of(good).empty());
  for (const std::string& path : hints_of(good)) {
    for (std::size_t at = 0; at < good.files.at(path).size(); ++at) {
      for (const std::string& bytes : damaged_at(good.files.at(path), at)) {
        SCOPED_TRACE("byte " + std::to_string(at) + " of " + path);
        Image image = good;
        image.files[path] = bytes;
        expect_right_with(image);
        if (HasFailure()) return;
      }
    }
  }
}

TEST_P(FlippedHints, ACutOneAndNoneChangesNoAnswer) {
  const Image good = closed_store();
  for (const std::string& path : hints_of(good)) {
    Image without = good;
    without.files.erase(path);
    expect_right_with(without);
    for (std::size_t cut = 0; cut < good.files.at(path).size(); ++cut) {
      SCOPED_TRACE(path + " cut at byte " + std::to_string(cut));
      Image image = good;
      image.files[path].resize(cut);
      expect_right_with(image);
      if (HasFailure()) return;
    }
  }
}

std::vector<faults::Setting> settings_with_hints() {
  std::vector<faults::Setting> settings;
  for (const faults::Setting& setting : faults::settings_with_checksums()) {
    MemoryOs disk;
    faults::open(setting, disk, Mode::kWrite)->set("a", "1");
    for (const auto& [path, bytes] : disk.files()) {
      if (path.find(".hint") == std::string::npos) continue;
      settings.push_back(setting);
    }
  }
  return settings;
}

INSTANTIATE_TEST_SUITE_P(Stages, FlippedHints,
                         testing::ValuesIn(settings_with_hints()),
                         faults::name_of_setting);

}  // namespace
}  // namespace strata
