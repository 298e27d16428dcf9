// What the stress test knows of its keys: each write of a key has a number, and
// what a read may answer follows from the numbers before and after it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace strata::stress {

/// A key with one writer. Its writes are numbered from 1, and whether the Nth
/// one is a set or a deletion, and what it sets, follows from N alone: so
/// whoever reads it knows every byte that may be there.
class Key {
 public:
  explicit Key(std::string name) : name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const { return name_; }

  /// @returns the value that the write of this number sets; nothing when it is
  ///   a deletion, or number 0, which is before all writes.
  [[nodiscard]] std::optional<std::string> value_of(
      std::uint64_t number) const {
    const std::uint64_t mixed = (number + name_.size()) * 0x9E3779B97F4A7C15;
    if (number == 0 || mixed >> 61 == 0) return std::nullopt;
    const std::size_t length = mixed >> 32 & (number % 50 == 0 ? 0xFFFF : 0x7F);
    std::string value = std::to_string(number) + ' ' + name_ + ' ';
    value.append(length, static_cast<char>('a' + number % 26));
    return value;
  }

  /// The writer is about to make the next write.
  /// @returns its number
  std::uint64_t begin() { return ++begun_; }

  /// The write that was begun last has been acknowledged.
  void acknowledge() { acknowledged_ = begun_.load(); }

  [[nodiscard]] std::uint64_t begun() const { return begun_; }

  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }

  /// @param answer of a read; nothing when it found no such key
  /// @param from the number that was acknowledged before the read began
  /// @param to the number that had begun when it had ended
  /// @returns whether one of the writes from `from` to `to` leaves this.
  [[nodiscard]] bool may_be(const std::optional<std::string_view>& answer,
                            std::uint64_t from, std::uint64_t to) const {
    for (std::uint64_t number = from; number <= to; ++number) {
      const auto value = value_of(number);
      if (value.has_value() != answer.has_value()) continue;
      if (!value || *value == *answer) return true;
    }
    return false;
  }

 private:
  std::string name_;
  std::atomic<std::uint64_t> begun_{0};
  std::atomic<std::uint64_t> acknowledged_{0};
};

}  // namespace strata::stress
