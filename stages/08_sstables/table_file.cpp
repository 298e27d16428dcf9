#include "stages/08_sstables/table_file.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "common/record/big_endian.h"
#include "common/record/binary_record.h"
#include "common/store/errors.h"

namespace strata::sstables {

namespace {

constexpr std::string_view kMagic = "sstable\n";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kWriteBytes = std::size_t{256} * 1024;

bool ends_with(std::string_view name, std::string_view suffix) {
  return name.size() > suffix.size() &&
         name.substr(name.size() - suffix.size()) == suffix;
}

bool parse_number(std::string_view digits, std::uint64_t& number) {
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  return error == std::errc() && stop == end;
}

// Whether the name is digits, a dash and digits in front of the suffix.
bool has_form_of_table(std::string_view name, std::string_view suffix) {
  if (!ends_with(name, suffix)) return false;
  name.remove_suffix(suffix.size());
  const std::size_t dash = name.find('-');
  return dash != std::string_view::npos && dash > 0 && dash + 1 < name.size() &&
         name.find_first_not_of("0123456789") == dash &&
         name.find_first_not_of("0123456789", dash + 1) ==
             std::string_view::npos;
}

TableRange parse_name(std::string_view name, const std::string& directory) {
  const std::size_t dash = name.find('-');
  TableRange range;
  const std::size_t end = name.size() - kTableSuffix.size();
  const bool fits =
      parse_number(name.substr(0, dash), range.first) &&
      parse_number(name.substr(dash + 1, end - dash - 1), range.last) &&
      range.first > 0 && range.first <= range.last && range.name() == name;
  if (!fits) {
    throw Damage(directory + "/" + std::string(name), 0,
                 "a table is not called so");
  }
  return range;
}

}  // namespace

std::string TableRange::name(std::string_view suffix) const {
  return std::to_string(first) + "-" + std::to_string(last) +
         std::string(suffix);
}

std::vector<TableRange> tables_among(const std::vector<std::string>& names,
                                     const std::string& directory,
                                     std::vector<TableRange>& superseded) {
  std::vector<TableRange> all;
  for (const std::string& name : names) {
    if (has_form_of_table(name, kTableSuffix)) {
      all.push_back(parse_name(name, directory));
    }
  }
  // One that holds others stands in front of them.
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.last > b.last;
  });
  std::vector<TableRange> tables;
  for (const TableRange& range : all) {
    if (tables.empty() || tables.back().last < range.first) {
      tables.push_back(range);
    } else if (tables.back().holds(range)) {
      superseded.push_back(range);
    } else {
      throw Damage(
          directory + "/" + range.name(), 0,
          "holds some writes of " + tables.back().name() + ", and others");
    }
  }
  return tables;
}

bool is_unfinished_table(std::string_view name) {
  return has_form_of_table(name, kWritingSuffix);
}

std::optional<Footer> decode_footer(std::string_view bytes) {
  const auto number = [&bytes](std::size_t at) {
    return read_big_endian<std::uint64_t>(bytes.substr(at));
  };
  const bool is_one =
      bytes.size() == kFooterBytes &&
      bytes.substr(kFooterBytes - kMagic.size()) == kMagic &&
      read_big_endian<std::uint32_t>(bytes) == crc32(bytes.substr(kCrcBytes)) &&
      read_big_endian<std::uint32_t>(bytes.substr(kCrcBytes)) == kVersion;
  if (!is_one) return std::nullopt;
  return Footer{number(8), number(16), number(24)};
}

void add_index_entry(std::string_view first_key, std::uint64_t offset,
                     std::uint64_t size, BlockBuilder& index) {
  std::string place;
  append_big_endian(offset, place);
  append_big_endian(size, place);
  index.add({first_key, place});
}

TableWriter::TableWriter(const Options& options, TableRange range,
                         const TableFormat& format)
    : options_(options),
      range_(range),
      format_(format),
      file_(File::open(options.system(),
                       options.path_of(range.name(kWritingSuffix)),
                       OpenMode::kCreate, "begin a table")) {
  if (file_.size("is anything left there?") > 0) {
    file_.truncate(0, "overwrite a left-over");
  }
}

void TableWriter::add(const Entry& entry) {
  if (block_.empty()) first_key_ = entry.key;
  block_.add(entry);
  ++entries_;
  if (block_.size() >= format_.block_bytes) end_block();
}

void TableWriter::end_block() {
  if (block_.empty()) return;
  const std::uint64_t offset = written_ + buffer_.size();
  block_.finish(BlockKind::kData, format_.compression, buffer_);
  add_index_entry(first_key_, offset, written_ + buffer_.size() - offset,
                  index_);
  if (buffer_.size() >= kWriteBytes) write_out();
}

void TableWriter::write_out() {
  file_.write_at(written_, buffer_, "write the table");
  written_ += buffer_.size();
  buffer_.clear();
}

void TableWriter::finish(bool durable) {
  end_block();
  Footer footer;
  footer.index_offset = written_ + buffer_.size();
  index_.finish(BlockKind::kIndex, Compression::kNone, buffer_);
  footer.index_size = written_ + buffer_.size() - footer.index_offset;
  std::string bytes;
  append_big_endian(kVersion, bytes);
  append_big_endian(footer.index_offset, bytes);
  append_big_endian(footer.index_size, bytes);
  append_big_endian(entries_, bytes);
  bytes += kMagic;
  append_big_endian(crc32(bytes), buffer_);
  buffer_ += bytes;
  write_out();
  if (durable) file_.sync("make the table durable");
  may_have_its_name_ = true;  // even if this fails
  rename_file(options_.system(), file_.path(), options_.path_of(range_.name()),
              "name the table");
}

bool TableWriter::take_back() {
  const auto remove = [this](const std::string& path) {
    try {
      remove_file(options_.system(), path, "take the table back");
      return true;
    } catch (const IoError&) {
      return false;
    }
  };
  const bool is_gone = remove(file_.path());
  if (!may_have_its_name_) return true;
  return remove(options_.path_of(range_.name())) && is_gone;
}

}  // namespace strata::sstables
