// What the tests of 06_compaction share: small segments in memory.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>

#include "common/os/watched_os.h"
#include "common/store/errors.h"
#include "stages/06_compaction/store.h"
#include "tests/stages/memory_store.h"
#include "tests/support.h"

namespace strata::compaction_tests {

using Model = std::map<std::string, std::string>;

/// A store of small segments: records of `a` and a value of one byte are 16
/// bytes long, and two of them fill one. Nothing is merged in the background
/// unless `dead_percent` says so.
class CompactionTest : public MemoryStoreTest<Compaction> {
 protected:
  [[nodiscard]] Options options(Mode mode, Os& os) override {
    Options options = MemoryStoreTest::options(mode, os);
    options.numbers["--segment-bytes"] = segment_bytes;
    options.numbers["--dead-percent"] = dead_percent;
    return options;
  }

  std::uint64_t segment_bytes = 32;
  std::uint64_t dead_percent = 100;
};

}  // namespace strata::compaction_tests
