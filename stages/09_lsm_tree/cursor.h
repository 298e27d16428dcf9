/// @file
/// `Cursor`: how one goes through what is sorted, forward and backward; and
/// `MergingCursor`, which goes through many such things as if they were one.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/table/entry.h"

namespace strata::lsm {

using sst::Entry;
using sst::Found;

/// Goes through entries in the order of their keys, by bytes.
///
/// Every move returns whether there is an entry where it went. When there is
/// none, the cursor stands nowhere, and only one of the `seek`s moves it.
/// Every move may throw IoError, and Damage where an entry cannot be read: then,
/// too, it stands nowhere.
class Cursor {
 public:
  Cursor() = default;
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  virtual ~Cursor() = default;

  /// Moves to the first entry whose key is not less than `key`.
  [[nodiscard]] virtual bool seek(std::string_view key) = 0;

  /// Moves to the last entry whose key is less than `key`.
  [[nodiscard]] virtual bool seek_before(std::string_view key) = 0;

  /// Moves to the last entry.
  [[nodiscard]] virtual bool seek_last() = 0;

  /// Moves to the next entry.
  [[nodiscard]] virtual bool next() = 0;

  /// Moves to the one before.
  [[nodiscard]] virtual bool prev() = 0;

  /// @returns where it stands; valid until it moves.
  [[nodiscard]] virtual const Entry& entry() const = 0;
};

/// Merges cursors: of a key that several of them have it shows the newest
/// entry, tombstones too.
///
/// Each input stands at the next entry that it could give. `front_` is the one
/// whose turn it is, and `bound_` the one that comes after it: as long as the
/// front stays before the bound, no other input need be looked at, which is so
/// most of the time where inputs are long and few. Then a step costs one
/// comparison.
class MergingCursor final : public Cursor {
 public:
  /// @param inputs the newest first
  explicit MergingCursor(std::vector<std::unique_ptr<Cursor>> inputs);

  [[nodiscard]] bool seek(std::string_view key) override;
  [[nodiscard]] bool seek_before(std::string_view key) override;
  [[nodiscard]] bool seek_last() override;
  [[nodiscard]] bool next() override;
  [[nodiscard]] bool prev() override;

  [[nodiscard]] const Entry& entry() const override {
    return *inputs_[front_].entry;
  }

  /// @returns where the entry comes from: 0 is the newest input.
  [[nodiscard]] std::size_t source() const { return front_; }

 private:
  struct Input {
    std::unique_ptr<Cursor> cursor;
    const Entry* entry = nullptr;  // where it stands; null for nowhere

    template <typename Move>
    void move(const Move& go) {
      entry = nullptr;
      if (go(*cursor)) entry = &cursor->entry();
    }
  };

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  [[nodiscard]] int order_of(std::size_t a, std::size_t b) const;
  [[nodiscard]] bool comes_before(std::size_t a, std::size_t b) const;
  [[nodiscard]] bool find_front();
  [[nodiscard]] bool leave_key();
  void step(Input& input) const;

  std::vector<Input> inputs_;
  std::size_t front_ = kNone;
  std::size_t bound_ = kNone;
  bool is_shared_ = false;  // whether the front and the bound have the same key
  bool forward_ = true;
  std::string key_;  // which is being left
};

}  // namespace strata::lsm
