#include "stages/09_lsm_tree/cursor.h"

#include <utility>

namespace strata::lsm {

MergingCursor::MergingCursor(std::vector<std::unique_ptr<Cursor>> inputs) {
  inputs_.reserve(inputs.size());
  for (auto& cursor : inputs) inputs_.push_back({std::move(cursor), nullptr});
}

// Less than 0 where one goes through the key of `a` before that of `b`.
int MergingCursor::order_of(std::size_t a, std::size_t b) const {
  const int order = inputs_[a].entry->key.compare(inputs_[b].entry->key);
  return forward_ ? order : -order;
}

// Inputs stand in the order of their age, the newest first: so of two with the
// same key, the newer comes first, whichever way one goes.
bool MergingCursor::comes_before(std::size_t a, std::size_t b) const {
  const int order = order_of(a, b);
  return order == 0 ? a < b : order < 0;
}

bool MergingCursor::find_front() {
  front_ = bound_ = kNone;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].entry == nullptr) continue;
    if (front_ == kNone || comes_before(i, front_)) {
      bound_ = std::exchange(front_, i);
    } else if (bound_ == kNone || comes_before(i, bound_)) {
      bound_ = i;
    }
  }
  is_shared_ = bound_ != kNone && order_of(front_, bound_) == 0;
  return front_ != kNone;
}

bool MergingCursor::seek(std::string_view key) {
  forward_ = true;
  for (Input& input : inputs_) {
    input.move([&](Cursor& cursor) { return cursor.seek(key); });
  }
  return find_front();
}

bool MergingCursor::seek_before(std::string_view key) {
  forward_ = false;
  for (Input& input : inputs_) {
    input.move([&](Cursor& cursor) { return cursor.seek_before(key); });
  }
  return find_front();
}

bool MergingCursor::seek_last() {
  forward_ = false;
  for (Input& input : inputs_) {
    input.move([](Cursor& cursor) { return cursor.seek_last(); });
  }
  return find_front();
}

void MergingCursor::step(Input& input) const {
  input.move([this](Cursor& cursor) {
    return forward_ ? cursor.next() : cursor.prev();
  });
}

// Moves every input past the key that the front shows.
bool MergingCursor::leave_key() {
  Input& front = inputs_[front_];
  if (is_shared_) {
    key_ = front.entry->key;
    for (Input& input : inputs_) {
      if (input.entry != nullptr && input.entry->key == key_) step(input);
    }
    return find_front();
  }
  step(front);
  if (front.entry == nullptr) return find_front();
  if (bound_ == kNone) return true;
  const int order = order_of(front_, bound_);
  if (order > 0 || (order == 0 && front_ > bound_)) return find_front();
  is_shared_ = order == 0;
  return true;
}

bool MergingCursor::next() {
  if (forward_) return leave_key();
  key_ = entry().key;
  return seek(key_) && leave_key();
}

bool MergingCursor::prev() {
  if (!forward_) return leave_key();
  key_ = entry().key;
  return seek_before(key_);
}

}  // namespace strata::lsm
