// str(), repr() and json.dumps() of values.
#include <fmt/format.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "generator/jinja/value.h"

namespace tandem::jinja {
namespace {

// A list may hold a namespace that holds the list.
constexpr int kMaxDepth = 80;

// As Python's repr(): the shortest digits that read back as the same number, with an exponent below
// 1e-4 and from 1e16 on.
std::string print_double(double value, std::string_view infinity, std::string_view nan) {
  if (std::isnan(value)) return std::string(nan);
  if (std::isinf(value)) return (value < 0 ? "-" : "") + std::string(infinity);
  char buffer[64];
  const auto scientific =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string_view digits(buffer, static_cast<std::size_t>(scientific.ptr - buffer));
  int exponent = 0;
  const std::size_t mark = digits.find('e');
  const char* number = digits.data() + mark + (digits[mark + 1] == '+' ? 2 : 1);
  std::from_chars(number, digits.data() + digits.size(), exponent);
  if (exponent < -4 || exponent >= 16) return std::string(digits);
  const auto fixed = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  std::string out(buffer, fixed.ptr);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

bool is_printable(char32_t c) {
  if (c < 0x7F) return c >= 0x20;
  switch (u_charType(static_cast<UChar32>(c))) {
    case U_CONTROL_CHAR:
    case U_FORMAT_CHAR:
    case U_SURROGATE:
    case U_PRIVATE_USE_CHAR:
    case U_UNASSIGNED:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
    case U_SPACE_SEPARATOR:
      return false;
    default:
      return true;
  }
}

// Each character through `escape(code point, its bytes, out)`.
template <typename Escape>
std::string escape_characters(std::string_view text, const Escape& escape) {
  std::string out;
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    escape(c.code_point, text.substr(0, c.size_bytes), out);
    text.remove_prefix(c.size_bytes);
  }
  return out;
}

Text python_string(const Text& text) {
  const bool has_single = text.bytes().find('\'') != std::string::npos;
  const bool has_double = text.bytes().find('"') != std::string::npos;
  const char32_t quote = has_single && !has_double ? U'"' : U'\'';
  const auto escape = [quote](char32_t c, std::string_view bytes, std::string& out) {
    if (c == quote || c == U'\\') {
      out += '\\';
      out += bytes;
    } else if (c == U'\n') {
      out += "\\n";
    } else if (c == U'\r') {
      out += "\\r";
    } else if (c == U'\t') {
      out += "\\t";
    } else if (is_printable(c)) {
      out += bytes;
    } else if (c < 0x100) {
      out += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(c));
    } else if (c < 0x10000) {
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
    } else {
      out += fmt::format("\\U{:08x}", static_cast<std::uint32_t>(c));
    }
  };
  const std::string mark(1, static_cast<char>(quote));
  Text out(mark);
  out.append(text.map_runs([&](std::string_view run) { return escape_characters(run, escape); }));
  out.append(mark, false);
  return out;
}

Text json_string(const Text& text, bool ascii_only) {
  const auto escape = [ascii_only](char32_t c, std::string_view bytes, std::string& out) {
    const auto unicode = [&](std::uint32_t unit) { out += fmt::format("\\u{:04x}", unit); };
    switch (c) {
      case U'"':
        out += "\\\"";
        return;
      case U'\\':
        out += "\\\\";
        return;
      case U'\n':
        out += "\\n";
        return;
      case U'\r':
        out += "\\r";
        return;
      case U'\t':
        out += "\\t";
        return;
      case U'\b':
        out += "\\b";
        return;
      case U'\f':
        out += "\\f";
        return;
      default:
        break;
    }
    if (c < 0x20 || (ascii_only && c > 0x7E && c < 0x10000)) {
      unicode(c);
    } else if (ascii_only && c >= 0x10000) {
      unicode(0xD800 + ((c - 0x10000) >> 10));
      unicode(0xDC00 + ((c - 0x10000) & 0x3FF));
    } else {
      out += bytes;
    }
  };
  Text out("\"");
  out.append(text.map_runs([&](std::string_view run) { return escape_characters(run, escape); }));
  out.append("\"", false);
  return out;
}

class Printer {
 public:
  explicit Printer(Budget& budget) : budget_(budget) {}

  // repr(), appended to `out`.
  void print(const Value& value, Text& out, int depth) {
    if (depth > kMaxDepth) budget_.fail("a value is nested too deeply to be printed");
    budget_.charge(16);
    if (const Text* text = value.as_text()) {
      budget_.charge(text->size() * 2);
      out.append(python_string(*text));
    } else if (const List* list = value.as_list()) {
      out.append(list->is_tuple ? "(" : "[", false);
      for (std::size_t i = 0; i < list->items.size(); ++i) {
        if (i > 0) out.append(", ", false);
        print(list->items[i], out, depth + 1);
      }
      if (list->is_tuple && list->items.size() == 1) out.append(",", false);
      out.append(list->is_tuple ? ")" : "]", false);
    } else if (const Dict* dict = value.as_dict()) {
      print_entries(dict->entries, out, depth);
    } else if (const auto* space = std::get_if<Namespace*>(&value.variant())) {
      std::vector<std::pair<Value, Value>> entries;
      for (const auto& [name, attribute] : (*space)->attributes) {
        entries.emplace_back(Value::text(name), attribute);
      }
      out.append("<Namespace ", false);
      print_entries(entries, out, depth);
      out.append(">", false);
    } else {
      out.append(print_scalar(value), false);
    }
  }

