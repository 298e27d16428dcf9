// Sets keys in a peer and acknowledges each on standard output, so that a test
// can kill the process, or watch its calls.
//
//   peer_writer NAME DIRECTORY never|always COUNT close|die|compact
//
// In the end it closes the store, or dies with the store open, or compacts it,
// acknowledges that as a write more, and dies.
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/subject.h"
#include "tests/bench/peer_writes.h"

namespace {

using strata::Options;
using strata::Store;
using strata::Sync;

const strata::Stage& stage_of(std::string_view name) {
  for (const strata::bench::Subject& peer : strata::bench::peer_subjects()) {
    if (peer.stage->name == name) return *peer.stage;
  }
  throw std::runtime_error("no such peer: " + std::string(name));
}

// In one call, so that a kill leaves all of it or nothing.
void acknowledge(std::uint64_t number) {
  const std::string line = std::to_string(number) + "\n";
  if (::write(STDOUT_FILENO, line.data(), line.size()) !=
      static_cast<ssize_t>(line.size())) {
    throw std::runtime_error("cannot acknowledge");
  }
}

void write_all(const std::vector<std::string>& arguments) {
  Options options;
  options.directory = arguments.at(1);
  options.mode = strata::Mode::kWrite;
  options.sync = arguments.at(2) == "always" ? Sync::kAlways : Sync::kNever;
  options.numbers = {{"--buckets", 1000}};
  const std::unique_ptr<Store> store = stage_of(arguments.at(0)).open(options);
  const std::uint64_t count = std::stoull(arguments.at(3));
  for (std::uint64_t i = 0; i < count; ++i) {
    store->set(strata::written_key(i), strata::written_value(i));
    acknowledge(i);
  }
  if (arguments.at(4) == "close") return;
  if (arguments.at(4) == "compact") {
    store->compact();
    acknowledge(count);
  }
  std::raise(SIGKILL);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    write_all({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "peer_writer: " << error.what() << "\n";
    return 1;
  }
}
