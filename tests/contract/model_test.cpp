// Random operations against a map: every stage must agree with it, and so with
// every other stage, at every step and after being opened again at any of them.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support.h"

namespace strata {
namespace {

using Model = std::map<std::string, std::string>;

struct Step {
  enum class Kind : std::uint8_t { kSet, kDelete, kCompact, kReopen };
  Kind kind = Kind::kSet;
  std::string key{};
  std::string value{};
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
  static constexpr const char* kNames[] = {"set", "del", "compact", "reopen"};
  return out << kNames[static_cast<std::size_t>(step.kind)] << " " << step.key
             << " " << testing::PrintToString(step.value);
}

// Few keys, so that they are overwritten; of lengths that fall on the edges of
// blocks; with bytes that every stage can hold.
rc::Gen<std::string> text(int longest) {
  return rc::gen::mapcat(rc::gen::inRange(0, longest), [](int size) {
    return rc::gen::container<std::string>(
        static_cast<std::size_t>(size),
        rc::gen::elementOf(std::string("ab =;\t\\\0\xFF", 9)));
  });
}

rc::Gen<Step> any_step() {
  using Kind = Step::Kind;
  return rc::gen::apply(
      [](Kind kind, int key, std::string value) {
        return Step{kind, "k" + std::string(static_cast<std::size_t>(key), 'k'),
                    std::move(value)};
      },
      rc::gen::weightedElement<Kind>({{6, Kind::kSet},
                                      {3, Kind::kDelete},
                                      {1, Kind::kCompact},
                                      {2, Kind::kReopen}}),
      rc::gen::inRange(0, 12), text(40));
}

// A store under test, what it needs to be opened again, and what must be in it:
// what a stage cannot do is not done to its model either.
class Subject {
 public:
  explicit Subject(const Stage& stage) : stage_(stage) { reopen(); }

  void reopen() {
    store_.reset();
    store_ = open(Mode::kWrite);
  }

  void apply(const Step& step) {
    switch (step.kind) {
      case Step::Kind::kSet:
        store_->set(step.key, step.value);
        model_[step.key] = step.value;
        break;
      case Step::Kind::kDelete:
        if (!stage_.has("del")) break;
        store_->del(step.key);
        model_.erase(step.key);
        break;
      case Step::Kind::kCompact:
        if (stage_.has("compact")) store_->compact();
        break;
      case Step::Kind::kReopen:
        reopen();
        break;
    }
  }

  [[nodiscard]] Store& store() { return *store_; }

  [[nodiscard]] const Model& model() const { return model_; }

  // The store as another process sees it while this one writes.
  [[nodiscard]] std::unique_ptr<Store> reader() { return open(Mode::kRead); }

  [[nodiscard]] std::string_view name() const { return stage_.name; }

 private:
  std::unique_ptr<Store> open(Mode mode) {
    static const std::map<std::string_view, std::uint64_t> kSmall = {
        {"--slots", 13}, {"--block-bytes", 5}, {"--segment-bytes", 100}};
    Options options;
    options.directory = "db";
    options.mode = mode;
    options.os = &disk_;
    for (const OptionSpec& spec : stage_.options) {
      const auto small = kSmall.find(spec.name);
      if (small != kSmall.end()) options.numbers[spec.name] = small->second;
    }
    return stage_.open(options);
  }

  const Stage& stage_;
  MemoryOs disk_;
  std::unique_ptr<Store> store_;
  Model model_;
};

void expect_agreement(Store& store, const Model& model) {
  RC_ASSERT(contents(store) == model);
  for (int size = 1; size <= 14; ++size) {
    const std::string key(static_cast<std::size_t>(size), 'k');
    const auto expected = model.find(key);
    const auto got = answer(store, key);
    RC_ASSERT(got.has_value() == (expected != model.end()));
    if (got) RC_ASSERT(*got == expected->second);
  }
}

// Where a stage merges by itself it does so meanwhile.
RC_GTEST_PROP(Model, AllStagesFedTheSameOperationsAgreeWithAMap, ()) {
  const auto steps = *rc::gen::container<std::vector<Step>>(any_step());
  for (const Stage* stage : all_stages()) {
    Subject subject(*stage);
    for (const Step& step : steps) {
      subject.apply(step);
      expect_agreement(subject.store(), subject.model());
      subject.store().flush();
      expect_agreement(*subject.reader(), subject.model());
    }
  }
}

// With the same deletes the stages that delete agree with each other.
TEST(Model, ReopeningAfterEachStepInTurnChangesNothing) {
  constexpr int kSteps = 24;
  for (const Stage* stage : all_stages()) {
    for (int reopened = 0; reopened < kSteps; ++reopened) {
      Subject subject(*stage);
      for (int i = 0; i < kSteps; ++i) {
        const auto number = static_cast<std::size_t>(i);
        const std::string key = "k" + std::to_string(i * i % 9);
        subject.apply({.key = key, .value = std::string(number * 5 % 17, 'v')});
        if (i % 5 == 4) subject.apply({Step::Kind::kDelete, key});
        if (i % 7 == 6) subject.apply({Step::Kind::kCompact});
        if (i == reopened) subject.reopen();
      }
      ASSERT_EQ(contents(subject.store()), subject.model())
          << stage->name << " reopened after step " << reopened;
    }
  }
}

// A pair lives for so many seconds after its last set, whatever is compacted
// and reopened meanwhile.
RC_GTEST_PROP(Model, WhatExpiresIsGoneAndStaysGone, ()) {
  constexpr std::uint64_t kSeconds = 10;
  const auto steps = *rc::gen::container<std::vector<Step>>(any_step());
  const auto pauses = *rc::gen::container<std::vector<std::uint64_t>>(
      steps.size(), rc::gen::inRange<std::uint64_t>(0, 6));
  for (const Stage* stage : all_stages()) {
    if (!has_option(*stage, "--expiry-seconds")) continue;
    MemoryOs disk;
    Options options;
    options.directory = "db";
    options.mode = Mode::kWrite;
    options.os = &disk;
    options.numbers = {{"--expiry-seconds", kSeconds},
                       {"--segment-bytes", 100}};
    std::unique_ptr<Store> store = stage->open(options);
    std::map<std::string, std::pair<std::string, std::uint64_t>> written;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Step& step = steps[i];
      disk.set_now(disk.now_seconds() + pauses[i]);
      switch (step.kind) {
        case Step::Kind::kSet:
          store->set(step.key, step.value);
          written[step.key] = {step.value, disk.now_seconds()};
          break;
        case Step::Kind::kDelete:
          store->del(step.key);
          written.erase(step.key);
          break;
        case Step::Kind::kCompact:
          store->compact();
          break;
        case Step::Kind::kReopen:
          store.reset();
          store = stage->open(options);
          break;
      }
      Model model;
      for (const auto& [key, value] : written) {
        const std::uint64_t age = disk.now_seconds() - value.second;
        if (age <= kSeconds) model[key] = value.first;
      }
      expect_agreement(*store, model);
    }
  }
}

}  // namespace
}  // namespace strata
