// What libFuzzer calls.
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

extern "C" {

// libFuzzer's own mutations.
std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size,
                             std::size_t max_size);

__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(
    const std::uint8_t* data, std::size_t size) {
  strata::fuzz::decode({reinterpret_cast<const char*>(data), size});
  return 0;
}

// Now and then, and in place of nothing, it puts a seed: so there is a corpus
// to begin with, and no file in which it is kept.
__attribute__((visibility("default"))) std::size_t LLVMFuzzerCustomMutator(
    std::uint8_t* data, std::size_t size, std::size_t max_size,
    unsigned int seed) {
  constexpr unsigned kSeedEvery = 64;
  static const std::vector<std::string> all = strata::fuzz::seeds();
  if (size > 1 && seed % kSeedEvery != 0) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  const std::string& chosen = all[seed / kSeedEvery % all.size()];
  if (chosen.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(chosen.begin(), chosen.end(), data);
  return chosen.size();
}

}  // extern "C"
