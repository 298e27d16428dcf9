#include "common/store/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace strata {

std::size_t KeyHash::operator()(std::string_view key) const {
  return XXH3_64bits_withSeed(key.data(), key.size(), seed_);
}

}  // namespace strata
