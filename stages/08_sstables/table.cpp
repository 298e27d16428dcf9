#include "stages/08_sstables/table.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/record/big_endian.h"
#include "common/store/errors.h"
#include "common/table/find_block.h"

namespace strata::sstables {

namespace {

constexpr const char* kOpen = "open the table";
constexpr const char* kReadIndex = "read the sparse index";
constexpr const char* kNoEntries = "its entries are no entries";
constexpr std::size_t kPlaceBytes = 16;  // of a block, in the index
constexpr std::size_t kMaxAhead = std::size_t{256} * 1024;

// In an index one key in 16 stands whole, and the others hold what they do not
// share with the one before: all of them together take at most so many bytes
// of memory for each byte of it. Who claims more means harm.
constexpr std::uint64_t kKeysPerByte = 16;

}  // namespace

Table::Table(const Options& options, FileCache& files, TableRange range)
    : options_(options),
      files_(files),
      range_(range),
      name_(range.name()),
      path_(options.path_of(name_)) {
  const auto file = open(kOpen);
  size_ = file->size("measure the table");
  if (read_index(*file)) return;
  find_blocks(*file);
  options_.tell("damaged: " + path_ + ": offset " +
                std::to_string(gap_->offset) + ": " + gap_->why + ": " +
                std::to_string(blocks_.size()) + " blocks found without it");
}

std::shared_ptr<const File> Table::open(const char* why) const {
  return files_.open(path_, why);
}

bool Table::read_index(const File& file) {
  const std::uint64_t footer_at =
      size_ - std::min(size_, std::uint64_t{kFooterBytes});
  std::string bytes;
  read_exactly(file, footer_at, size_ - footer_at, "read the footer", bytes);
  const auto footer = decode_footer(bytes);
  if (!footer || footer->index_offset > footer_at ||
      footer->index_size != footer_at - footer->index_offset) {
    gap_ = {footer_at, size_ - footer_at, "no footer: the file is not whole"};
    return false;
  }
  read_exactly(file, footer->index_offset, footer->index_size, kReadIndex,
               bytes);
  std::string scratch;
  const char* why = "";
  const auto entries = open_block(bytes, BlockKind::kIndex, scratch, why);
  const bool is_stored_as_it_is = scratch.empty();
  if (is_stored_as_it_is && take_index(entries, footer->index_offset)) {
    return true;
  }
  blocks_.clear();
  gap_ = {footer->index_offset, footer->index_size, "the index is damaged"};
  return false;
}

// Whether they are the index of blocks that fill the file up to `end`.
bool Table::take_index(std::string_view entries, std::uint64_t end) {
  BlockCursor cursor;
  if (!cursor.open(entries)) return false;
  std::uint64_t at = 0;
  std::uint64_t key_bytes = 0;
  Decoded decoded = cursor.next();
  for (; decoded == Decoded::kRecord; decoded = cursor.next()) {
    const Entry& entry = cursor.entry();
    if (entry.value.size() != kPlaceBytes) return false;
    key_bytes += entry.key.size();
    if (key_bytes > kKeysPerByte * entries.size()) return false;
    const auto offset = read_big_endian<std::uint64_t>(entry.value);
    const auto size = read_big_endian<std::uint64_t>(entry.value.substr(8));
    const bool follows =
        blocks_.empty() || blocks_.back().first_key < entry.key;
    const bool fits = size > kBlockHeaderBytes && size <= end - at;
    if (offset != at || !fits || !follows) return false;
    blocks_.push_back({std::string(entry.key), offset, size});
    at += size;
  }
  return decoded == Decoded::kEnd && at == end;
}

// Goes from block to block by the lengths that they tell. The blocks end where
// the index stands: by the footer's word if the index is what is damaged, else
// where a block says that it is one.
void Table::find_blocks(const File& file) {
  const bool end_is_known = gap_->offset + gap_->size < size_;
  const std::uint64_t end = end_is_known ? gap_->offset : size_;
  const std::uint64_t most_key_bytes =
      kKeysPerByte * std::max<std::uint64_t>(size_, kMaxCompressed);
  std::uint64_t key_bytes = 0;
  std::string last_key;
  std::string scratch;
  sst::FoundBlock found;
  for (std::uint64_t at = 0; !end_is_known || at < end;
       at += found.bytes.size()) {
    const char* why = "";
    const std::string_view entries =
        sst::find_block(file, at, end, found, scratch, why);
    if (!entries.empty() && found.header.kind == BlockKind::kIndex) return;
    BlockCursor cursor;
    const bool has_key =
        cursor.open(entries) && cursor.next() == Decoded::kRecord;
    if (has_key) key_bytes += cursor.entry().key.size();
    if (!has_key || key_bytes > most_key_bytes) {
      gap_ = {at, size_ - at, entries.empty() ? why : kNoEntries};
      lost_behind_ = last_key;
      return;
    }
    blocks_.push_back(
        {std::string(cursor.entry().key), at, found.bytes.size()});
    do {
      last_key = cursor.entry().key;
    } while (cursor.next() == Decoded::kRecord);
  }
}

std::uint64_t Table::index_bytes() const {
  std::uint64_t bytes = blocks_.capacity() * sizeof(Block);
  for (const Block& block : blocks_) bytes += block.first_key.size();
  return bytes;
}

std::size_t Table::block_of(std::string_view key) const {
  const auto behind = std::upper_bound(
      blocks_.begin(), blocks_.end(), key,
      [](std::string_view a, const Block& b) { return a < b.first_key; });
  const auto at = static_cast<std::size_t>(behind - blocks_.begin());
  return at == 0 ? 0 : at - 1;
}

void Table::check_not_lost(std::string_view key) const {
  if (!lost_behind_ || key <= *lost_behind_) return;
  throw Damage(path_, gap_->offset, gap_->why);
}

void Table::check_whole() const {
  if (gap_) throw Damage(path_, gap_->offset, gap_->why);
}

void Table::read_blocks(std::size_t first, std::size_t count, const char* why,
                        std::string& bytes) const {
  const Block& last = blocks_[first + count - 1];
  const std::uint64_t begin = blocks_[first].offset;
  read_exactly(*open(kOpen), begin, last.offset + last.size - begin, why,
               bytes);
}

Found Table::get(std::string_view key, std::string& value) const {
  check_not_lost(key);
  if (blocks_.empty() || key < blocks_[0].first_key) return Found::kNothing;
  const std::size_t number = block_of(key);
  thread_local std::string bytes;
  thread_local std::string scratch;
  thread_local BlockCursor cursor;
  read_blocks(number, 1, "read the block", bytes);
  const char* why = kNoEntries;
  const auto entries = open_block(bytes, BlockKind::kData, scratch, why);
  Decoded decoded = Decoded::kCorrupt;
  if (cursor.open(entries)) decoded = cursor.seek(key);
  if (decoded == Decoded::kCorrupt) {
    throw Damage(path_, blocks_[number].offset, why);
  }
  if (decoded == Decoded::kEnd || cursor.entry().key != key) {
    return Found::kNothing;
  }
  if (cursor.entry().is_tombstone) return Found::kTombstone;
  value = cursor.entry().value;
  return Found::kValue;
}

std::optional<Gap> Table::for_each(
    const Block& block, const char* why,
    const std::function<void(const BlockCursor&)>& visit) const {
  std::string bytes;
  std::string scratch;
  read_exactly(*open(kOpen), block.offset, block.size, why, bytes);
  const char* wrong = "";
  BlockCursor cursor;
  if (!cursor.open(open_block(bytes, BlockKind::kData, scratch, wrong))) {
    return Gap{block.offset, block.size, wrong};
  }
  Decoded decoded = cursor.next();
  for (; decoded == Decoded::kRecord; decoded = cursor.next()) visit(cursor);
  if (decoded == Decoded::kEnd) return std::nullopt;
  return Gap{block.offset, block.size, kNoEntries};
}

TableCursor::TableCursor(TablePtr table, std::string_view from, const char* why,
                         Skip skip)
    : table_(std::move(table)),
      why_(why),
      skip_(std::move(skip)),
      from_(from),
      next_block_(table_->block_of(from)),
      read_until_(next_block_) {}

void TableCursor::meet(const Gap& gap) {
  if (!skip_) throw Damage(table_->path(), gap.offset, gap.why);
  skip_(gap);
}

bool TableCursor::next() {
  Decoded decoded = block_.next();
  while (decoded != Decoded::kRecord) {
    if (decoded == Decoded::kCorrupt) {
      const Table::Block& block = table_->blocks()[next_block_ - 1];
      meet({block.offset, block.size, kNoEntries});
    }
    if (!open_next_block()) return false;
    decoded = first_of_block();
  }
  return true;
}

Decoded TableCursor::first_of_block() {
  if (from_.empty()) return block_.next();
  const Decoded decoded = block_.seek(from_);
  from_.clear();
  return decoded;
}

// The next whole one. At the end, what is lost behind it is told once.
bool TableCursor::open_next_block() {
  const auto& blocks = table_->blocks();
  while (next_block_ < blocks.size()) {
    if (next_block_ == read_until_) read_ahead();
    const Table::Block& block = blocks[next_block_];
    const auto bytes = std::string_view(bytes_).substr(
        at_, static_cast<std::size_t>(block.size));
    at_ += bytes.size();
    ++next_block_;
    const char* why = "";
    if (block_.open(open_block(bytes, BlockKind::kData, scratch_, why))) {
      return true;
    }
    meet({block.offset, block.size, why});
  }
  const bool at_end = std::exchange(at_end_, true);
  if (!at_end && table_->has_lost_keys()) meet(*table_->gap());
  return false;
}

// Reads the next block, and more while they fit.
void TableCursor::read_ahead() {
  const auto& blocks = table_->blocks();
  const std::uint64_t begin = blocks[next_block_].offset;
  const auto fits = [&](const Table::Block& block) {
    return block.offset + block.size - begin <= ahead_;
  };
  do {
    ++read_until_;
  } while (read_until_ < blocks.size() && fits(blocks[read_until_]));
  table_->read_blocks(next_block_, read_until_ - next_block_, why_, bytes_);
  at_ = 0;
  ahead_ = std::min(2 * std::max(ahead_, bytes_.size()), kMaxAhead);
}

}  // namespace strata::sstables
