#include "stages/09_lsm_tree/table.h"

#include <algorithm>
#include <utility>

#include "common/store/errors.h"
#include "common/table/find_block.h"

namespace strata::lsm {

namespace {

constexpr const char* kOpen = "open the table";
constexpr const char* kReadIndex = "read the sparse index";
constexpr const char* kNoEntries = "its entries are no entries";
constexpr std::uint64_t kShortRange = std::uint64_t{32} * 1024;
constexpr std::uint64_t kMaxAhead = std::uint64_t{256} * 1024;

// In an index one key in 16 stands whole, and the others hold what they do not
// share with the one before: all of them together take at most so many bytes
// of memory for each byte of it. Who claims more means harm.
constexpr std::uint64_t kKeysPerByte = 16;

}  // namespace

Table::Table(const Shelf& shelf, const TableInfo& info)
    : shelf_(shelf),
      info_(info),
      name_(numbered_name(info.number, kTableSuffix)),
      path_(shelf.options.path_of(name_)) {
  const auto file = open(kOpen);
  size_ = file->size("measure the table");
  const bool has_index = read_index(*file);
  if (!has_index) find_blocks(*file);
  blocks_.finish();
  if (has_index) return;
  shelf_.options.tell("damaged: " + path_ + ": offset " +
                      std::to_string(gap_->offset) + ": " + gap_->why + ": " +
                      std::to_string(blocks_.size()) +
                      " blocks found without it");
}

Table::Table(const Shelf& shelf, const TableInfo& info, Missing)
    : shelf_(shelf),
      info_(info),
      name_(numbered_name(info.number, kTableSuffix)),
      path_(shelf.options.path_of(name_)),
      gap_(Gap{0, 0, "the table is missing"}),
      lost_behind_("") {}

TablePtr Table::missing(const Shelf& shelf, const TableInfo& info) {
  return TablePtr(new Table(shelf, info, Missing{}));
}

std::shared_ptr<const File> Table::open(const char* why) const {
  return shelf_.files.open(path_, why);
}

bool Table::read_index(const File& file) {
  const std::uint64_t footer_at =
      size_ - std::min(size_, std::uint64_t{kFooterBytes});
  std::string bytes;
  read_exactly(file, footer_at, size_ - footer_at, "read the footer", bytes);
  const auto footer = decode_footer(bytes);
  if (!footer || footer->index.offset > footer_at ||
      footer->index.size != footer_at - footer->index.offset ||
      footer->filter.offset > footer->index.offset ||
      footer->filter.size != footer->index.offset - footer->filter.offset) {
    gap_ = {footer_at, size_ - footer_at, "no footer: the file is not whole"};
    return false;
  }
  read_exactly(file, footer->index.offset, footer->index.size, kReadIndex,
               bytes);
  std::string scratch;
  const char* why = "";
  const auto entries = sst::open_block(bytes, BlockKind::kIndex, scratch, why);
  const bool is_stored_as_it_is = scratch.empty();
  const bool is_index =
      is_stored_as_it_is && take_index(entries, footer->filter.offset);
  if (!is_index) {
    blocks_ = {};
    gap_ = {footer->index.offset, footer->index.size, "the index is damaged"};
  }
  read_filter(file, footer->filter);
  return is_index;
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
    const auto place = decode_place(entry.value);
    key_bytes += entry.key.size();
    if (!place || key_bytes > kKeysPerByte * entries.size()) return false;
    const bool follows =
        blocks_.empty() || blocks_.back().first_key < entry.key;
    const bool fits =
        place->size > sst::kBlockHeaderBytes && place->size <= end - at;
    if (place->offset != at || !fits || !follows) return false;
    blocks_.add(entry.key, place->size);
    at += place->size;
  }
  return decoded == Decoded::kEnd && at == end;
}

void Table::read_filter(const File& file, const Place& place) {
  std::string bytes;
  std::string scratch;
  const char* why = "";
  read_exactly(file, place.offset, place.size, "read the Bloom filter", bytes);
  const auto body = sst::open_block(bytes, BlockKind::kFilter, scratch, why);
  const bool is_stored_as_it_is = scratch.empty();
  if (is_stored_as_it_is && filter_.decode(body)) return;
  filter_gap_ = {place.offset, place.size, "the Bloom filter is damaged"};
  shelf_.options.tell("damaged: " + path_ + ": offset " +
                      std::to_string(place.offset) +
                      ": the Bloom filter: gets go on without it");
}

