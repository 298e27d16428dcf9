// Random operations against a map: every stage must agree with it, and so with
// every other stage, at every step and after being opened again at any of them.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support.h"

namespace strata {
namespace {

using Model = std::map<std::string, std::string>;

struct Step {
  std::string key;
  std::string value;
  bool reopen = false;
};

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
  return rc::gen::apply(
      [](int key, std::string value, int reopen) {
        return Step{"k" + std::string(static_cast<std::size_t>(key), 'k'),
                    std::move(value), reopen == 0};
      },
      rc::gen::inRange(0, 12), text(40), rc::gen::inRange(0, 6));
}

// A store under test with what it needs to be opened again.
class Subject {
 public:
  explicit Subject(const Stage& stage) : stage_(stage) { reopen(); }

  void reopen() {
    store_.reset();
    Options options;
    options.directory = "db";
    options.mode = Mode::kWrite;
    options.os = &disk_;
    for (const OptionSpec& spec : stage_.options) {
      if (spec.name == "--slots") options.numbers["--slots"] = 13;
      if (spec.name == "--block-bytes") options.numbers["--block-bytes"] = 5;
    }
    store_ = stage_.open(options);
  }

  [[nodiscard]] Store& store() { return *store_; }

  [[nodiscard]] std::string_view name() const { return stage_.name; }

 private:
  const Stage& stage_;
  MemoryOs disk_;
  std::unique_ptr<Store> store_;
};

void expect_agreement(Subject& subject, const Model& model) {
  RC_ASSERT(contents(subject.store()) == model);
  for (int size = 1; size <= 14; ++size) {
    const std::string key(static_cast<std::size_t>(size), 'k');
    const auto expected = model.find(key);
    const auto got = answer(subject.store(), key);
    RC_ASSERT(got.has_value() == (expected != model.end()));
    if (got) RC_ASSERT(*got == expected->second);
  }
}

RC_GTEST_PROP(Model, AllStagesFedTheSameOperationsAgreeWithAMap, ()) {
  const auto steps = *rc::gen::container<std::vector<Step>>(any_step());
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const Stage* stage : all_stages()) {
    subjects.push_back(std::make_unique<Subject>(*stage));
  }
  Model model;
  for (const Step& step : steps) {
    model[step.key] = step.value;
    for (const auto& subject : subjects) {
      subject->store().set(step.key, step.value);
      if (step.reopen) subject->reopen();
      expect_agreement(*subject, model);
    }
  }
}

TEST(Model, ReopeningAfterEachStepInTurnChangesNothing) {
  constexpr int kSteps = 24;
  for (const Stage* stage : all_stages()) {
    for (int reopened = 0; reopened < kSteps; ++reopened) {
      Subject subject(*stage);
      Model model;
      for (int i = 0; i < kSteps; ++i) {
        const std::string key = "k" + std::to_string(i * i % 9);
        const std::string value(static_cast<std::size_t>(i * 5 % 17), 'v');
        subject.store().set(key, value);
        model[key] = value;
        if (i == reopened) subject.reopen();
      }
      ASSERT_EQ(contents(subject.store()), model)
          << stage->name << " reopened after step " << reopened;
    }
  }
}

}  // namespace
}  // namespace strata
