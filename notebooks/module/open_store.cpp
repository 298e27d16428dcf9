#include "notebooks/module/open_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/os/posix_os.h"
#include "common/store/errors.h"
#include "notebooks/module/convert.h"
#include "stages/09_lsm_tree/store.h"
#include "stages/registry.h"

namespace strata::python {

namespace py = pybind11;

namespace {

using Pair = std::pair<std::string, std::string>;

// "a, b, c", made of `all` by `name`.
template <typename All, typename Name>
std::string listed(const All& all, const Name& name) {
  std::string text;
  for (const auto& one : all) {
    text += text.empty() ? "" : ", ";
    text += name(one);
  }
  return text;
}

const Stage& stage_named(const std::string& name) {
  if (const Stage* stage = find_stage(name)) return *stage;
  throw InvalidInput("no stage '" + name + "': there are " +
                     listed(all_stages(), [](const Stage* stage) {
                       return std::string(stage->name);
                     }));
}

// "--segment-bytes" for "segment_bytes", and back.
std::string as_flag(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

std::string as_keyword(std::string_view flag) {
  std::string name(flag.substr(2));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

const OptionSpec& option_named(const Stage& stage, const std::string& name) {
  const std::string flag = as_flag(name);
  for (const OptionSpec& option : stage.options) {
    if (option.name == flag) return option;
  }
  const std::string has_none =
      std::string(stage.name) + " has no option '" + name + "'";
  if (const Refusal* refusal = stage.refusal(flag)) {
    throw InvalidInput(has_none + ": " + std::string(refusal->why));
  }
  const std::string others =
      listed(stage.options,
             [](const OptionSpec& option) { return as_keyword(option.name); });
  throw InvalidInput(has_none + ": it has " +
                     (others.empty() ? "none" : others));
}

bool second_of(const std::string& word, const char* what, const char* first,
               const char* second) {
  if (word == first || word == second) return word == second;
  throw InvalidInput(std::string(what) + " is '" + first + "' or '" + second +
                     "', not '" + word + "'");
}

// The number that `value` is, or is the name of.
std::uint64_t number_of(const OptionSpec& option, const std::string& name,
                        const OptionValue& value) {
  if (const auto* word = std::get_if<std::string>(&value)) {
    const auto& choices = option.choices;
    const auto found = std::find(choices.begin(), choices.end(), *word);
    if (found != choices.end()) {
      return static_cast<std::uint64_t>(found - choices.begin());
    }
    if (choices.empty()) {
      throw py::type_error(name + " is a number, not '" + *word + "'");
    }
    throw InvalidInput(
        name + " is one of " +
        listed(choices,
               [](std::string_view choice) { return std::string(choice); }) +
        ", not '" + *word + "'");
  }
  const std::int64_t number = std::get<std::int64_t>(value);
  const auto given = static_cast<std::uint64_t>(number);
  if (number >= 0 && given >= option.min && given <= option.max) return given;
  throw InvalidInput(name + " is a number from " + std::to_string(option.min) +
                     " to " + std::to_string(option.max) + ", not " +
                     std::to_string(number));
}

// All but what the store itself lends: the ledger and the ear for notes.
Options options_of(const Stage& stage, const Opening& opening) {
  Options options;
  options.directory = opening.directory;
  if (opening.directory.empty()) throw InvalidInput("a store has a directory");
  options.mode = second_of(opening.mode, "mode", "read", "write") ? Mode::kWrite
                                                                  : Mode::kRead;
  options.sync = second_of(opening.sync, "sync", "never", "always")
                     ? Sync::kAlways
                     : Sync::kNever;
  for (const auto& [name, value] : opening.options) {
    const OptionSpec& option = option_named(stage, name);
    options.numbers[option.name] = number_of(option, name, value);
  }
  return options;
}

}  // namespace

OpenStore::OpenStore(const Opening& opening, std::shared_ptr<Os> os)
    : stage_(stage_named(opening.stage)),
      os_(std::move(os)),
      ledger_(os_ != nullptr ? *os_ : posix_os()) {
  Options options = options_of(stage_, opening);
  options.os = &ledger_;
  options.note = [this](const std::string& line) {
    const std::scoped_lock hold(notes_mutex_);
    notes_.push_back(line);
  };
  work([&] { store_ = stage_.open(options); });
}

void OpenStore::close() {
  work([&] {
    last_probes_ = probes();
    const std::unique_ptr<Store> closing = std::move(store_);
    if (closing != nullptr) closing->flush();
  });
}

bool OpenStore::closed() const {
  const py::gil_scoped_release release;
  const std::scoped_lock turn(mutex_);
  return store_ == nullptr;
}

Store& OpenStore::store() {
  if (store_ == nullptr) throw InvalidInput("the store is closed");
  return *store_;
}

void OpenStore::require(std::string_view what) const {
  const Refusal* refusal = stage_.refusal(what);
  if (refusal == nullptr) return;
  throw InvalidInput(std::string(stage_.name) + " has no '" +
                     std::string(what) + "' yet: " + std::string(refusal->why));
}

void OpenStore::set(const std::string& key, const std::string& value) {
  work([&] { store().set(key, value); });
}

py::object OpenStore::get(const std::string& key) {
  std::string value;
  if (!work([&] { return store().get(key, value); })) return py::none();
  return py::bytes(value);
}

void OpenStore::del(const std::string& key) {
  require("del");
  work([&] { store().del(key); });
}

py::list OpenStore::keys() {
  std::vector<std::string> found;
  work([&] {
    store().keys([&](std::string_view key) { found.emplace_back(key); });
  });
  py::list all;
  for (const std::string& key : found) all.append(py::bytes(key));
  return all;
}

py::list OpenStore::scan(const std::string& from, const py::object& to) {
  std::optional<std::string> end;
  if (!to.is_none()) end = to.cast<std::string>();
  std::vector<Pair> found;
  work([&] {
    if (end && end->empty()) return;  // nothing is below it
    store().scan(from, end.value_or(""),
                 [&](std::string_view key, std::string_view value) {
                   found.emplace_back(key, value);
                 });
  });
  py::list all;
  for (const auto& [key, value] : found) {
    all.append(py::make_tuple(py::bytes(key), py::bytes(value)));
  }
  return all;
}

void OpenStore::flush() {
  work([&] { store().flush(); });
}

void OpenStore::compact() {
  require("compact");
  work([&] { store().compact(); });
}

void OpenStore::settle() {
  work([&] {
    auto* tree = dynamic_cast<LsmTree*>(&store());
    if (tree == nullptr) {
      throw InvalidInput(std::string(stage_.name) +
                         " cannot tell when it has nothing left to merge");
    }
    tree->settle();
  });
}

py::dict OpenStore::stats() {
  return to_dict(work([&] { return store().stats(); }));
}

py::list OpenStore::file_stats() {
  return to_list(work([&] { return store().file_stats(); }));
}

py::list OpenStore::dump(const std::string& file) {
  std::vector<KeptRecord> found;
  work([&] {
    store().dump(file,
                 [&](const DumpRecord& record) { found.emplace_back(record); });
  });
  return to_list(found);
}

py::list OpenStore::verify() {
  require("verify");
  std::vector<DamagedPlace> found;
  work([&] {
    store().verify([&](const DamagedPlace& place) { found.push_back(place); });
  });
  return to_list(found);
}

py::list OpenStore::salvage(const std::string& directory) {
  require("salvage");
  std::vector<DamagedPlace> lost;
  work([&] {
    store().salvage(directory,
                    [&](const DamagedPlace& place) { lost.push_back(place); });
  });
  return to_list(lost);
}

std::uint64_t OpenStore::index_probes() {
  return work([&] { return store().index_probes(); });
}

std::vector<std::string> OpenStore::notes() const {
  const std::scoped_lock hold(notes_mutex_);
  return notes_;
}

std::uint64_t OpenStore::probes() const {
  return store_ == nullptr ? last_probes_ : store_->index_probes();
}

void OpenStore::begin_explain() {
  work([&] {
    if (explaining_) throw InvalidInput("the store is being explained already");
    explaining_ = true;
    probes_before_ = probes();
    ledger_.keep(Ledger::Keep::kEntries);
  });
}

py::dict OpenStore::end_explain() {
  std::vector<LedgerEntry> calls;
  std::uint64_t keydirs = 0;
  work([&] {
    calls = ledger_.entries();
    keydirs = probes() - probes_before_;
    ledger_.keep(Ledger::Keep::kTotals);
    explaining_ = false;
  });
  return py::dict(py::arg("calls") = to_list(calls),
                  py::arg("keydirs") = keydirs);
}

}  // namespace strata::python
