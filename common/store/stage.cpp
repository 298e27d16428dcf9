#include "common/store/stage.h"

#include <algorithm>

#include "common/os/posix_os.h"
#include "common/record/escape.h"
#include "common/store/errors.h"

namespace strata {

namespace {

// Refuses `bytes` that hold one of `forbidden`. One search for each is faster
// than one for all of them.
void check_bytes(std::string_view bytes, std::string_view forbidden,
                 const char* what) {
  for (const char byte : forbidden) {
    const std::size_t at = bytes.find(byte);
    if (at == std::string_view::npos) continue;
    throw InvalidInput(
        std::string(what) + " may not hold '" + escaped({&byte, 1}) +
        "' in this store: it stands at byte " + std::to_string(at));
  }
}

void check_size(std::uint64_t size, std::uint64_t max, const char* what) {
  if (size <= max) return;
  throw InvalidInput(std::string(what) + " of " + std::to_string(size) +
                     " bytes is too long: at most " + std::to_string(max));
}

}  // namespace

Os& Options::system() const {
  return os != nullptr ? *os : posix_os();
}

std::string Options::path_of(std::string_view file) const {
  return directory + "/" + std::string(file);
}

void Options::tell(const std::string& line) const {
  if (note) note(line);
}

void Limits::check_key(std::string_view key) const {
  if (key.empty()) throw InvalidInput("a key must have at least one byte");
  check_size(key.size(), max_key_bytes, "a key");
  check_bytes(key, key_forbids, "a key");
}

void Limits::check(std::string_view key, std::string_view value) const {
  check_key(key);
  check_size(value.size(), max_value_bytes, "a value");
  check_bytes(value, value_forbids, "a value");
  if (!value_prefix_taken.empty() &&
      value.substr(0, value_prefix_taken.size()) == value_prefix_taken) {
    throw InvalidInput("a value may not begin with '" +
                       std::string(value_prefix_taken) +
                       "': in this file format that marks a deleted key");
  }
}

const Refusal* Stage::refusal(std::string_view what) const {
  const auto found =
      std::find_if(refuses.begin(), refuses.end(),
                   [&](const Refusal& entry) { return entry.name == what; });
  return found == refuses.end() ? nullptr : &*found;
}

std::uint64_t Stage::number(const Options& given,
                            std::string_view option) const {
  const auto found = given.numbers.find(option);
  if (found != given.numbers.end()) return found->second;
  for (const OptionSpec& spec : options) {
    if (spec.name == option) return spec.default_value;
  }
  throw InvalidInput("no such option: " + std::string(option));
}

}  // namespace strata
