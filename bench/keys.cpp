#include "bench/keys.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "common/store/hash.h"

namespace strata::bench {

namespace {

constexpr std::uint64_t kSeed = 42;
constexpr double kSkew = 0.99;
constexpr std::size_t kMostValueBytes = std::size_t{1} << 20;

// Whether values are to be compressed.
bool& compressed() {
  static bool is_so = false;
  return is_so;
}

double zeta(std::uint64_t count) {
  double sum = 0;
  for (std::uint64_t i = 1; i <= count; ++i) {
    sum += 1 / std::pow(static_cast<double>(i), kSkew);
  }
  return sum;
}

std::string key_ending_in(char last, std::uint64_t number) {
  std::string key = "key000000000000";
  key += last;
  const std::string digits = std::to_string(number);
  key.replace(kKeyBytes - 1 - digits.size(), digits.size(), digits);
  return key;
}

// As many keys as `count`, the number of each drawn by `draw`.
template <typename Draw, typename KeyOf>
Keys drawn(std::uint64_t count, Draw draw, KeyOf key) {
  std::string bytes;
  bytes.reserve(count * kKeyBytes);
  for (std::uint64_t i = 0; i < count; ++i) bytes += key(draw());
  return Keys(std::move(bytes));
}

// Draws numbers below `count`, all alike; the remainder's bias is far below
// what can be measured.
auto uniform(std::uint64_t count) {
  return [count, random = std::mt19937_64(kSeed)]() mutable {
    return random() % count;
  };
}

}  // namespace

std::string key_of(std::uint64_t number) {
  return key_ending_in('0', number);
}

std::string absent_key(std::uint64_t number) {
  return key_ending_in('5', number);
}

std::string_view value(std::size_t bytes) {
  static const std::string longest = [] {
    constexpr std::string_view kText = "etaoinshrdlucmfwypvbgkjqxz ";
    std::mt19937_64 random(kSeed);
    std::string text;
    while (text.size() < kMostValueBytes)
      text += kText[random() % kText.size()];
    return text;
  }();
  return std::string_view(longest).substr(0, bytes);
}

void compress_values() {
  compressed() = true;
}

bool values_are_compressed() {
  return compressed();
}

std::string_view next_value(std::size_t bytes) {
  if (!compressed()) return value(bytes);
  thread_local std::string made;
  thread_local std::size_t at = 0;
  const std::size_t half = (bytes + 1) / 2;
  if (at + half > kMostValueBytes) at = 0;
  const std::string_view once = value(kMostValueBytes).substr(at, half);
  at += half;
  made = once;
  made += once;
  return std::string_view(made).substr(0, bytes);
}

Keys sequential_keys(std::uint64_t count) {
  return drawn(
      count, [i = std::uint64_t{0}]() mutable { return i++; }, key_of);
}

Keys shuffled_keys(std::uint64_t count) {
  std::vector<std::uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  std::shuffle(numbers.begin(), numbers.end(), std::mt19937_64(kSeed));
  return drawn(
      count, [at = numbers.begin()]() mutable { return *at++; }, key_of);
}

Keys random_keys(std::uint64_t count) {
  return drawn(count, uniform(count), key_of);
}

Keys random_keys(std::uint64_t count, std::uint64_t draws) {
  return drawn(draws, uniform(count), key_of);
}

Keys zipfian_keys(std::uint64_t count) {
  Zipfian zipfian(count, kSeed);
  return drawn(
      count, [&zipfian] { return zipfian.next(); }, key_of);
}

Keys absent_keys(std::uint64_t count) {
  return drawn(count, uniform(count), absent_key);
}

Keys newest_key(std::uint64_t count) {
  return Keys(key_of(count - 1));
}

Keys oldest_key(std::uint64_t /*count*/) {
  return Keys(key_of(0));
}

Zipfian::Zipfian(std::uint64_t count, std::uint64_t seed)
    : count_(count),
      zeta_(zeta(count)),
      alpha_(1 / (1 - kSkew)),
      eta_((1 - std::pow(2.0 / static_cast<double>(count), 1 - kSkew)) /
           (1 - zeta(2) / zeta_)),
      random_(seed) {}

std::uint64_t Zipfian::next_rank() {
  const double u = std::uniform_real_distribution<double>()(random_);
  const double uz = u * zeta_;
  if (uz < 1 || count_ == 1) return 0;
  if (uz < 1 + std::pow(0.5, kSkew)) return 1;
  const double rank =
      static_cast<double>(count_) * std::pow(eta_ * u - eta_ + 1, alpha_);
  return std::min(static_cast<std::uint64_t>(rank), count_ - 1);
}

std::uint64_t Zipfian::next() {
  return KeyHash(0)(std::to_string(next_rank())) % count_;
}

}  // namespace strata::bench
