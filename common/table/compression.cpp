#include "common/table/compression.h"

#include <lz4.h>
#include <zstd.h>

#include <cstddef>
#include <memory>

#include "common/record/big_endian.h"

namespace strata::sst {

namespace {

// In front of what a library made: how many bytes that becomes.
constexpr std::size_t kSizeBytes = 4;
constexpr int kZstdLevel = 1;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }

  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// The size of what was written to `out`, or 0 when there is no room for it.
std::size_t run_compressor(Compression compression, std::string_view bytes,
                           char* out, std::size_t room) {
  if (compression == Compression::kLz4) {
    const int size =
        LZ4_compress_default(bytes.data(), out, static_cast<int>(bytes.size()),
                             static_cast<int>(room));
    return static_cast<std::size_t>(size);
  }
  // To make a context takes longer than to compress a block.
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context(
      ZSTD_createCCtx());
  const std::size_t size = ZSTD_compressCCtx(
      context.get(), out, room, bytes.data(), bytes.size(), kZstdLevel);
  return ZSTD_isError(size) != 0 ? 0 : size;
}

// Whether `bytes` became exactly `size` bytes at `out`.
bool run_decompressor(Compression compression, std::string_view bytes,
                      char* out, std::size_t size) {
  if (compression == Compression::kLz4) {
    return LZ4_decompress_safe(
               bytes.data(), out, static_cast<int>(bytes.size()),
               static_cast<int>(size)) == static_cast<int>(size);
  }
  if (compression != Compression::kZstd) return false;
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(
      ZSTD_createDCtx());
  return ZSTD_decompressDCtx(context.get(), out, size, bytes.data(),
                             bytes.size()) == size;
}

}  // namespace

std::string_view name_of(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return "none";
    case Compression::kLz4:
      return "lz4";
    case Compression::kZstd:
      return "zstd";
  }
  return "";
}

bool compress(Compression compression, std::string_view bytes,
              std::string& out) {
  if (compression == Compression::kNone || bytes.size() > kMaxCompressed) {
    return false;
  }
  const std::size_t worth_it = bytes.size() - bytes.size() / 8;
  if (worth_it <= kSizeBytes) return false;
  out.resize(worth_it);
  put_big_endian(static_cast<std::uint32_t>(bytes.size()), out.data());
  const std::size_t size = run_compressor(
      compression, bytes, out.data() + kSizeBytes, worth_it - kSizeBytes);
  out.resize(kSizeBytes + size);
  return size > 0;
}

bool decompress(Compression compression, std::string_view bytes,
                std::string& out) {
  if (bytes.size() < kSizeBytes || bytes.size() > kMaxCompressed) return false;
  const auto size = read_big_endian<std::uint32_t>(bytes);
  if (size > kMaxCompressed) return false;
  out.resize(size);
  return run_decompressor(compression, bytes.substr(kSizeBytes), out.data(),
                          size);
}

}  // namespace strata::sst
