// Stages with an index beside the limit (limit_store.h), in turn. What the
// stage takes longer is what it adds to a hash map and a system call.
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/benches.h"
#include "bench/contest.h"
#include "bench/limit_store.h"
#include "bench/temporary.h"
#include "bench/workloads.h"
#include "stages/registry.h"

namespace strata::bench {

namespace {

// What a turn's seconds are divided by, so that results are per operation.
double per_operation(double seconds, const Keys& keys) {
  return seconds / static_cast<double>(keys.size());
}

double set_all(const Stage& stage, Keys& keys) {
  const TemporaryDirectory directory;
  const auto store = open(stage, directory.path(), Mode::kWrite, keys.size());
  return per_operation(seconds_of([&] {
                         for (std::size_t i = 0; i < keys.size(); ++i) {
                           store->set(keys.next(), value());
                         }
                       }),
                       keys);
}

double get_all(Store& store, Keys& keys) {
  std::string found;
  std::size_t hits = 0;
  const double seconds = seconds_of([&] {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (store.get(keys.next(), found)) ++hits;
    }
  });
  if (hits != keys.size()) throw std::runtime_error("a key was not found");
  return per_operation(seconds, keys);
}

std::vector<const Stage*> subjects() {
  std::vector<const Stage*> stages = {&limit_stage()};
  for (const Stage* stage : all_stages()) {
    if (!stage->scans) stages.push_back(stage);
  }
  return stages;
}

void register_sets(std::uint64_t count) {
  const auto keys = std::make_shared<Keys>();
  Contest contest;
  contest.name = "limit_set";
  contest.size = static_cast<std::int64_t>(count);
  contest.prepare = [=] { *keys = shuffled_keys(count); };
  contest.clean_up = [=] { *keys = {}; };
  auto stages = subjects();
  stages.insert(stages.begin() + 1, &limit_stage_with_hints());
  for (const Stage* stage : stages) {
    contest.contestants.push_back(
        {std::string(stage->name), [=] { return set_all(*stage, *keys); }});
  }
  register_contest(std::move(contest));
}

// Stores that stay open for a contest.
class OpenStores {
 public:
  // Makes a store of the stage with `count` keys, and opens it for reading.
  void fill(const Stage& stage, std::uint64_t count) {
    Open& made = open_[&stage];
    const std::string& path = made.directory.path();
    bench::fill(*open(stage, path, Mode::kWrite, count), count);
    made.store = open(stage, path, Mode::kRead, count);
  }

  [[nodiscard]] Store& of(const Stage& stage) {
    return *open_.at(&stage).store;
  }

  Keys keys;  // to be asked for

 private:
  struct Open {
    TemporaryDirectory directory;
    std::unique_ptr<Store> store;
  };

  std::map<const Stage*, Open> open_;
};

void register_gets(std::uint64_t count) {
  const auto state = std::make_shared<OpenStores>();
  Contest contest;
  contest.name = "limit_get";
  contest.size = static_cast<std::int64_t>(count);
  contest.prepare = [=] {
    state->keys = random_keys(count);
    for (const Stage* stage : subjects()) state->fill(*stage, count);
  };
  contest.clean_up = [=] { *state = {}; };
  for (const Stage* stage : subjects()) {
    contest.contestants.push_back(
        {std::string(stage->name),
         [=] { return get_all(state->of(*stage), state->keys); }});
  }
  register_contest(std::move(contest));
}

// As many gets from each of so many threads. @returns seconds per get of all.
double get_all_from(Store& store, const Keys& keys, int threads) {
  const double seconds = seconds_of([&] {
    std::vector<std::future<double>> readers;
    for (int i = 0; i < threads; ++i) {
      readers.push_back(std::async(
          std::launch::async,
          [&store, mine = keys]() mutable { return get_all(store, mine); }));
    }
    for (std::future<double>& reader : readers) (void)reader.get();
  });
  return per_operation(seconds, keys) / threads;
}

// Only stages that merge in the background are used from many threads.
void register_readers(std::uint64_t count) {
  const auto open_stores = std::make_shared<OpenStores>();
  Contest contest;
  contest.name = "readers";
  contest.size = static_cast<std::int64_t>(count);
  contest.prepare = [=] {
    open_stores->keys = random_keys(count);
    for (const Stage* stage : merging_stages()) {
      open_stores->fill(*stage, count);
    }
  };
  contest.clean_up = [=] { *open_stores = {}; };
  for (const Stage* stage : merging_stages()) {
    for (const int threads : {1, 2}) {
      contest.contestants.push_back(
          {std::string(stage->name) + "_x" + std::to_string(threads), [=] {
             return get_all_from(open_stores->of(*stage), open_stores->keys,
                                 threads);
           }});
    }
  }
  register_contest(std::move(contest));
}

}  // namespace

void register_limits(const Plan& plan) {
  const auto count = static_cast<std::uint64_t>(plan.contest_size());
  register_sets(count);
  register_gets(count);
  register_readers(count);
}

}  // namespace strata::bench
