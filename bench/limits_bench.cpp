// The limits of stage 04: what its sets and gets would cost if there were
// nothing in a store but the system call and the hash map.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <string>
#include <unordered_map>

#include "bench/benches.h"
#include "bench/workloads.h"
#include "common/os/file.h"
#include "common/os/posix_os.h"
#include "common/record/binary_record.h"

namespace strata::bench {

namespace {

File new_log(const TemporaryDirectory& directory) {
  return File::open(posix_os(), directory.path("log"), OpenMode::kCreate,
                    "limit");
}

std::string one_record() {
  std::string record;
  encode_binary_record(0, key_of(0), value(), record);
  return record;
}

// One record is formatted before; a set writes it and notes where.
void set_limit(benchmark::State& state) {
  const TemporaryDirectory directory;
  File file = new_log(directory);
  std::string record = one_record();
  std::unordered_map<std::string, std::uint64_t> places;
  std::uint64_t end = 0;
  std::uint64_t number = 0;
  for (auto _ : state) {
    file.write_at(end, record, "limit");
    places[key_of(number++)] = end;
    end += record.size();
  }
}

// A get looks the place up and reads the record's bytes from there.
void get_limit(benchmark::State& state) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  const TemporaryDirectory directory;
  File file = new_log(directory);
  std::string record = one_record();
  std::unordered_map<std::string, std::uint64_t> places;
  std::string log;
  for (std::uint64_t i = 0; i < count; ++i) {
    places[key_of(i)] = log.size();
    log += record;
  }
  file.write_at(0, log, "limit");
  std::mt19937_64 random(42);
  for (auto _ : state) {
    const std::uint64_t place = places.at(key_of(random() % count));
    benchmark::DoNotOptimize(
        file.read_at(place, record.data(), record.size(), "limit"));
  }
}

}  // namespace

void register_limits(const Plan& plan) {
  const std::int64_t largest = plan.sizes().back();
  benchmark::RegisterBenchmark("set_sequential/limit", set_limit)->Arg(largest);
  for (const std::int64_t size : plan.sizes()) {
    benchmark::RegisterBenchmark("get_hit/limit", get_limit)->Arg(size);
  }
}

}  // namespace strata::bench