 private:
  void print_entries(const std::vector<std::pair<Value, Value>>& entries, Text& out, int depth) {
    out.append("{", false);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) out.append(", ", false);
      print(entries[i].first, out, depth + 1);
      out.append(": ", false);
      print(entries[i].second, out, depth + 1);
    }
    out.append("}", false);
  }

  std::string print_scalar(const Value& value) {
    if (value.is_undefined()) return "Undefined";
    if (value.is_none()) return "None";
    if (const bool* boolean = std::get_if<bool>(&value.variant())) {
      return *boolean ? "True" : "False";
    }
    if (const auto* integer = std::get_if<std::int64_t>(&value.variant())) {
      return std::to_string(*integer);
    }
    if (const double* number = std::get_if<double>(&value.variant())) {
      return print_double(*number, "inf", "nan");
    }
    budget_.unsupported(fmt::format("the text of a {}", type_name(value)));
  }

  Budget& budget_;
};

class JsonWriter {
 public:
  JsonWriter(int indent, bool ascii_only, bool sort_keys, Budget& budget)
      : indent_(indent), ascii_only_(ascii_only), sort_keys_(sort_keys), budget_(budget) {}

  void write(const Value& value, Text& out, int depth) {
    budget_.charge(16);
    if (const Text* text = value.as_text()) {
      budget_.charge(text->size() * 2);
      out.append(json_string(*text, ascii_only_));
    } else if (const List* list = value.as_list()) {
      write_items(list->items.size(), '[', ']', out, depth,
                  [&](std::size_t i) { write(list->items[i], out, depth + 1); });
    } else if (const Dict* dict = value.as_dict()) {
      auto entries = dict->entries;
      if (sort_keys_) {
        std::ranges::stable_sort(entries, [&](const auto& a, const auto& b) {
          return order(a.first, b.first, budget_) < 0;
        });
      }
      write_items(entries.size(), '{', '}', out, depth, [&](std::size_t i) {
        write_key(entries[i].first, out);
        out.append(": ", false);
        write(entries[i].second, out, depth + 1);
      });
    } else {
      out.append(scalar(value), false);
    }
  }

 private:
  template <typename WriteItem>
  void write_items(std::size_t count, char open, char close, Text& out, int depth,
                   const WriteItem& write_item) {
    out.append(std::string(1, open), false);
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out.append(indent_ < 0 ? ", " : ",", false);
      new_line(out, depth + 1);
      write_item(i);
    }
    if (count > 0) new_line(out, depth);
    out.append(std::string(1, close), false);
  }

  void new_line(Text& out, int depth) {
    if (indent_ < 0) return;
    const auto width = static_cast<std::size_t>(indent_) * static_cast<std::size_t>(depth);
    budget_.charge(width);
    out.append("\n" + std::string(width, ' '), false);
  }

  void write_key(const Value& key, Text& out) {
    if (const Text* text = key.as_text()) {
      out.append(json_string(*text, ascii_only_));
    } else {
      out.append("\"" + scalar(key) + "\"", false);
    }
  }

  std::string scalar(const Value& value) {
    if (value.is_none()) return "null";
    if (const bool* boolean = std::get_if<bool>(&value.variant())) {
      return *boolean ? "true" : "false";
    }
    if (const auto* integer = std::get_if<std::int64_t>(&value.variant())) {
      return std::to_string(*integer);
    }
    if (const double* number = std::get_if<double>(&value.variant())) {
      return print_double(*number, "Infinity", "NaN");
    }
    budget_.fail(fmt::format("Object of type {} is not JSON serializable", type_name(value)));
  }

  int indent_;
  bool ascii_only_;
  bool sort_keys_;
  Budget& budget_;
};

}  // namespace

Text to_text(const Value& value, Budget& budget) {
  if (value.is_undefined()) return Text();
  if (const Text* text = value.as_text()) {
    budget.charge(text->size());
    return *text;
  }
  return representation(value, budget);
}

Text representation(const Value& value, Budget& budget) {
  Text out;
  Printer(budget).print(value, out, 0);
  return out;
}

Text to_json(const Value& value, int indent, bool ascii_only, bool sort_keys, Budget& budget) {
  Text out;
  JsonWriter(indent, ascii_only, sort_keys, budget).write(value, out, 0);
  return out;
}

}  // namespace tandem::jinja
