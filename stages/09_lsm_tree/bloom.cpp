#include "stages/09_lsm_tree/bloom.h"

#include <algorithm>
#include <cmath>

#include "common/store/hash.h"

namespace strata::lsm {

namespace {

constexpr unsigned kMaxProbes = 30;
constexpr std::uint64_t kLineBits = 512;

// The number of bits for which a filter errs least often: bits · ln 2.
unsigned best_probes(std::uint64_t bits_per_key) {
  const auto best = static_cast<unsigned>(
      std::lround(static_cast<double>(bits_per_key) * std::log(2.0)));
  return std::clamp(best, 1U, kMaxProbes);
}

// Calls `visit` with a byte and a bit of it for each probe, until that returns
// false. Multiplying mixes what is left of the hash, of which the highest nine
// bits choose one of 512.
template <typename Visit>
void for_each_bit(std::uint64_t hash, unsigned probes, const Visit& visit) {
  auto rest = static_cast<std::uint32_t>(hash);
  for (unsigned i = 0; i < probes; ++i) {
    rest *= 0x9E3779B9U;
    const std::uint32_t bit = rest >> 23U;
    if (!visit(bit / 8, static_cast<std::uint8_t>(1U << bit % 8))) return;
  }
}

}  // namespace

std::uint64_t bloom_hash(std::string_view key) {
  return KeyHash(0)(key);
}

Bloom::Bloom(const std::vector<std::uint64_t>& hashes,
             std::uint64_t bits_per_key) {
  if (bits_per_key == 0 || hashes.empty()) return;
  probes_ = best_probes(bits_per_key);
  lines_.resize((hashes.size() * bits_per_key + kLineBits - 1) / kLineBits);
  for (const std::uint64_t hash : hashes) {
    Line& line = lines_[line_of(hash)];
    for_each_bit(hash, probes_, [&](std::size_t byte, std::uint8_t bit) {
      line.bytes[byte] = static_cast<std::uint8_t>(line.bytes[byte] | bit);
      return true;
    });
  }
}

// The upper half of the hash, scaled to the number of lines.
std::size_t Bloom::line_of(std::uint64_t hash) const {
  return static_cast<std::size_t>((hash >> 32U) * lines_.size() >> 32U);
}

bool Bloom::may_hold(std::uint64_t hash) const {
  if (lines_.empty()) return true;
  const Line& line = lines_[line_of(hash)];
  bool all = true;
  for_each_bit(hash, probes_, [&](std::size_t byte, std::uint8_t bit) {
    all = (line.bytes[byte] & bit) != 0;
    return all;
  });
  return all;
}

void Bloom::encode(std::string& out) const {
  for (const Line& line : lines_)
    out.append(line.bytes.begin(), line.bytes.end());
  out += static_cast<char>(probes_);
}

bool Bloom::decode(std::string_view bytes) {
  lines_.clear();
  if (bytes.size() % sizeof(Line) != 1) return false;
  probes_ = static_cast<unsigned char>(bytes.back());
  lines_.resize(bytes.size() / sizeof(Line));
  if (probes_ > kMaxProbes || (probes_ == 0) != lines_.empty()) {
    lines_.clear();
    return false;
  }
  for (Line& line : lines_) {
    std::copy_n(bytes.begin(), sizeof(Line), line.bytes.begin());
    bytes.remove_prefix(sizeof(Line));
  }
  return true;
}

double expected_false_positives(std::uint64_t bits_per_key) {
  if (bits_per_key == 0) return 1;
  const double probes = best_probes(bits_per_key);
  const double set = 1 - std::exp(-probes / static_cast<double>(bits_per_key));
  return std::pow(set, probes);
}

}  // namespace strata::lsm
