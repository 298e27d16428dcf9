#include "bench/peers/peer_store.h"

#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "bench/temporary.h"
#include "common/store/errors.h"

namespace strata::bench {

namespace {

namespace fs = std::filesystem;

constexpr Refusal kNoDump = {"dump", "only its own library reads its files"};
constexpr Refusal kNoVerify = {"verify", kNoDump.why};
constexpr Refusal kNoSalvage = {"salvage", kNoDump.why};

[[noreturn]] void refuse(const Refusal& refusal) {
  throw InvalidInput("no '" + std::string(refusal.name) +
                     "' here: " + std::string(refusal.why));
}

std::string sentence(std::string_view tried, std::string_view why) {
  return std::string(tried) + ": " + std::string(why);
}

}  // namespace

void throw_engine_error(std::string_view tried, std::string_view why) {
  throw std::runtime_error(sentence(tried, why));
}

std::vector<Refusal> peer_refuses(const std::vector<Refusal>& others) {
  std::vector<Refusal> all = {kNoDump, kNoVerify, kNoSalvage};
  all.insert(all.end(), others.begin(), others.end());
  return all;
}

PeerStore::PeerStore(const Options& options)
    : directory_(options.directory), note_(options.note) {
  fs::create_directories(directory_);
}

std::string PeerStore::path_of(std::string_view file) const {
  return directory_ + "/" + std::string(file);
}

void PeerStore::scan(std::string_view /*from*/, std::string_view /*to*/,
                     const PairVisitor& /*visit*/) {
  refuse(kNoScan);
}

void PeerStore::dump(std::string_view /*file*/, const DumpVisitor& /*visit*/) {
  refuse(kNoDump);
}

Stats PeerStore::stats() {
  Stats stats;
  for (const auto& entry : fs::directory_iterator(directory_)) {
    if (!entry.is_regular_file()) continue;
    stats.disk_bytes += bytes_of_file(entry.path());
    ++stats.files;
  }
  return stats;
}

void PeerStore::warn(std::string_view tried, std::string_view why) const {
  if (note_) {
    note_(sentence(tried, why));
  } else {
    std::cerr << sentence(tried, why) << "\n";
  }
}

}  // namespace strata::bench
