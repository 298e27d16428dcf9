#include "stages/07_bitcask/merge_policy.h"

#include <algorithm>

namespace strata::bitcask {

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;
constexpr std::uint64_t kLongTime = 0xFFFFFFFF;

}  // namespace

unsigned FileStatus::fragmented() const {
  if (keys == 0) return 0;
  return static_cast<unsigned>((keys - live_keys - needed_keys) * 100 / keys);
}

std::vector<OptionSpec> MergePolicy::options() {
  return {
      {"--frag-merge-trigger", "merge once a file is so many percent dead", 60,
       1, 101},
      {"--dead-bytes-merge-trigger", "or once it holds so many dead bytes",
       512 * kMiB, 1, kNoLimit},
      {"--frag-threshold", "then merge files so many percent dead", 40, 1, 101},
      {"--dead-bytes-threshold", "and those with so many dead bytes",
       128 * kMiB, 1, kNoLimit},
      {"--small-file-threshold", "and those smaller than so many bytes",
       10 * kMiB, 0, kNoLimit},
      {"--max-merge-size", "but no more than so many bytes at a time",
       100 * kGiB, 1, kNoLimit},
      {"--merge-window-start", "merge by itself from this hour of UTC on", 0, 0,
       23},
      {"--merge-window-end", "and up to this hour; the same hour: never", 24, 0,
       24},
      {"--expiry-seconds", "forget a key so long after its set; 0: never", 0, 0,
       kLongTime},
      {"--expiry-grace-seconds", "merge for expiry only so much later", 0, 0,
       kLongTime},
  };
}

MergePolicy::MergePolicy(const Stage& stage, const Options& given)
    : frag_trigger_(stage.number(given, "--frag-merge-trigger")),
      dead_bytes_trigger_(stage.number(given, "--dead-bytes-merge-trigger")),
      frag_threshold_(stage.number(given, "--frag-threshold")),
      dead_bytes_threshold_(stage.number(given, "--dead-bytes-threshold")),
      small_file_threshold_(stage.number(given, "--small-file-threshold")),
      max_merge_size_(stage.number(given, "--max-merge-size")),
      window_start_(stage.number(given, "--merge-window-start")),
      window_end_(stage.number(given, "--merge-window-end")),
      expiry_seconds_(stage.number(given, "--expiry-seconds")),
      expiry_grace_seconds_(stage.number(given, "--expiry-grace-seconds")) {}

bool MergePolicy::in_window(std::uint64_t now) const {
  const std::uint64_t hour = now / 3600 % 24;
  if (window_start_ <= window_end_) {
    return window_start_ <= hour && hour < window_end_;
  }
  return window_start_ <= hour || hour < window_end_;
}

bool MergePolicy::triggers(const FileStatus& file) const {
  return file.fragmented() >= frag_trigger_ ||
         file.dead_bytes() >= dead_bytes_trigger_;
}

std::string MergePolicy::why_worth(const FileStatus& file) const {
  if (file.fragmented() >= frag_threshold_) {
    return std::to_string(file.fragmented()) + " % dead";
  }
  if (file.dead_bytes() >= dead_bytes_threshold_) {
    return std::to_string(file.dead_bytes()) + " dead bytes";
  }
  if (file.bytes < small_file_threshold_) {
    return "small: " + std::to_string(file.bytes) + " bytes";
  }
  return "";
}

MergePlan MergePolicy::plan(const std::vector<FileStatus>& files,
                            std::uint64_t now) const {
  // A wholly expired file is merged together with all that are older: then
  // nothing older can come back, and it goes without leaving tombstones.
  std::size_t expired_up_to = 0;
  bool triggered = false;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i].keys > 0 && now > expiry_grace_seconds_ &&
        expired(files[i].newest, now - expiry_grace_seconds_)) {
      expired_up_to = i + 1;
      triggered = true;
    }
    triggered = triggered || triggers(files[i]);
  }
  if (!triggered) return {};
  MergePlan plan;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string why = i < expired_up_to
                                ? "expired, or older than one that is"
                                : why_worth(files[i]);
    if (why.empty()) continue;
    bytes += files[i].bytes;
    if (bytes > max_merge_size_) break;
    plan.files.push_back(files[i].id);
    plan.reasons.push_back(files[i].name + ": " + why);
  }
  return plan;
}

}  // namespace strata::bitcask
