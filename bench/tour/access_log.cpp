#include "bench/tour/access_log.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <unordered_map>

#include "bench/interrupt.h"
#include "common/record/escape.h"
#include "common/store/errors.h"

namespace strata::tour {

namespace {

constexpr std::size_t kLongestUrl = 65535 / 4;  // four times that when escaped

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// Cuts the field before the next blank off `rest`.
std::string_view next_field(std::string_view& rest) {
  const auto blank = rest.find(' ');
  const std::string_view field = rest.substr(0, blank);
  rest.remove_prefix(blank == rest.npos ? rest.size() : blank + 1);
  return field;
}

// Cuts a field between `open` and `close`, and the blank behind it, off `rest`;
// a backslash before a byte makes it an ordinary one.
std::optional<std::string_view> next_quoted(std::string_view& rest, char open,
                                            char close) {
  if (rest.empty() || rest.front() != open) return std::nullopt;
  std::size_t end = 1;
  while (end < rest.size() && rest[end] != close) {
    end += rest[end] == '\\' ? 2U : 1U;
  }
  if (end + 1 >= rest.size() || rest[end + 1] != ' ') return std::nullopt;
  const std::string_view field = rest.substr(1, end - 1);
  rest.remove_prefix(end + 2);
  return field;
}

// The lines of a file, newlines cut off.
class Lines {
 public:
  explicit Lines(const std::string& path)
      : path_(path), file_(std::fopen(path.c_str(), "re"), &std::fclose) {
    if (file_ == nullptr) throw IoError("cannot open", path_, errno);
  }

  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  ~Lines() { std::free(line_); }

  [[nodiscard]] std::optional<std::string_view> next() {
    bench::throw_if_interrupted();
    errno = 0;
    const ssize_t got = ::getline(&line_, &capacity_, file_.get());
    bench::throw_if_interrupted();
    if (got < 0) {
      if (std::feof(file_.get()) == 0) {
        throw IoError("cannot read", path_, errno);
      }
      return std::nullopt;
    }
    std::string_view line(line_, static_cast<std::size_t>(got));
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

 private:
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  char* line_ = nullptr;
  std::size_t capacity_ = 0;
};

// The end state, counted once more and by other means.
std::map<std::string, std::string> count_hits(const History& history) {
  std::map<std::string, std::uint64_t> hits;
  for (const Operation& operation : history.operations) {
    ++hits[history.keys[operation.key]];
  }
  std::map<std::string, std::string> counted;
  for (const auto& [url, count] : hits) {
    counted.emplace(url, std::to_string(count));
  }
  return counted;
}

}  // namespace

std::optional<std::string_view> url_in(std::string_view line) {
  for (int i = 0; i < 3; ++i) {  // host, ident, user
    if (next_field(line).empty()) return std::nullopt;
  }
  if (!next_quoted(line, '[', ']')) return std::nullopt;
  auto request = next_quoted(line, '"', '"');
  if (!request || next_field(*request).empty()) return std::nullopt;
  const std::string_view url = next_field(*request);
  const std::string_view status = next_field(line);
  const std::string_view size = next_field(line);
  if (url.empty() || url.size() > kLongestUrl || status.size() != 3 ||
      !is_digits(status) || (size != "-" && !is_digits(size))) {
    return std::nullopt;
  }
  return url;
}

History read_access_log(const std::string& path) {
  History history;
  history.kind = "access log";
  history.nouns = "URLs";
  history.oracle = "a count of the lines";
  history.name = path.substr(path.rfind('/') + 1);
  HistoryWriter writer(history);
  std::unordered_map<std::string, std::uint64_t> hits;
  Lines lines(path);
  while (const auto line = lines.next()) {
    ++history.lines;
    if (const auto url = url_in(*line)) {
      writer.add(*url, false, std::to_string(++hits[std::string(*url)]));
    } else if (++history.malformed == 1) {
      history.first_malformed = history.lines;
    }
  }
  if (history.operations.empty()) {
    throw BadInput("no line in Common Log Format: " + escaped(path));
  }
  history.end_state = count_hits(history);
  return history;
}

}  // namespace strata::tour
