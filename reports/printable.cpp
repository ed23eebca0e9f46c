#include <cstdint>
#include <cstdio>

#include "reports/terminal_text.hpp"

namespace ssmprof::reports {
namespace {

/// The code point at the front of `text` and its length; length 0 where it is no UTF-8.
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;
};

CodePoint front(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {};
  std::uint32_t value = first & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {};
    value = value << 6U | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) return {};
  return {value, length};
}

bool commands_the_terminal(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0)          // C0, DEL, C1
         || c == 0x200E || c == 0x200F || c == 0x61C  // direction marks
         || (c >= 0x2028 && c <= 0x202E)              // separators, embeddings and overrides
         || (c >= 0x2066 && c <= 0x2069);             // isolates
}

std::string escaped(const char* form, unsigned value) {
  char text[16];
  std::snprintf(text, sizeof text, form, value);
  return text;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const CodePoint c = front(text);
    const std::size_t length = c.length == 0 ? 1 : c.length;
    if (c.length == 0) {
      shown += escaped("\\x%02x", static_cast<unsigned char>(text[0]));
    } else if (commands_the_terminal(c.value)) {
      shown += escaped(c.value < 0x80 ? "\\x%02x" : "\\u%04x", c.value);
    } else {
      shown += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return shown;
}

}  // namespace ssmprof::reports
