#include "bench/peers/peers.h"

namespace strata::bench {

std::vector<Subject> peer_subjects() {
  return {STRATA_PEERS};
}

}  // namespace strata::bench
