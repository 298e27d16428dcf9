// Stages with an index beside the limit (limit_store.h), in turn. What the
// stage takes longer is what it adds to a hash map and a system call.
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
  for (const Stage* stage : subjects()) {
    contest.contestants.push_back(
        {std::string(stage->name), [=] { return set_all(*stage, *keys); }});
  }
  register_contest(std::move(contest));
}

void register_gets(std::uint64_t count) {
  struct Open {
    TemporaryDirectory directory;
    std::unique_ptr<Store> store;
  };

  struct State {
    Keys keys;
    std::map<const Stage*, Open> open;
  };

  const auto state = std::make_shared<State>();
  Contest contest;
  contest.name = "limit_get";
  contest.size = static_cast<std::int64_t>(count);
  contest.prepare = [=] {
    state->keys = random_keys(count);
    for (const Stage* stage : subjects()) {
      Open& filled = state->open[stage];
      const std::string& path = filled.directory.path();
      fill(*open(*stage, path, Mode::kWrite, count), count);
      filled.store = open(*stage, path, Mode::kRead, count);
    }
  };
  contest.clean_up = [=] { *state = {}; };
  for (const Stage* stage : subjects()) {
    contest.contestants.push_back(
        {std::string(stage->name),
         [=] { return get_all(*state->open.at(stage).store, state->keys); }});
  }
  register_contest(std::move(contest));
}

}  // namespace

void register_limits(const Plan& plan) {
  const auto count = static_cast<std::uint64_t>(plan.contest_size());
  register_sets(count);
  register_gets(count);
}

}  // namespace strata::bench
