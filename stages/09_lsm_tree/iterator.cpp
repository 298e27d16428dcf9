#include "stages/09_lsm_tree/iterator.h"

#include <algorithm>
#include <utility>

namespace strata::lsm {

// The first key that does not begin with it is the prefix with its last byte
// one higher; bytes that are the highest already are left off before that.
Range Range::prefix(std::string_view prefix) {
  Range range{std::string(prefix), std::string(prefix)};
  while (!range.to.empty() && range.to.back() == '\xFF') range.to.pop_back();
  if (!range.to.empty()) ++range.to.back();
  return range;
}

Iterator::Iterator(Snapshot moment, std::unique_ptr<Cursor> entries,
                   Range range)
    : moment_(std::move(moment)),
      entries_(std::move(entries)),
      range_(std::move(range)) {}

bool Iterator::seek(std::string_view key) {
  return show_forward(
      entries_->seek(std::max<std::string_view>(key, range_.from)));
}

bool Iterator::seek_before(std::string_view key) {
  if (!range_.to.empty()) key = std::min<std::string_view>(key, range_.to);
  return show_backward(entries_->seek_before(key));
}

bool Iterator::seek_last() {
  return show_backward(range_.to.empty() ? entries_->seek_last()
                                         : entries_->seek_before(range_.to));
}

bool Iterator::show_forward(bool has_entry) {
  while (has_entry && entries_->entry().is_tombstone) {
    has_entry = entries_->next();
  }
  return has_entry && (range_.to.empty() || key() < range_.to);
}

bool Iterator::show_backward(bool has_entry) {
  while (has_entry && entries_->entry().is_tombstone) {
    has_entry = entries_->prev();
  }
  return has_entry && key() >= range_.from;
}

}  // namespace strata::lsm
