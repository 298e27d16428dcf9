#include "bench/workloads.h"

#include <algorithm>
#include <cmath>

#include "common/store/hash.h"

namespace strata::bench {

namespace {

constexpr double kSkew = 0.99;

double zeta(std::uint64_t count) {
  double sum = 0;
  for (std::uint64_t i = 1; i <= count; ++i) {
    sum += 1 / std::pow(static_cast<double>(i), kSkew);
  }
  return sum;
}

std::string key_with(std::string_view prefix, std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string key(prefix);
  key.append(kKeyBytes - prefix.size() - digits.size(), '0');
  return key + digits;
}

}  // namespace

std::string key_of(std::uint64_t number) {
  return key_with("key", number);
}

std::string absent_key(std::uint64_t number) {
  return key_with("not", number);
}

std::string_view value() {
  static const std::string bytes(kValueBytes, 'v');
  return bytes;
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
  const std::uint64_t rank = next_rank();
  return KeyHash(0)(std::to_string(rank)) % count_;
}

std::unique_ptr<Store> open(const Stage& stage, const std::string& directory,
                            Mode mode, Os* os) {
  Options options;
  options.directory = directory;
  options.mode = mode;
  options.os = os;
  return stage.open(options);
}

void fill(Store& store, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) store.set(key_of(i), value());
}

}  // namespace strata::bench
