/// @file
/// An allocator that counts, so that an index can tell what it weighs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace strata {

/// Allocates as `std::allocator` does and keeps the sum of the bytes asked
/// for, without what the heap adds to round them up.
template <typename T>
class CountingAllocator {
 public:
  using value_type = T;  ///< what it allocates

  /// @param sum where the bytes now held are kept; must outlive the container
  explicit CountingAllocator(std::uint64_t& sum) : sum_(&sum) {}

  /// Shares the sum of an allocator of another type.
  template <typename U>
  CountingAllocator(const CountingAllocator<U>& other)  // NOLINT: implicit
      : sum_(other.sum_) {}

  /// @returns memory for `count` objects. @throws std::bad_alloc
  [[nodiscard]] T* allocate(std::size_t count) {
    T* memory = std::allocator<T>().allocate(count);
    *sum_ += count * sizeof(T);  // NOLINT(bugprone-sizeof-expression)
    return memory;
  }

  /// Gives back what `allocate(count)` returned.
  void deallocate(T* memory, std::size_t count) noexcept {
    *sum_ -= count * sizeof(T);  // NOLINT(bugprone-sizeof-expression)
    std::allocator<T>().deallocate(memory, count);
  }

  /// @returns whether one can give back what the other allocated.
  template <typename U>
  bool operator==(const CountingAllocator<U>& other) const {
    return sum_ == other.sum_;
  }

 private:
  template <typename U>
  friend class CountingAllocator;

  std::uint64_t* sum_;
};

}  // namespace strata
