// A hash index as one writes it first: a slot is trusted to be the key's own.
// This test fails, and its failure is what chapter 3 is about: the index says
// that Oslo is played alone.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/record/text_record.h"

namespace strata {
namespace {

class NaiveHashIndex {
 public:
  void set(std::string_view key, std::string_view value) {
    slots_.at(slot_of(key)) = log_.size();
    encode_text_record(key, value, log_);
  }

  std::optional<std::string> get(std::string_view key) const {
    const auto offset = slots_.at(slot_of(key));
    if (!offset) return std::nullopt;
    const auto line = std::string_view(log_).substr(*offset);
    TextRecord record;
    if (decode_text_record(line, record) != Decoded::kRecord) {
      return std::nullopt;
    }
    // Missing here: does the line hold `key`, or another that shares its slot?
    return std::string(line.substr(record.key_size + 1, record.value_size));
  }

 private:
  // A hash that can be worked out by hand: the sum of the bytes.
  static std::size_t slot_of(std::string_view key) {
    std::size_t sum = 0;
    for (const char c : key) sum += static_cast<unsigned char>(c);
    return sum % kSlots;
  }

  static constexpr std::size_t kSlots = 8;
  std::array<std::optional<std::size_t>, kSlots> slots_;
  std::string log_;
};

TEST(NaiveHashIndex, AnswersWithTheValueOfTheKeyThatWasAskedFor) {
  NaiveHashIndex index;
  index.set("rome", "lies on the Tiber");
  EXPECT_EQ(index.get("rome"), "lies on the Tiber");
  EXPECT_EQ(index.get("more"), std::nullopt) << "more was never written";
  index.set("oslo", "lies on a fjord");
  index.set("solo", "is played alone");
  EXPECT_EQ(index.get("oslo"), "lies on a fjord");
}

}  // namespace
}  // namespace strata
