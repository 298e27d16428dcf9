// The newest file is cut at every byte, and followed by what a crash may leave
// there. The store opens with the whole records, says so, and goes on.

#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <vector>

#include "tests/faults/scenario.h"

namespace strata {
namespace {

using faults::ask;
using faults::Model;

class TornTail : public testing::TestWithParam<faults::Setting> {
 protected:
  // Opens the store with `bytes` as its newest file. The first `records` sets
  // must be found; whether something was passed over must be said.
  void expect_prefix(const std::string& bytes, std::size_t records) const {
    MemoryOs disk(written_.with(bytes));
    const Model model = faults::model_after(history_, records);
    const bool torn = bytes.size() > written_.end_after(records);
    expect_reader_changes_nothing(disk, model, torn);
    expect_writer_goes_on(disk, model, torn);
  }

  // Whether a single bit of the file's last record is other than it was: then
  // it may as well have been acknowledged, and that bit have flipped.
  [[nodiscard]] bool looks_flipped(const std::string& bytes) const {
    const std::size_t record = written_.whole_records(bytes);
    if (record == history_.size()) return false;
    const auto& place = written_.records[record];
    if (bytes.size() < place.end) return false;
    int flipped = 0;
    for (std::size_t at = place.begin; at < place.end; ++at) {
      flipped += std::popcount(
          static_cast<unsigned char>(bytes[at] ^ written_.bytes()[at]));
    }
    return flipped == 1;
  }

  // Cuts the file at each byte, puts `tail` behind, and expects the prefix.
  void expect_prefix_at_every_cut(const std::string& tail) const {
    for (std::size_t cut = 0; cut <= written_.bytes().size();
         cut += thinned(5)) {
      SCOPED_TRACE("cut at byte " + std::to_string(cut));
      const std::string bytes = written_.bytes().substr(0, cut) + tail;
      if (looks_flipped(bytes)) continue;
      expect_prefix(bytes, written_.whole_records(bytes));
      if (HasFailure()) return;
    }
  }

  const faults::History history_ = faults::history(*GetParam().stage, 20);
  const faults::Written written_ = faults::write_history(GetParam(), history_);

 private:
  void expect_reader_changes_nothing(MemoryOs& disk, const Model& model,
                                     bool torn) const {
    const Image before = disk.image();
    std::vector<std::string> notes;
    const auto reader =
        faults::open(GetParam(), disk, Mode::kRead, Sync::kNever, &notes);
    faults::expect_model(*reader, history_, model);
    EXPECT_EQ(notes.size(), torn ? 1U : 0U) << testing::PrintToString(notes);
    EXPECT_EQ(disk.image(), before);
  }

  void expect_writer_goes_on(MemoryOs& disk, Model model, bool torn) const {
    std::vector<std::string> notes;
    {
      const auto writer =
          faults::open(GetParam(), disk, Mode::kWrite, Sync::kNever, &notes);
      EXPECT_EQ(notes.size(), torn ? 1U : 0U) << testing::PrintToString(notes);
      faults::expect_model(*writer, history_, model);
      model["city"] = "clean";
      writer->set("city", "clean");
      faults::expect_model(*writer, history_, model);
    }
    notes.clear();
    const auto again =
        faults::open(GetParam(), disk, Mode::kWrite, Sync::kNever, &notes);
    faults::expect_model(*again, history_, model);
    EXPECT_TRUE(notes.empty()) << testing::PrintToString(notes);
  }
};

TEST_P(TornTail, ReopenAtEveryTruncationKeepsAPrefixOfRecords) {
  expect_prefix_at_every_cut("");
}

TEST_P(TornTail, ZerosBehindEveryTruncationAreNoRecords) {
  for (const std::size_t zeros : {1U, 7U, 512U, 4096U}) {
    SCOPED_TRACE(std::to_string(zeros) + " zeros");
    expect_prefix_at_every_cut(std::string(zeros, '\0'));
  }
}

TEST_P(TornTail, TheNoteNamesTheFileAndWhereItsEndIsTorn) {
  const std::size_t whole = written_.end_after(history_.size() - 1);
  MemoryOs disk(written_.with(written_.bytes().substr(0, whole + 3)));
  std::vector<std::string> notes;
  static_cast<void>(
      faults::open(GetParam(), disk, Mode::kWrite, Sync::kNever, &notes));
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find(written_.file()), std::string::npos) << notes[0];
  EXPECT_NE(notes[0].find(std::to_string(whole)), std::string::npos)
      << notes[0];
  EXPECT_EQ(notes[0].find('\n'), std::string::npos) << notes[0];
}

TEST_P(TornTail, ATornTailStaysWhenTheDiskCannotBeWritten) {
  const std::size_t size = written_.bytes().size();
  MemoryOs disk(written_.with(written_.bytes().substr(0, size - 1)));
  const auto reader = faults::open(GetParam(), disk, Mode::kRead);
  EXPECT_THROW(reader->set("city", "x"), InvalidInput);
  EXPECT_EQ(disk.files().at(written_.file()).size(), size - 1);
}

INSTANTIATE_TEST_SUITE_P(Stages, TornTail,
                         testing::ValuesIn(faults::settings_with_logs()),
                         faults::name_of_setting);

// Noise can only be told from records by a checksum.
class NoiseTail : public TornTail {
 protected:
  static std::string noise(std::size_t size, std::uint64_t seed) {
    MemoryOs os;
    os.set_seed(seed);
    std::string bytes;
    while (bytes.size() < size) bytes += static_cast<char>(os.random() | 1);
    return bytes;
  }
};

TEST_P(NoiseTail, BehindEveryRecordIsNoRecord) {
  for (const std::size_t size : {1U, 7U, 512U, 4096U}) {
    for (std::size_t records = written_.before_newest();
         records <= history_.size(); ++records) {
      SCOPED_TRACE(std::to_string(size) + " bytes behind record " +
                   std::to_string(records));
      expect_prefix(written_.bytes().substr(0, written_.end_after(records)) +
                        noise(size, 100 * size + records),
                    records);
      if (HasFailure()) return;
    }
  }
}

// In full length and with noise for its last bytes, a record looks like one
// that was acknowledged and then damaged: either is an answer, a wrong value
// and a stale one are not.
TEST_P(NoiseTail, BehindEveryTruncationIsNeverAValue) {
  for (const std::size_t size : {1U, 7U, 512U}) {
    for (std::size_t cut = 0; cut <= written_.bytes().size();
         cut += thinned(5)) {
      SCOPED_TRACE("cut at byte " + std::to_string(cut));
      const std::string bytes =
          written_.bytes().substr(0, cut) + noise(size, 100 * size + cut);
      MemoryOs disk(written_.with(bytes));
      const auto reader = faults::open(GetParam(), disk, Mode::kRead);
      const Model model =
          faults::model_after(history_, written_.whole_records(bytes));
      for (const std::string& key : faults::keys_of(history_)) {
        const faults::Answer answer = ask(*reader, key);
        if (answer.kind == faults::Answer::Kind::kDamage) continue;
        EXPECT_EQ(answer, faults::expected(model, key));
      }
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Stages, NoiseTail,
    testing::ValuesIn(faults::settings_with_logs(/*with_text=*/false)),
    faults::name_of_setting);

}  // namespace
}  // namespace strata
