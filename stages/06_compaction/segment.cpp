#include "stages/06_compaction/segment.h"

#include "common/record/binary_record.h"
#include "common/record/tombstone.h"
#include "common/store/segment_files.h"

namespace strata::compaction {

Segment::Segment(const std::string& directory, std::uint32_t id, KeyHash hash)
    : id_(id),
      name_(segment_name(id, kSegmentSuffix)),
      path_(directory + "/" + name_),
      keydir_(0, hash, std::equal_to<>(),
              CountingAllocator<Keydir::value_type>(map_bytes_)) {}

const Place* Segment::find(std::string_view key) const {
  const auto found = keydir_.find(key);
  return found == keydir_.end() ? nullptr : &found->second;
}

void Segment::add(std::string_view key, const Place& place) {
  const auto found = keydir_.find(key);
  if (found == keydir_.end()) {
    const auto [entry, is_new] = keydir_.emplace(key, place);
    const bool on_heap = entry->first.capacity() > std::string().capacity();
    if (on_heap) string_bytes_ += entry->first.capacity() + 1;
  } else {
    lose(found->second);
    found->second = place;
  }
  bytes_ += place.size;
  newest_bytes_ += place.size;
  if (place.is_tombstone) return;
  live_bytes_ += place.size;
  ++live_keys_;
}

void Segment::lose(const Place& place) {
  lost_.push_back(place.offset);
  newest_bytes_ -= place.size;
  if (place.is_tombstone) return;
  live_bytes_ -= place.size;
  --live_keys_;
}

const Gap* Segment::may_hide(std::string_view key,
                             std::uint64_t newer_than) const {
  for (const Gap& gap : gaps_) {
    if (gap.offset >= newer_than && gap.size >= kHeaderBytes + key.size()) {
      return &gap;
    }
  }
  return nullptr;
}

bool is_deletion(const LogEntry& entry) {
  return entry.header.value_size <= kLongestTombstone &&
         is_tombstone(entry.bytes.substr(kHeaderBytes + entry.header.key_size));
}

}  // namespace strata::compaction
