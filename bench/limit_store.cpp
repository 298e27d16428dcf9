#include "bench/limit_store.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "bench/workloads.h"
#include "common/os/file.h"
#include "common/record/binary_record.h"
#include "common/store/errors.h"
#include "common/store/hash.h"

namespace strata::bench {

namespace {

class LimitStore final : public Store {
 public:
  LimitStore(const Options& options, bool hints)
      : hints_(hints ? std::optional<File>(File::open(
                           options.system(), options.path_of("limit.hint"),
                           OpenMode::kCreate, "the hints"))
                     : std::nullopt),
        file_(File::open(options.system(), options.path_of("limit.bin"),
                         OpenMode::kCreate, "the log")) {
    encode_binary_record(0, key_of(0), value(), record_);
    const std::uint64_t end = file_.size("find the end");
    for (std::uint64_t i = 0; end_ < end; ++i, end_ += record_.size()) {
      places_[key_of(i)] = end_;
    }
  }

  void set(std::string_view key, std::string_view /*value*/) override {
    file_.write_at(end_, record_, "append the record");
    places_[std::string(key)] = end_;
    end_ += record_.size();
    if (hints_) add_hint(key);
  }

  bool get(std::string_view key, std::string& out) override {
    const auto found = places_.find(key);
    if (found == places_.end()) return false;
    out.resize(record_.size());
    return file_.read_at(found->second, out.data(), out.size(),
                         "read the record") == out.size();
  }

  Stats stats() override {
    return {.keys = places_.size(), .disk_bytes = end_, .files = 1};
  }

  void keys(const KeyVisitor& /*visit*/) override { refuse(); }

  void scan(std::string_view /*from*/, std::string_view /*to*/,
            const PairVisitor& /*visit*/) override {
    refuse();
  }

  void dump(std::string_view /*file*/, const DumpVisitor& /*visit*/) override {
    refuse();
  }

 private:
  [[noreturn]] static void refuse() {
    throw InvalidInput("the limit can set and get, and nothing else");
  }

  void add_hint(std::string_view key) {
    constexpr std::size_t kHead = 18;
    constexpr std::size_t kPiece = std::size_t{64} << 10;
    hint_buffer_.append(record_, 0, kHead);
    hint_buffer_ += key;
    if (hint_buffer_.size() < kPiece) return;
    hints_->write_at(hints_end_, hint_buffer_, "write the hints");
    hints_end_ += hint_buffer_.size();
    hint_buffer_.clear();
  }

  std::optional<File> hints_;
  std::string hint_buffer_;
  std::uint64_t hints_end_ = 0;
  File file_;
  std::string record_;
  std::unordered_map<std::string, std::uint64_t, KeyHash, std::equal_to<>>
      places_{0, KeyHash(0)};
  std::uint64_t end_ = 0;
};

}  // namespace

const Stage& limit_stage() {
  static const Stage stage = {
      .name = "limit",
      .title = "a hash map and one system call",
      .flaw = "It cannot be trusted with anything.",
      .limits = {},
      .options = {},
      .refuses = {},
      .checksums = false,
      .scans = false,
      .open = [](const Options& options) -> std::unique_ptr<Store> {
        return std::make_unique<LimitStore>(options, false);
      },
  };
  return stage;
}

const Stage& limit_stage_with_hints() {
  static const Stage stage = [] {
    Stage made = limit_stage();
    made.name = "limit_with_hints";
    made.open = [](const Options& options) -> std::unique_ptr<Store> {
      return std::make_unique<LimitStore>(options, true);
    };
    return made;
  }();
  return stage;
}

}  // namespace strata::bench
