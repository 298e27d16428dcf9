#include "common/cli/batch_line.h"

#include "common/record/escape.h"
#include "common/store/errors.h"

namespace strata {

namespace {

// What is left of a line, field by field.
class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line) {}

  [[nodiscard]] bool is_at_end() const { return at_end_; }

  // The next field as it stands there.
  std::string_view take() {
    const std::size_t tab = rest_.find('\t');
    const std::string_view field = rest_.substr(0, tab);
    at_end_ = tab == std::string_view::npos;
    rest_ = at_end_ ? std::string_view() : rest_.substr(tab + 1);
    return field;
  }

  // The next field with its escapes undone; most have none.
  void take(std::string& out) {
    const std::string_view field = take();
    if (field.find('\\') == std::string_view::npos) {
      out.assign(field);
    } else if (const auto wrong = unescape(field, out)) {
      throw InvalidInput(*wrong);
    }
  }

  void take_key(std::string& out) {
    if (at_end_) throw InvalidInput("a key is missing");
    take(out);
  }

  void expect_end() const {
    if (!at_end_) throw InvalidInput("there are too many fields");
  }

 private:
  std::string_view rest_;
  bool at_end_ = false;
};

}  // namespace

void parse_batch_line(std::string_view line, BatchLine& out) {
  Fields fields(line);
  const std::string_view word = fields.take();
  if (word == "set") {
    out.kind = BatchLine::Kind::kSet;
    fields.take_key(out.key);
    if (fields.is_at_end()) throw InvalidInput("set wants a key and a value");
    fields.take(out.value);
  } else if (word == "get") {
    out.kind = BatchLine::Kind::kGet;
    fields.take_key(out.key);
  } else if (word == "del") {
    out.kind = BatchLine::Kind::kDelete;
    fields.take_key(out.key);
  } else if (word == "compact") {
    out.kind = BatchLine::Kind::kCompact;
  } else {
    throw InvalidInput("no such operation: '" + escaped(word) + "'");
  }
  fields.expect_end();
}

}  // namespace strata
