#include "stages/08_sstables/mergesort.h"

#include <algorithm>
#include <utility>

namespace strata::sstables {

MergingCursor::MergingCursor(std::vector<std::unique_ptr<Cursor>> inputs) {
  for (std::size_t age = 0; age < inputs.size(); ++age) {
    inputs_.push_back({std::move(inputs[age]), age});
  }
}

bool MergingCursor::comes_later(const Input& a, const Input& b) {
  const int order = a.cursor->entry().key.compare(b.cursor->entry().key);
  return order != 0 ? order > 0 : a.age > b.age;
}

bool MergingCursor::next() {
  if (!has_begun_) {
    has_begun_ = true;
    for (Input& input : inputs_) {
      if (input.cursor->next()) heap_.push_back(std::move(input));
    }
    std::make_heap(heap_.begin(), heap_.end(), comes_later);
    return !heap_.empty();
  }
  if (heap_.size() == 1) {
    if (!heap_.front().cursor->next()) heap_.clear();
    return !heap_.empty();
  }
  key_ = entry().key;
  do {
    advance_top();
  } while (!heap_.empty() && entry().key == key_);
  return !heap_.empty();
}

void MergingCursor::advance_top() {
  std::pop_heap(heap_.begin(), heap_.end(), comes_later);
  if (heap_.back().cursor->next()) {
    std::push_heap(heap_.begin(), heap_.end(), comes_later);
  } else {
    heap_.pop_back();
  }
}

}  // namespace strata::sstables
