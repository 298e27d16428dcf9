#include "common/cli/batch.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>

#include "common/cli/batch_line.h"
#include "common/cli/cli.h"
#include "common/os/posix_os.h"
#include "common/record/escape.h"
#include "common/store/errors.h"

namespace strata {

namespace {

// The lines of a file of any length, or of standard input.
class Lines {
 public:
  explicit Lines(const std::string& path)
      : path_(path == "-" ? "standard input" : path),
        file_(path == "-" ? stdin : std::fopen(path.c_str(), "re"), &close) {
    if (file_ == nullptr) throw IoError("cannot open", path_, errno);
  }

  ~Lines() { std::free(buffer_); }

  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  // The next line without its newline; valid until the next call.
  std::optional<std::string_view> next() {
    errno = 0;
    const ssize_t size = ::getline(&buffer_, &capacity_, file_.get());
    // Half a line may have been read before an error.
    if (std::ferror(file_.get()) != 0 ||
        (size < 0 && std::feof(file_.get()) == 0)) {
      throw IoError("cannot read", path_, errno);
    }
    if (size < 0) return std::nullopt;
    std::string_view line(buffer_, static_cast<std::size_t>(size));
    if (line.back() == '\n') line.remove_suffix(1);
    return line;
  }

 private:
  static int close(std::FILE* file) {
    if (file == nullptr) return 0;
    if (file != stdin) return std::fclose(file);
    std::clearerr(stdin);  // a terminal may have more after its end
    return 0;
  }

  const std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  char* buffer_ = nullptr;
  std::size_t capacity_ = 0;
};

class Batch {
 public:
  Batch(Session& session, const Flags& flags)
      : session_(session), flags_(flags) {}

  int run(const std::string& path);

 private:
  void execute(std::string_view line);
  void set();
  void get();
  void del();
  void acknowledge();

  Session& session_;
  const Flags flags_;
  std::uint64_t number_ = 0;  // of the line
  std::uint64_t sets_ = 0;
  std::uint64_t dels_ = 0;
  std::uint64_t gets_ = 0;
  std::uint64_t skipped_ = 0;
  BatchLine line_;
  std::string value_;  // that was read
  std::string output_;
};

int Batch::run(const std::string& path) {
  constexpr std::uint64_t kBetweenReports = 1024;
  const std::uint64_t start = posix_os().ticks_ns();
  Lines lines(path);
  Progress progress("operations");
  while (const auto line = lines.next()) {
    ++number_;
    try {
      execute(*line);
    } catch (...) {
      const CommandError error = current_error();
      throw CommandError(error.code(),
                         fmt::format("line {}: {}", number_, error.what()));
    }
    if (number_ % kBetweenReports == 0) progress.update(number_, 0);
  }
  session_.write_out();  // or it was no success
  progress.clear();
  session_.flush();
  const auto nanoseconds = static_cast<double>(posix_os().ticks_ns() - start);
  const std::string summary = fmt::format(
      "{} operations in {:.3f} s: {} set, {} del, {} get, {} skipped\n",
      number_, nanoseconds / 1e9, sets_, dels_, gets_, skipped_);
  (void)std::fwrite(summary.data(), 1, summary.size(), stderr);
  return kDone;
}

void Batch::execute(std::string_view line) {
  using Kind = BatchLine::Kind;
  parse_batch_line(line, line_);
  if (line_.kind == Kind::kSet) {
    set();
  } else if (line_.kind == Kind::kGet) {
    get();
  } else if (line_.kind == Kind::kDelete) {
    del();
  } else {
    session_.require("compact");
    compact(session_);
  }
}

void Batch::set() {
  session_.stage().limits.check(line_.key, line_.value);
  session_.to_write().set(line_.key, line_.value);
  ++sets_;
  acknowledge();
}

void Batch::get() {
  const bool found = session_.to_read().get(line_.key, value_);
  output_.clear();
  escape(line_.key, output_);
  if (found) {
    output_ += '\t';
    escape(value_, output_);
  }
  output_ += '\n';
  session_.print(output_);
  ++gets_;
}

void Batch::del() {
  if (flags_.skip_deletes && !session_.stage().has("del")) {
    ++skipped_;
    return;
  }
  session_.require("del");
  session_.stage().limits.check_key(line_.key);
  session_.to_write().del(line_.key);
  ++dels_;
  acknowledge();
}

void Batch::acknowledge() {
  if (!flags_.ack) return;
  session_.print(fmt::format("ok {}\n", number_));
  session_.flush();
}

}  // namespace

int batch(Session& session, const std::string& path, const Flags& flags) {
  return Batch(session, flags).run(path);
}

}  // namespace strata
