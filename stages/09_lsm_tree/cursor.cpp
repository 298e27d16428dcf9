#include "stages/09_lsm_tree/cursor.h"

#include <utility>

namespace strata::lsm {

MergingCursor::MergingCursor(std::vector<std::unique_ptr<Cursor>> inputs) {
  inputs_.reserve(inputs.size());
  for (auto& cursor : inputs) inputs_.push_back({std::move(cursor), false});
}

// Inputs stand in the order of their age, the newest first: so of two with the
// same key, the newer comes first, whichever way one goes.
bool MergingCursor::comes_before(std::size_t a, std::size_t b) const {
  const int order =
      inputs_[a].cursor->entry().key.compare(inputs_[b].cursor->entry().key);
  if (order == 0) return a < b;
  return forward_ ? order < 0 : order > 0;
}

bool MergingCursor::find_front() {
  front_ = bound_ = kNone;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (!inputs_[i].has_entry) continue;
    if (front_ == kNone || comes_before(i, front_)) {
      bound_ = std::exchange(front_, i);
    } else if (bound_ == kNone || comes_before(i, bound_)) {
      bound_ = i;
    }
  }
  return front_ != kNone;
}

bool MergingCursor::seek(std::string_view key) {
  forward_ = true;
  for (Input& input : inputs_) input.has_entry = input.cursor->seek(key);
  return find_front();
}

bool MergingCursor::seek_before(std::string_view key) {
  forward_ = false;
  for (Input& input : inputs_) input.has_entry = input.cursor->seek_before(key);
  return find_front();
}

bool MergingCursor::seek_last() {
  forward_ = false;
  for (Input& input : inputs_) input.has_entry = input.cursor->seek_last();
  return find_front();
}

void MergingCursor::move(Input& input) const {
  input.has_entry = forward_ ? input.cursor->next() : input.cursor->prev();
}

// Moves every input past the key that the front shows.
bool MergingCursor::leave_key() {
  Input& front = inputs_[front_];
  if (bound_ == kNone) {  // it is alone
    move(front);
    if (!front.has_entry) front_ = kNone;
    return front_ != kNone;
  }
  const bool is_shared =
      inputs_[bound_].cursor->entry().key == front.cursor->entry().key;
  if (!is_shared) {
    move(front);
    const bool stays = front.has_entry && comes_before(front_, bound_);
    return stays || find_front();
  }
  key_ = front.cursor->entry().key;
  for (Input& input : inputs_) {
    if (input.has_entry && input.cursor->entry().key == key_) move(input);
  }
  return find_front();
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