// Goes from block to block by the lengths that they tell. The blocks end where
// the filter stands: at the first block that says that it is no data block.
void Table::find_blocks(const File& file) {
  const std::uint64_t end = size_;
  const std::uint64_t most_key_bytes =
      kKeysPerByte * std::max<std::uint64_t>(size_, sst::kMaxCompressed);
  std::uint64_t key_bytes = 0;
  std::string last_key;
  std::string scratch;
  sst::FoundBlock found;
  for (std::uint64_t at = 0;; at += found.bytes.size()) {
    const char* why = "";
    const std::string_view entries =
        sst::find_block(file, at, end, found, scratch, why);
    const bool is_other =
        !entries.empty() && found.header.kind != BlockKind::kData;
    if (is_other && last_key >= info_.last) return;
    BlockCursor cursor;
    const bool has_key =
        !is_other && cursor.open(entries) && cursor.next() == Decoded::kRecord;
    if (has_key) key_bytes += cursor.entry().key.size();
    const bool follows =
        has_key &&
        (blocks_.empty() || blocks_.back().first_key < cursor.entry().key);
    if (!follows || key_bytes > most_key_bytes) {
      gap_ = {at, size_ - at, entries.empty() ? why : kNoEntries};
      if (last_key < info_.last) lost_behind_ = last_key;
      return;
    }
    blocks_.add(cursor.entry().key, found.bytes.size());
    do {
      last_key = cursor.entry().key;
    } while (cursor.next() == Decoded::kRecord);
  }
}

std::uint64_t Table::index_bytes() const {
  return blocks_.bytes() + filter_.bytes();
}

void Table::check_not_lost(std::string_view key) const {
  if (!lost_behind_ || key <= *lost_behind_) return;
  throw Damage(path_, gap_->offset, gap_->why);
}

void Table::check_whole() const {
  if (gap_) throw Damage(path_, gap_->offset, gap_->why);
  if (filter_gap_) throw Damage(path_, filter_gap_->offset, filter_gap_->why);
}

void Table::read_blocks(std::size_t first, std::size_t count, const char* why,
                        std::string& bytes) const {
  const std::uint64_t begin = blocks_.place(first).offset;
  read_exactly(*open(kOpen), begin, blocks_.end(first + count - 1) - begin, why,
               bytes);
}

LoadedBlock Table::block(std::size_t number) const {
  const Place place = blocks_.place(number);
  LoadedBlock block = shelf_.blocks.find(info_.number, place.offset);
  if (block.bytes) return block;
  auto bytes = std::make_shared_for_overwrite<char[]>(place.size);
  read_exactly(*open(kOpen), place.offset, place.size, bytes.get(),
               "read the block");
  thread_local std::string unfolded;
  const char* why = "";
  unfolded.clear();
  block.entries = sst::open_block({bytes.get(), place.size}, BlockKind::kData,
                                  unfolded, why);
  if (block.entries.empty()) throw Damage(path_, place.offset, why);
  block.size = place.size;
  if (!unfolded.empty()) {
    block.size = unfolded.size();
    bytes = std::make_shared_for_overwrite<char[]>(block.size);
    unfolded.copy(bytes.get(), block.size);
    block.entries = {bytes.get(), block.size};
  }
  block.bytes = std::move(bytes);
  shelf_.blocks.keep(info_.number, place.offset, block);
  return block;
}

Found Table::get(std::string_view key, std::string& value) const {
  check_not_lost(key);
  if (blocks_.empty() || key < blocks_.first_key(0)) return Found::kNothing;
  const std::size_t number = blocks_.block_of(key);
  const LoadedBlock loaded = block(number);
  thread_local BlockCursor cursor;
  Decoded decoded = Decoded::kCorrupt;
  if (cursor.open(loaded.entries)) decoded = cursor.seek(key);
  if (decoded == Decoded::kCorrupt) {
    throw Damage(path_, blocks_.place(number).offset, kNoEntries);
  }
  if (decoded == Decoded::kEnd || cursor.entry().key != key) {
    return Found::kNothing;
  }
  if (cursor.entry().is_tombstone) return Found::kTombstone;
  value = cursor.entry().value;
  return Found::kValue;
}

std::optional<Gap> Table::for_each(
    const SparseIndex::Block& block, const char* why,
    const std::function<void(const BlockCursor&)>& visit) const {
  std::string bytes;
  std::string scratch;
  const Place& place = block.place;
  read_exactly(*open(kOpen), place.offset, place.size, why, bytes);
  const char* wrong = "";
  BlockCursor cursor;
  if (!cursor.open(sst::open_block(bytes, BlockKind::kData, scratch, wrong))) {
    return Gap{place.offset, place.size, wrong};
  }
  Decoded decoded = cursor.next();
  for (; decoded == Decoded::kRecord; decoded = cursor.next()) visit(cursor);
  if (decoded == Decoded::kEnd) return std::nullopt;
  return Gap{place.offset, place.size, kNoEntries};
}

