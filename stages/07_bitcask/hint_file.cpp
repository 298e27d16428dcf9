#include "stages/07_bitcask/hint_file.h"

#include <utility>

#include "common/record/big_endian.h"
#include "common/record/binary_record.h"
#include "common/store/errors.h"
#include "stages/07_bitcask/data_files.h"

namespace strata::bitcask {

namespace {

constexpr std::uint64_t kTombstoneBit = std::uint64_t{1} << 63;
constexpr std::uint64_t kLastOffset = kTombstoneBit - 1;
constexpr std::uint64_t kLongestRecord = 0xFFFFFFFF;
constexpr std::size_t kBufferBytes = std::size_t{64} * 1024;

}  // namespace

void encode_hint(const HintEntry& entry, std::string& out) {
  append_big_endian(entry.tstamp, out);
  append_big_endian(static_cast<std::uint16_t>(entry.key.size()), out);
  append_big_endian(static_cast<std::uint32_t>(entry.total_size), out);
  append_big_endian(entry.offset | (entry.tombstone ? kTombstoneBit : 0), out);
  out += entry.key;
}

HintWriter::HintWriter(const Options& options, std::string path)
    : os_(options.system()),
      path_(std::move(path)),
      unfinished_(path_ + std::string(kUnfinished)) {}

HintWriter::~HintWriter() {
  give_up();
}

void HintWriter::give_up() {
  failed_ = true;
  buffer_ = std::string();
  if (!file_) return;
  file_.reset();
  try {
    remove_file(os_, unfinished_, "remove the unfinished hints");
  } catch (const IoError&) {  // NOLINT(bugprone-empty-catch): the next open
                              // for writing removes them
  }
}

void HintWriter::add(const HintEntry& entry) {
  if (failed_) return;
  if (entry.total_size > kLongestRecord) return give_up();
  encode_hint(entry, buffer_);
  if (buffer_.size() >= kBufferBytes) write_buffer();
}

void HintWriter::write_buffer() {
  try {
    if (!file_) {
      file_ = File::open(os_, unfinished_, OpenMode::kCreate, "make the hints");
      file_->truncate(0, "make the hints");
    }
    file_->write_at(written_, buffer_, "write the hints");
    crc_ = crc32(buffer_, crc_);
    written_ += buffer_.size();
    buffer_.clear();
  } catch (const IoError&) {
    give_up();
  }
}

void HintWriter::finish(bool durable) {
  if (failed_) return;
  crc_ = crc32(buffer_, crc_);
  std::uint32_t before = crc_;
  encode_hint({.total_size = before, .offset = kLastOffset}, buffer_);
  write_buffer();
  if (failed_) return;
  try {
    if (durable) file_->sync("make the hints durable");
    finished_ = true;
  } catch (const IoError&) {
    give_up();
  }
}

void HintWriter::publish() {
  if (!finished_) return;
  try {
    rename_file(os_, unfinished_, path_, "give the hints their name");
  } catch (const IoError&) {
    return give_up();
  }
  file_.reset();
  failed_ = true;  // nothing more to be done
}

HintReader::HintReader(Os& os, const std::string& path, std::uint64_t data_size,
                       const char* why)
    : file_(File::open_if_there(os, path, why)) {
  if (!file_) return;
  window_.emplace(*file_, file_->size("measure the hints"), "read the hints");
  damage_ = check(data_size);
  at_ = 0;
}

const char* HintReader::check(std::uint64_t data_size) {
  std::uint64_t covered = 0;
  std::uint32_t crc = 0;
  HintEntry entry;
  while (next(entry)) {
    if (entry.offset != covered ||
        entry.total_size < kHeaderBytes + entry.key.size()) {
      return kForeignHints;
    }
    covered += entry.total_size;
    const std::uint64_t begin = at_ - kHintBytes - entry.key.size();
    crc = crc32(window_->at(begin, static_cast<std::size_t>(at_ - begin)), crc);
  }
  const std::string_view last = window_->at(at_, kHintBytes);
  if (last.size() < kHintBytes || at_ + kHintBytes != window_->size()) {
    return "the hints are not complete";
  }
  const bool empty = last.find_first_not_of('\0') >= 6;
  if (!empty || read_big_endian<std::uint32_t>(last.substr(6)) != crc ||
      read_big_endian<std::uint64_t>(last.substr(10)) != kLastOffset) {
    return "checksum does not match";
  }
  covered_ = covered;
  return covered == data_size ? nullptr : kForeignHints;
}

// Puts the next entry into `entry`; false at the last one, or where none fits.
bool HintReader::next(HintEntry& entry) {
  const std::string_view head = window_->at(at_, kHintBytes);
  if (head.size() < kHintBytes) return false;
  const auto key_size = read_big_endian<std::uint16_t>(head.substr(4));
  if (key_size == 0 || window_->size() - at_ - kHintBytes < key_size) {
    return false;
  }
  const std::string_view bytes = window_->at(at_, kHintBytes + key_size);
  const auto offset = read_big_endian<std::uint64_t>(bytes.substr(10));
  entry = {.tstamp = read_big_endian<std::uint32_t>(bytes),
           .total_size = read_big_endian<std::uint32_t>(bytes.substr(6)),
           .tombstone = (offset & kTombstoneBit) != 0,
           .offset = offset & ~kTombstoneBit,
           .key = bytes.substr(kHintBytes)};
  at_ += bytes.size();
  return true;
}

bool HintReader::fits(const LogEntry& record) {
  HintEntry hint;
  bool found = next(hint);
  while (found && hint.offset < record.offset) found = next(hint);
  return found && hint.offset == record.offset &&
         hint.total_size == record.size &&
         hint.tstamp == record.header.tstamp && hint.key == record.key;
}

}  // namespace strata::bitcask
