#include "stages/06_compaction/merge.h"

#include <algorithm>
#include <utility>

#include "common/record/log_entries.h"
#include "common/store/errors.h"
#include "common/store/segment_files.h"

namespace strata::compaction {

void Merge::copy() {
  for (std::size_t i = 0; i < plan_.inputs.size(); ++i) {
    copy_from(*plan_.inputs[i], plan_.dead[i]);
  }
  end_output();
}

// A record is needed unless it is dead, or a tombstone that hides nothing. The
// dead are looked for in the order in which they come.
void Merge::copy_from(const Segment& input, Segment::Offsets dead) {
  const File file =
      File::open(options_.system(), input.path(), OpenMode::kRead, "merge");
  const bool hides = hides_something(input);
  std::sort(dead.begin(), dead.end());
  auto next = dead.begin();
  for_each_entry(
      file, input.size(), "merge", [&](Decoded decoded, const LogEntry& entry) {
        if (stop_) throw MergeStopped();
        if (decoded != Decoded::kRecord) {
          throw Damage(input.path(), entry.offset, entry.why);
        }
        while (next != dead.end() && *next < entry.offset) ++next;
        const bool is_dead = next != dead.end() && *next == entry.offset;
        if (is_dead || (is_deletion(entry) && !hides)) return;
        append(file, entry);
      });
}

// Whether an older record may stay behind when this segment's tombstones are
// gone: then they must not go.
bool Merge::hides_something(const Segment& input) const {
  for (std::size_t i = 0; plan_.frozen[i]->id() < input.id(); ++i) {
    if (plan_.frozen[i] != plan_.inputs[i]) return true;
  }
  return false;
}

void Merge::append(const File& from, const LogEntry& entry) {
  if (file_ && outputs_.back()->size() >= segment_bytes_) end_output();
  if (!file_) begin_output();
  if (entry.bytes.empty()) {
    read_in_pieces(from, entry, "merge", [this](std::string_view piece) {
      flush();
      buffer_ += piece;
    });
  } else {
    buffer_ += entry.bytes;
  }
  Segment& output = *outputs_.back();
  output.add(entry.key, {output.size(), entry.size, is_deletion(entry)});
  output.set_size(output.size() + entry.size);
  if (buffer_.size() >= kWriteBytes) flush();
}

void Merge::begin_output() {
  const auto id = static_cast<std::uint32_t>(plan_.first_id + outputs_.size());
  outputs_.push_back(std::make_shared<Segment>(options_.directory, id, hash_));
  written_ = 0;
  file_ = File::open(options_.system(), temporary_path(*outputs_.back()),
                     OpenMode::kCreateNew, "begin a merged segment");
}

void Merge::end_output() {
  if (!file_) return;
  flush();
  file_->sync("make the merged segment durable");
  file_.reset();
}

void Merge::flush() {
  if (buffer_.empty()) return;
  file_->write_at(written_, buffer_, "write the merged segment");
  written_ += buffer_.size();
  buffer_.clear();
}

void Merge::rename() {
  for (const SegmentPtr& output : outputs_) {
    ++renamed_;  // even if this fails: the name may be taken all the same
    rename_file(options_.system(), temporary_path(*output), output->path(),
                "name the merged segment");
  }
}

std::vector<SegmentPtr> Merge::abandon() {
  file_.reset();
  for (const SegmentPtr& output : outputs_) {
    try {
      remove_file(options_.system(), temporary_path(*output),
                  "abandon the merge");
    } catch (const IoError&) {  // NOLINT(bugprone-empty-catch): the next open
                                // for writing removes it
    }
  }
  outputs_.resize(renamed_);
  return std::exchange(outputs_, {});
}

std::string Merge::temporary_path(const Segment& output) const {
  return options_.path_of(segment_name(output.id(), kMergingSuffix));
}

}  // namespace strata::compaction
