/// @file
/// A block: some KiB of sorted entries, the unit that is read, checked and
/// compressed.
///
///     block    = crc: u32  kind: u8  compression: u8  size: u64  body
///     entries  = { entry } { restart: u32 } count: u32
///     entry    = shared: varint  rest: varint  mark: varint  key rest  value
///
///     +----------+----------+-----------------+-----------+------+
///     | crc: u32 | kind: u8 | compression: u8 | size: u64 | body |
///     +----------+----------+-----------------+-----------+------+
///       crc = CRC-32 (zlib's) of every byte after it   14 + size bytes
///
/// Fixed integers are big-endian, the others varints (varint.h). `size` is
/// that of the body as it is stored. What it becomes where it is compressed is
/// the entries; in front of it stand four bytes with their size.
///
/// Neighbours in a sorted file begin alike, so an entry holds only what its key
/// does not share with the one before: `shared` bytes are the same, `rest`
/// bytes follow. Every 16th entry, a *restart*, shares nothing: the list of
/// where those begin, from the body's start, lets a search begin in the middle.
/// `mark` is 0 for a tombstone and otherwise the value's size and 1, so that a
/// deletion needs no value that nobody may use.
///
/// `apple=1 apply=22`, and `beet` deleted, is this block of 44 bytes:
///
///     05 24 5d 60 00 00 00 00  00 00 00 00 00 1e           header
///     00 05 02 61 70 70 6c 65  31                          apple 1
///     04 01 03 79 32 32                                    appl + y 22
///     00 04 00 62 65 65 74                                 beet, deleted
///     00 00 00 00 00 00 00 01                              restarts: 0; one
///
/// What it costs: to find one entry, up to 16 keys are put together; and with
/// one bad bit all of the block's entries are lost.
/// @source LevelDB, doc/table_format.md and table/block_builder.cc, where the
///   header is a trailer of five bytes. Here the size stands in front of the
///   body: blocks can be found without the index that lists them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/record/decoded.h"
#include "common/table/compression.h"
#include "common/table/entry.h"

namespace strata::sst {

/// @returns how many bytes two keys begin with that are the same.
[[nodiscard]] std::size_t shared_prefix(std::string_view a, std::string_view b);

/// What a block's entries are.
enum class BlockKind : std::uint8_t {
  kData = 0,    ///< keys and values
  kIndex = 1,   ///< each data block's first key, and where it is
  kFilter = 2,  ///< no entries: a Bloom filter's bits (stage 09)
};

/// Bytes of a block in front of its body.
inline constexpr std::size_t kBlockHeaderBytes = 14;

/// The fixed part of a block.
struct BlockHeader {
  std::uint32_t crc = 0;                         ///< of all that follows it
  BlockKind kind = BlockKind::kData;             ///< what its entries are
  Compression compression = Compression::kNone;  ///< how the body is stored
  std::uint64_t size = 0;                        ///< of the body, in bytes
};

/// Reads a header.
/// @param bytes at least kBlockHeaderBytes of them
/// @returns whether it can be one: its kind and compression are known.
[[nodiscard]] bool decode_block_header(std::string_view bytes,
                                       BlockHeader& header);

/// Checks a block and undoes its compression.
/// @param bytes the block, to its end
/// @param scratch where the entries are put if they were compressed
/// @returns the entries, in `bytes` or `scratch`; nothing, where `why` says
///   what is wrong with the block.
[[nodiscard]] std::string_view open_block(std::string_view bytes,
                                          BlockKind kind, std::string& scratch,
                                          const char*& why);

/// Appends a block to `out`.
/// @param body compressed where that is worth it
/// @param scratch memory for that, reused
void append_block(BlockKind kind, Compression compression,
                  std::string_view body, std::string& scratch,
                  std::string& out);

/// Puts sorted entries into a block.
class BlockBuilder {
 public:
  /// Adds an entry behind all others: its key must be greater than theirs.
  void add(const Entry& entry);

  /// @returns bytes that the entries take so far.
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  /// @returns whether there is no entry.
  [[nodiscard]] bool empty() const { return entries_.empty(); }

  /// Appends the block to `out` and begins anew.
  void finish(BlockKind kind, Compression compression, std::string& out);

 private:
  std::string entries_;
  std::string restarts_;  // u32 each, big-endian
  std::string last_key_;
  std::string compressed_;
  std::size_t count_ = 0;
};

/// Goes through a block's entries. They have been checked against the block's
/// checksum, but whoever made them may have meant harm: whatever they hold, no
/// byte outside of them is read.
class BlockCursor {
 public:
  BlockCursor() = default;
  BlockCursor(const BlockCursor&) = delete;
  BlockCursor& operator=(const BlockCursor&) = delete;

  /// Stands before the first of `entries`, which must stay where they are.
  /// @returns false when they end in no list of restarts.
  [[nodiscard]] bool open(std::string_view entries);

  /// Moves to the next entry.
  Decoded next();

  /// Moves to the first entry whose key is not less than `key`.
  /// @complexity the logarithm of the restarts, then at most 16 entries
  Decoded seek(std::string_view key);

  /// Moves to the last entry whose key is less than `key`; `kEnd` where none
  /// is.
  /// @complexity as `seek`
  Decoded seek_before(std::string_view key);

  /// Moves to the last entry.
  Decoded seek_last();

  /// @returns where it stands: valid until it moves, the value as long as the
  ///   entries.
  [[nodiscard]] const Entry& entry() const { return entry_; }

  /// @returns where the entry begins, in bytes from the body's start.
  [[nodiscard]] std::size_t offset() const { return offset_; }

  /// @returns the entry's length in bytes.
  [[nodiscard]] std::size_t size() const { return next_ - offset_; }

  /// @returns how many of its key's bytes it shares with the one before.
  [[nodiscard]] std::size_t shared() const { return shared_; }

 private:
  [[nodiscard]] std::size_t restart(std::size_t i) const;
  void go_to(std::size_t offset);
  Decoded restart_before(std::string_view key, std::size_t& found);
  template <typename Stay>
  Decoded last_from(std::size_t begin, const Stay& stay);

  std::string_view entries_;
  std::string_view restarts_;
  std::size_t offset_ = 0;
  std::size_t next_ = 0;
  std::size_t shared_ = 0;
  std::string key_;
  Entry entry_;
};

}  // namespace strata::sst
