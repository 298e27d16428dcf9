#include "stages/09_lsm_tree/table_file.h"

#include "common/record/big_endian.h"
#include "common/record/binary_record.h"
#include "common/store/errors.h"
#include "common/store/segment_files.h"
#include "stages/09_lsm_tree/bloom.h"

namespace strata::lsm {

namespace {

constexpr std::string_view kMagic = "lsmtable";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kNumberBytes = 8;
constexpr std::size_t kWriteBytes = std::size_t{256} * 1024;

void append_place(const Place& place, std::string& out) {
  append_big_endian(place.offset, out);
  append_big_endian(place.size, out);
}

}  // namespace

std::string numbered_name(std::uint64_t number, std::string_view suffix) {
  return std::to_string(number) + std::string(suffix);
}

std::uint64_t number_of(const std::string& name, const std::string& directory,
                        std::string_view suffix) {
  const auto number = number_of_file(name, directory, suffix, kNumbersEnd - 1);
  if (number == 0U) {
    throw Damage(directory + "/" + name, 0, "numbers begin with 1");
  }
  return number.value_or(0);
}

void encode_footer(const Footer& footer, std::string& out) {
  std::string bytes;
  append_big_endian(kVersion, bytes);
  append_place(footer.filter, bytes);
  append_place(footer.index, bytes);
  append_big_endian(footer.entries, bytes);
  bytes += kMagic;
  append_big_endian(crc32(bytes), out);
  out += bytes;
}

std::optional<Footer> decode_footer(std::string_view bytes) {
  const auto number = [&bytes](std::size_t i) {
    return read_big_endian<std::uint64_t>(
        bytes.substr(2 * kCrcBytes + i * kNumberBytes));
  };
  const bool is_one =
      bytes.size() == kFooterBytes &&
      bytes.substr(kFooterBytes - kMagic.size()) == kMagic &&
      read_big_endian<std::uint32_t>(bytes) == crc32(bytes.substr(kCrcBytes)) &&
      read_big_endian<std::uint32_t>(bytes.substr(kCrcBytes)) == kVersion;
  if (!is_one) return std::nullopt;
  return Footer{{number(0), number(1)}, {number(2), number(3)}, number(4)};
}

void add_index_entry(std::string_view first_key, const Place& place,
                     BlockBuilder& index) {
  std::string value;
  append_place(place, value);
  index.add({first_key, value});
}

std::optional<Place> decode_place(std::string_view value) {
  if (value.size() != 2 * kNumberBytes) return std::nullopt;
  return Place{read_big_endian<std::uint64_t>(value),
               read_big_endian<std::uint64_t>(value.substr(kNumberBytes))};
}

TableWriter::TableWriter(const Options& options, std::uint64_t number,
                         const TableFormat& format)
    : format_(format),
      file_(File::open(options.system(),
                       options.path_of(numbered_name(number, kTableSuffix)),
                       OpenMode::kCreate, "begin a table")) {
  info_.number = number;
  if (file_.size("is anything left there?") > 0) {
    file_.truncate(0, "overwrite a left-over");
  }
}

void TableWriter::add(const Entry& entry) {
  if (block_.empty()) block_first_ = entry.key;
  if (info_.entries == 0) info_.first = entry.key;
  info_.last = entry.key;
  block_.add(entry);
  ++info_.entries;
  if (entry.is_tombstone) ++info_.tombstones;
  if (format_.bloom_bits > 0) hashes_.push_back(bloom_hash(entry.key));
  if (block_.size() >= format_.block_bytes) end_block();
}

void TableWriter::end_block() {
  if (block_.empty()) return;
  Place place{written_ + buffer_.size(), 0};
  block_.finish(BlockKind::kData, format_.compression, buffer_);
  place.size = written_ + buffer_.size() - place.offset;
  add_index_entry(block_first_, place, index_);
  if (buffer_.size() >= kWriteBytes) write_out();
}

void TableWriter::write_out() {
  file_.write_at(written_, buffer_, "write the table");
  written_ += buffer_.size();
  buffer_.clear();
}

TableInfo TableWriter::finish() {
  end_block();
  Footer footer;
  std::string filter;
  std::string scratch;
  Bloom(hashes_, format_.bloom_bits).encode(filter);
  footer.filter.offset = written_ + buffer_.size();
  sst::append_block(BlockKind::kFilter, Compression::kNone, filter, scratch,
                    buffer_);
  footer.index.offset = written_ + buffer_.size();
  footer.filter.size = footer.index.offset - footer.filter.offset;
  index_.finish(BlockKind::kIndex, Compression::kNone, buffer_);
  footer.index.size = written_ + buffer_.size() - footer.index.offset;
  footer.entries = info_.entries;
  encode_footer(footer, buffer_);
  write_out();
  file_.sync("make the table durable");
  info_.size = written_;
  return info_;
}

}  // namespace strata::lsm
