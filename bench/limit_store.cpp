// The limits: what a set and a get cost when there is nothing in a store but a
// hash table and memory, or a hash table and one system call. They check
// nothing, keep nothing beyond the process, and answer right for what is set in
// it. Of a record that limit_io writes only the key and the value are its own:
// the header, checksum and all, is made once for all of their sizes.
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/key_table.h"
#include "bench/keys.h"
#include "bench/subject.h"
#include "common/os/file.h"
#include "common/record/binary_record.h"
#include "common/store/errors.h"

namespace strata::bench {

namespace {

// Where a value is: in memory, or its record in a file.
struct Place {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

class LimitStore : public Store {
 public:
  bool get(std::string_view key, std::string& out) override {
    const auto place = place_of(slot_of(key), key);
    return place && read(*place, key.size(), out);
  }

  // Memory is asked for all keys at once, step by step: for their slots, for
  // what stands there, for the values.
  void get_batch(const std::vector<std::string_view>& keys,
                 const AnswerVisitor& visit) override {
    slots_.clear();
    places_.clear();
    for (const std::string_view key : keys) slots_.push_back(slot_of(key));
    for (const Slot slot : slots_) table_.prefetch(slot);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      places_.push_back(place_of(slots_[i], keys[i]));
      if (places_.back()) prefetch(*places_.back());
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const bool there =
          places_[i] && read(*places_[i], keys[i].size(), answer_);
      visit(i, there ? &answer_ : nullptr);
    }
  }

  void keys(const KeyVisitor& /*visit*/) override { refuse(); }

  void scan(std::string_view /*from*/, std::string_view /*to*/,
            const PairVisitor& /*visit*/) override {
    refuse();
  }

  void dump(std::string_view /*file*/, const DumpVisitor& /*visit*/) override {
    refuse();
  }

 protected:
  using Slot = KeyTable::Slot;

  explicit LimitStore(std::uint64_t keys) : table_(keys) {
    table_.reserve(keys * (sizeof(Place) + kKeyBytes));
  }

  [[nodiscard]] Slot slot_of(std::string_view key) const {
    return table_.slot_of(key);
  }

  void put(Slot slot, std::string_view key, Place place) {
    char bytes[sizeof place];
    std::memcpy(bytes, &place, sizeof place);
    table_.put(slot, key, {bytes, sizeof bytes});
  }

  [[nodiscard]] std::optional<Place> place_of(Slot slot, std::string_view key) {
    Place place;
    const char* const bytes = table_.get(slot, key, sizeof place);
    if (bytes == nullptr) return std::nullopt;
    std::memcpy(&place, bytes, sizeof place);
    return place;
  }

  // Reads the value at a place.
  // @returns false when it is not there
  virtual bool read(const Place& place, std::size_t key_bytes,
                    std::string& out) = 0;

  // Has the processor begin to fetch what is there, if it is in memory.
  virtual void prefetch(const Place& /*place*/) const {}

  [[nodiscard]] std::uint64_t count() const { return table_.size(); }

 private:
  [[noreturn]] static void refuse() {
    throw InvalidInput("a limit can set and get, and nothing else");
  }

  KeyTable table_;
  std::vector<Slot> slots_;
  std::vector<std::optional<Place>> places_;
  std::string answer_;
};

class MemoryLimit final : public LimitStore {
 public:
  explicit MemoryLimit(std::uint64_t keys) : LimitStore(keys), keys_(keys) {}

  // A value of the same size takes the place of the old one.
  void set(std::string_view key, std::string_view value) override {
    if (values_.empty()) values_.reserve(keys_ * value.size());
    const Slot slot = slot_of(key);
    const auto old = place_of(slot, key);
    if (old && old->size == value.size()) {
      value.copy(values_.data() + old->offset, value.size());
      return;
    }
    put(slot, key, {values_.size(), value.size()});
    values_ += value;
  }

  Stats stats() override { return {.keys = count()}; }

 private:
  bool read(const Place& place, std::size_t /*key_bytes*/,
            std::string& out) override {
    out.assign(values_, place.offset, place.size);
    return true;
  }

  void prefetch(const Place& place) const override {
    constexpr std::size_t kLine = 64;  // of the processor's cache
    for (std::size_t at = 0; at < place.size && at < 4 * kLine; at += kLine) {
      __builtin_prefetch(values_.data() + place.offset + at);
    }
  }

