#include "stages/09_lsm_tree/sparse_index.h"

#include <algorithm>
#include <array>

#include "common/record/big_endian.h"
#include "common/table/block.h"

namespace strata::lsm {

void SparseIndex::add(std::string_view first_key, std::uint64_t size) {
  ends_.push_back((empty() ? 0 : ends_.back()) + size);
  keys_ += first_key;
  key_ends_.push_back(keys_.size());
}

// What the least and the greatest key begin with, so do those between them.
void SparseIndex::finish() {
  heads_.clear();
  shared_ = 0;
  if (empty()) return;
  for (auto* all : {&key_ends_, &ends_}) all->shrink_to_fit();
  keys_.shrink_to_fit();
  shared_ = sst::shared_prefix(first_key(0), back().first_key);
  heads_.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    heads_.push_back(head_of(first_key(i)));
  }
}

// The eight bytes behind those that all share, with zeros where there are fewer:
// in the order of the keys, but that keys which differ later are equal.
std::uint64_t SparseIndex::head_of(std::string_view key) const {
  std::array<char, sizeof(std::uint64_t)> head{};
  key.remove_prefix(shared_);
  if (key.size() >= head.size()) return read_big_endian<std::uint64_t>(key);
  key.copy(head.data(), head.size());
  return read_big_endian<std::uint64_t>({head.data(), head.size()});
}

std::size_t SparseIndex::block_of(std::string_view key) const {
  const int order =
      key.substr(0, shared_).compare(first_key(0).substr(0, shared_));
  if (order != 0) return order < 0 ? 0 : size() - 1;
  const auto alike =
      std::equal_range(heads_.begin(), heads_.end(), head_of(key));
  auto low = static_cast<std::size_t>(alike.first - heads_.begin());
  auto high = static_cast<std::size_t>(alike.second - heads_.begin());
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (first_key(middle) <= key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? 0 : low - 1;
}

std::uint64_t SparseIndex::bytes() const {
  return keys_.capacity() + heads_.capacity() * sizeof(heads_[0]) +
         key_ends_.capacity() * sizeof(key_ends_[0]) +
         ends_.capacity() * sizeof(ends_[0]);
}

}  // namespace strata::lsm
