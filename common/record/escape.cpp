#include "common/record/escape.h"

namespace strata {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

// The value of a hex digit, or -1.
int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that a one-letter escape stands for, or nothing.
std::optional<char> named_byte(char letter) {
  switch (letter) {
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case '\\':
      return '\\';
    default:
      return std::nullopt;
  }
}

}  // namespace

void escape(std::string_view bytes, std::string& out) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\t') {
      out += "\\t";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\x";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    } else {
      out += c;
    }
  }
}

std::string escaped(std::string_view bytes) {
  std::string out;
  escape(bytes, out);
  return out;
}

std::optional<std::string> unescape(std::string_view field, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\') {
      out += field[i];
      continue;
    }
    if (++i == field.size()) return "a backslash ends the field";
    if (field[i] == 'x') {
      const int high = i + 1 < field.size() ? hex_value(field[i + 1]) : -1;
      const int low = i + 2 < field.size() ? hex_value(field[i + 2]) : -1;
      if (high < 0 || low < 0) return "\\x wants two hex digits";
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else if (const auto byte = named_byte(field[i])) {
      out += *byte;
    } else {
      return "unknown escape \\" + escaped(field.substr(i, 1));
    }
  }
  return std::nullopt;
}

}  // namespace strata