  std::uint64_t keys_;
  std::string values_;
};

class IoLimit final : public LimitStore {
 public:
  IoLimit(const Options& options, std::uint64_t keys, bool hints)
      : LimitStore(keys),
        durable_(options.sync == Sync::kAlways),
        file_(create(options, "limit.bin")) {
    if (hints) hints_ = create(options, "limit.hint");
  }

  void set(std::string_view key, std::string_view value) override {
    if (key_bytes_ != key.size() || value_bytes_ != value.size()) {
      record_.clear();
      encode_binary_record(0, key, value, record_);
      key_bytes_ = key.size();
      value_bytes_ = value.size();
    } else {
      key.copy(record_.data() + kHeaderBytes, key.size());
      value.copy(record_.data() + kHeaderBytes + key.size(), value.size());
    }
    file_.write_at(end_, record_, "append the record");
    if (durable_) file_.sync("make the record durable");
    put(slot_of(key), key, {end_, record_.size()});
    end_ += record_.size();
    if (hints_) add_hint(key);
  }

  Stats stats() override {
    return {.keys = count(), .disk_bytes = end_ + hints_end_, .files = 1};
  }

 private:
  static File create(const Options& options, const char* name) {
    return File::open(options.system(), options.path_of(name),
                      OpenMode::kCreate, "a limit's file");
  }

  bool read(const Place& place, std::size_t key_bytes,
            std::string& out) override {
    out.resize(place.size);
    if (file_.read_at(place.offset, out.data(), out.size(), "read the record") <
        out.size()) {
      return false;
    }
    out.erase(0, kHeaderBytes + key_bytes);
    return true;
  }

  // 18 bytes and the key, as in a hint file; written 64 KiB at a time.
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

  bool durable_;
  File file_;
  std::uint64_t end_ = 0;
  std::string record_;
  std::size_t key_bytes_ = 0;  // of the record
  std::size_t value_bytes_ = 0;
  std::optional<File> hints_;
  std::string hint_buffer_;
  std::uint64_t hints_end_ = 0;
};

// Four slots are given for each key, as to a stage with slots.
std::uint64_t keys_of(const Options& options) {
  const auto given = options.numbers.find("--slots");
  return given == options.numbers.end() ? 1000 : given->second / 4;
}

constexpr Refusal kNoOpen = {"open", "it keeps nothing beyond the process"};
constexpr Refusal kNoScan = {"scan", "it has no order"};
constexpr Refusal kNoCompact = {"compact", "it reclaims nothing"};
constexpr Refusal kNoSync = {"--sync always", "it writes to no disk"};
constexpr Refusal kNoGet = {"get", "it is there to be filled"};

Stage limit(std::string_view name, std::string_view title,
            std::vector<Refusal> refuses,
            std::unique_ptr<Store> (*open)(const Options&)) {
  Stage stage;
  stage.name = name;
  stage.title = title;
  stage.flaw = "It cannot be trusted with anything.";
  stage.options = {{"--slots", "four for each key", 4000, 4, 1ULL << 40}};
  stage.refuses = std::move(refuses);
  stage.open = open;
  return stage;
}

}  // namespace

std::vector<Subject> limit_subjects() {
  using Opened = std::unique_ptr<Store>;
  static const Stage memory = limit(
      "limit_memory", "a hash table and memory",
      {kNoOpen, kNoScan, kNoCompact, kNoSync}, [](const Options& options) {
        return Opened(std::make_unique<MemoryLimit>(keys_of(options)));
      });
  static const Stage io =
      limit("limit_io", "a hash table and one system call",
            {kNoOpen, kNoScan, kNoCompact}, [](const Options& options) {
              return Opened(
                  std::make_unique<IoLimit>(options, keys_of(options), false));
            });
  static const Stage io_hints =
      limit("limit_io_hints", "the same, with hints as stage 07 leaves them",
            {kNoOpen, kNoScan, kNoCompact, kNoSync, kNoGet},
            [](const Options& options) {
              return Opened(
                  std::make_unique<IoLimit>(options, keys_of(options), true));
            });
  const auto subject = [](const Stage& stage, Durability durability) {
    Subject made;
    made.stage = &stage;
    made.kind = Subject::Kind::kLimit;
    made.durability = made.flushed = durability;
    made.threads = true;  // for gets, which change nothing
    return made;
  };
  return {subject(memory, Durability::kProcess),
          subject(io, Durability::kSystem),
          subject(io_hints, Durability::kSystem)};
}

}  // namespace strata::bench