TableCursor::TableCursor(TablePtr table, Reading reading)
    : table_(std::move(table)), reading_(std::move(reading)) {}

void TableCursor::meet(const Gap& gap) {
  if (!reading_.skip) throw Damage(table_->path(), gap.offset, gap.why);
  reading_.skip(*table_, gap);
}

void TableCursor::meet_block(const char* why) {
  const Place place = table_->blocks().place(number_);
  meet({place.offset, place.size, why});
}

// At the table's end: what is lost behind it.
void TableCursor::meet_lost() {
  if (table_->has_lost_keys()) meet(*table_->gap());
}

bool TableCursor::begin_at(std::size_t number) {
  number_ = number;
  from_ = table_->blocks().place(number).offset;
  return open_cached();
}

bool TableCursor::open_cached() {
  held_ = table_->block(number_);
  read_until_ = number_ + 1;
  return block_.open(held_.entries);
}

bool TableCursor::seek(std::string_view key) {
  const auto& blocks = table_->blocks();
  if (blocks.empty()) {
    meet_lost();
    return false;
  }
  const std::size_t number = blocks.block_of(key);
  Decoded decoded = Decoded::kCorrupt;
  if (reading_.all) {
    read_until_ = number;
    number_ = number - 1;
    if (!open_next()) return first_of_next();
    decoded = block_.seek(key);
  } else if (begin_at(number)) {
    decoded = block_.seek(key);
  }
  if (decoded == Decoded::kCorrupt) meet_block(kNoEntries);
  return decoded == Decoded::kRecord || first_of_next();
}

bool TableCursor::next() {
  const Decoded decoded = block_.next();
  if (decoded == Decoded::kRecord) return true;
  if (decoded == Decoded::kCorrupt) meet_block(kNoEntries);
  return first_of_next();
}

bool TableCursor::first_of_next() {
  while (number_ + 1 < table_->blocks().size()) {
    if (!open_next()) continue;
    const Decoded decoded = block_.next();
    if (decoded == Decoded::kRecord) return true;
    if (decoded == Decoded::kCorrupt) meet_block(kNoEntries);
  }
  meet_lost();
  return false;
}

// Opens the next block. Returns false, and has met the damage, where it is none.
bool TableCursor::open_next() {
  ++number_;
  const Place place = table_->blocks().place(number_);
  const bool is_short = !reading_.all && place.offset - from_ < kShortRange;
  const char* why = kNoEntries;
  if (is_short) {
    if (open_cached()) return true;
  } else {
    if (number_ >= read_until_) read_ahead();
    const auto bytes = std::string_view(bytes_).substr(at_, place.size);
    at_ += place.size;
    if (block_.open(sst::open_block(bytes, BlockKind::kData, scratch_, why)))
      return true;
  }
  meet_block(why);
  return false;
}

// Reads the block it is to go to, and more while they fit.
void TableCursor::read_ahead() {
  const auto& blocks = table_->blocks();
  const std::uint64_t begin = blocks.place(number_).offset;
  const std::uint64_t ahead =
      reading_.all ? kMaxAhead : std::min(begin - from_, kMaxAhead);
  read_until_ = number_;
  do {
    ++read_until_;
  } while (read_until_ < blocks.size() &&
           blocks.end(read_until_) - begin <= ahead);
  table_->read_blocks(number_, read_until_ - number_, reading_.why, bytes_);
  at_ = 0;
}

bool TableCursor::seek_before(std::string_view key) {
  table_->check_not_lost(key);
  if (table_->blocks().empty()) return false;
  if (!begin_at(table_->blocks().block_of(key))) meet_block(kNoEntries);
  const Decoded decoded = block_.seek_before(key);
  if (decoded == Decoded::kCorrupt) meet_block(kNoEntries);
  return decoded == Decoded::kRecord || last_of_previous();
}

bool TableCursor::seek_last() {
  if (table_->has_lost_keys()) meet_lost();
  number_ = table_->blocks().size();
  return last_of_previous();
}

bool TableCursor::prev() {
  const std::string key(entry().key);
  const Decoded decoded = block_.seek_before(key);
  if (decoded == Decoded::kCorrupt) meet_block(kNoEntries);
  if (decoded == Decoded::kRecord) return true;
  return last_of_previous();
}

bool TableCursor::last_of_previous() {
  if (number_ == 0) return false;
  Decoded decoded = Decoded::kCorrupt;
  if (begin_at(number_ - 1)) decoded = block_.seek_last();
  if (decoded == Decoded::kCorrupt) meet_block(kNoEntries);
  return decoded == Decoded::kRecord;
}

}  // namespace strata::lsm
