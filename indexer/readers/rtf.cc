#include "indexer/readers/rtf.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "indexer/readers/decode.h"
#include "indexer/readers/document_writer.h"

namespace tandem {
namespace {

// Deeper groups are read with the properties of the one at this depth.
constexpr std::size_t kMaxDepth = 1000;

// Groups whose text is not that of the document. Those marked "\*" are left out by the mark.
constexpr std::array<std::string_view, 22> kSkipped{
    "author",  "buptim",  "colortbl", "comment",    "company",  "creatim", "doccomm", "fldinst",
    "filetbl", "fonttbl", "footer",   "footerf",    "footerl",  "footerr", "header",  "headerf",
    "headerl", "headerr", "keywords", "nonshppict", "operator", "pict"};

struct Symbol {
  std::string_view word;
  std::string_view text;
};

constexpr Symbol kSymbols[] = {
    {"bullet", "\u2022"},    {"cell", ""},         {"emdash", "\u2014"},
    {"emspace", " "},        {"endash", "\u2013"}, {"enspace", " "},
    {"ldblquote", "\u201C"}, {"line", "\n"},       {"lquote", "\u2018"},
    {"rdblquote", "\u201D"}, {"rquote", "\u2019"}, {"tab", " "},
};

// What a group inherits from the one around it.
struct State {
  enum class Target { kText, kTitle, kStyles, kSkip };
  Target target = Target::kText;
  long unicode_fallback = 1;  // characters to skip after each \u
  std::string charset;        // of the bytes, by the font
};

std::string code_page(long number) {
  if (number == 0) return {};
  return number == 65001 ? "utf-8" : "windows-" + std::to_string(number);
}

// Of \fcharset (table in the specification), as far as they are not the document's own.
std::string charset_of(long number) {
  switch (number) {
    case 128:
      return "shift_jis";
    case 129:
      return "windows-949";
    case 134:
      return "gb18030";
    case 136:
      return "big5";
    case 161:
      return "windows-1253";
    case 162:
      return "windows-1254";
    case 177:
      return "windows-1255";
    case 178:
      return "windows-1256";
    case 186:
      return "windows-1257";
    case 204:
      return "windows-1251";
    case 238:
      return "windows-1250";
    default:
      return {};
  }
}

class Reader {
 public:
  Reader(std::string_view bytes, std::string_view name)
      : bytes_(bytes), text_(name), writer_(text_) {}

  SourceText read() {
    states_.push_back({});
    while (at_ < bytes_.size()) {
      const char c = bytes_[at_++];
      if (c == '{') {
        flush_bytes();
        open_group();
      } else if (c == '}') {
        flush_bytes();
        close_group();
      } else if (c == '\\') {
        control();
      } else if (c != '\r' && c != '\n') {
        add_byte(c);
      }
    }
    flush_bytes();
    end_paragraph();
    end_table();
    SourceText source = text_.take("application/rtf", title_);
    if (has_pages_) source.page_starts.insert(source.page_starts.begin(), 0);
    return source;
  }

 private:
  using Target = State::Target;

  State& state() { return states_.back(); }

  void open_group() {
    if (states_.size() < kMaxDepth) {
      states_.push_back(states_.back());
    } else {
      ++deeper_;
    }
    group_begins_ = true;
  }

  void close_group() {
    if (state().target == Target::kStyles) end_style();
    if (deeper_ > 0) {
      --deeper_;
    } else if (states_.size() > 1) {
      states_.pop_back();
    }
    fallback_left_ = 0;
  }

  void control() {
    if (at_ >= bytes_.size()) return;
    const char c = bytes_[at_];
    const auto is_letter = [](char l) { return (l >= 'a' && l <= 'z') || (l >= 'A' && l <= 'Z'); };
    if (!is_letter(c)) {
      ++at_;
      control_symbol(c);
      return;
    }
    const std::size_t begin = at_;
    while (at_ < bytes_.size() && is_letter(bytes_[at_])) ++at_;
    const std::string_view word = bytes_.substr(begin, at_ - begin);
    long number = 1;
    const char* first = bytes_.data() + at_;
    const auto [end, error] = std::from_chars(first, bytes_.data() + bytes_.size(), number);
    const bool has_number = error == std::errc();
    at_ += static_cast<std::size_t>(end - first);
    if (at_ < bytes_.size() && bytes_[at_] == ' ') ++at_;
    flush_bytes();
    if (word == "bin") {
      // Raw bytes follow, which are no text of any kind.
      if (has_number && number > 0)
        at_ += std::min(static_cast<std::size_t>(number), bytes_.size() - at_);
    } else if (word == "u") {
      add_unicode(number);
    } else {
      control_word(word, number, has_number);
    }
    group_begins_ = false;
  }

  void control_symbol(char c) {
    if (c == '\'') {
      int byte = 0;
      const std::string_view digits = bytes_.substr(at_, 2);
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
      if (error != std::errc() || end != digits.data() + 2) return;
      at_ += 2;
      add_byte(static_cast<char>(byte));
      return;
    }
    flush_bytes();
    if (c == '*') {
      // A group that programs which do not know it should pass over.
      if (group_begins_) state().target = Target::kSkip;
    } else if (c == '~') {
      add(" ");
    } else if (c == '_') {
      add("-");
    } else if (c == '\\' || c == '{' || c == '}') {
      add_byte(c);
    } else if (c == '\n' || c == '\r') {
      end_paragraph();
    }
  }

  void control_word(std::string_view word, long number, bool has_number) {
    if (group_begins_ && begin_destination(word)) return;
    for (const Symbol& symbol : kSymbols) {
      if (word == symbol.word) add(symbol.text);
    }
    if (word == "plain") {
      state().charset.clear();
    } else if (word == "uc") {
      state().unicode_fallback = std::clamp(number, 0L, 16L);
    } else if (word == "ansicpg") {
      document_charset_ = code_page(number);
    } else if (word == "mac") {
      document_charset_ = "macintosh";
    } else if (word == "f") {
      font_ = number;
      const auto found = font_charsets_.find(number);
      state().charset = found == font_charsets_.end() ? std::string() : found->second;
    } else if (word == "fcharset" && has_number && font_charsets_.size() < kMaxDepth) {
      font_charsets_[font_] = charset_of(number);
    } else if (word == "s" && state().target == Target::kStyles) {
      style_ = number;
    } else if (state().target == Target::kText) {
      layout_word(word, number);
    }
  }

  void layout_word(std::string_view word, long number) {
    if (word == "par" || word == "sect") {
      end_paragraph();
    } else if (word == "pard") {
      paragraph_ = {};
      row_text_ = false;
    } else if (word == "s") {
      const auto found = style_levels_.find(number);
      if (found != style_levels_.end()) paragraph_.heading_level = found->second;
    } else if (word == "outlinelevel") {
      paragraph_.heading_level = number >= 0 && number < 9 ? static_cast<int>(number) + 1 : 0;
    } else if (word == "ls") {
      paragraph_.item_depth = std::max(paragraph_.item_depth, 1);
    } else if (word == "ilvl") {
      paragraph_.item_depth = static_cast<int>(std::clamp(number, 0L, 8L)) + 1;
    } else if (word == "intbl") {
      row_text_ = true;
    } else if (word == "cell" || word == "nestcell") {
      end_cell();
    } else if (word == "row" || word == "nestrow") {
      end_row();
    } else if (word == "page") {
      end_paragraph();
      writer_.begin_page();
      has_pages_ = true;
    }
  }

  // Whether the word says what the text of a group that just began is for.
  bool begin_destination(std::string_view word) {
    if (state().target == Target::kSkip) return false;
    if (word == "stylesheet") {
      state().target = Target::kStyles;
    } else if (word == "title") {
      state().target = Target::kTitle;
    } else if (word == "footnote") {
      add(" [");
      return true;
    } else if (word == "listtext" || word == "pntext") {
      // The number or bullet before an item, as text.
      paragraph_.item_depth = std::max(paragraph_.item_depth, 1);
      state().target = Target::kSkip;
    } else if (std::find(kSkipped.begin(), kSkipped.end(), word) != kSkipped.end()) {
      state().target = Target::kSkip;
    } else {
      return false;
    }
    return true;
  }

  // The text of a style is its name, with a ";" at its end.
  void end_style() {
    constexpr std::string_view kHeading = "heading ";
    const std::string name = lower_ascii(std::exchange(style_name_, {}));
    if (name.starts_with(kHeading) && name.size() > kHeading.size()) {
      const int level = name[kHeading.size()] - '0';
      if (level >= 1 && level <= 9) style_levels_[style_] = level;
    }
  }

  void add_byte(char c) {
    group_begins_ = false;
    if (fallback_left_ > 0) {
      --fallback_left_;
      return;
    }
    if (state().target != Target::kSkip) pending_bytes_.push_back(c);
  }

  void add_unicode(long number) {
    // Written as a signed number of 16 bits, in two halves beyond the basic plane.
    const auto unit = static_cast<char32_t>(number & 0xFFFF);
    fallback_left_ = state().unicode_fallback;
    if (unit >= 0xD800 && unit < 0xDC00) {
      high_surrogate_ = unit;
      return;
    }
    std::string text;
    if (unit >= 0xDC00 && unit < 0xE000 && high_surrogate_ != 0) {
      append_utf8(0x10000 + ((high_surrogate_ - 0xD800) << 10) + (unit - 0xDC00), text);
    } else {
      append_utf8(unit, text);
    }
    high_surrogate_ = 0;
    add(text);
  }

  // Characters may take two bytes, so that bytes are gathered before they are decoded.
  void flush_bytes() {
    if (pending_bytes_.empty()) return;
    const std::string bytes = std::exchange(pending_bytes_, {});
    const bool is_ascii = std::all_of(bytes.begin(), bytes.end(),
                                      [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (is_ascii) {
      add(bytes);
      return;
    }
    const std::string& charset = state().charset.empty() ? document_charset_ : state().charset;
    add(decode_as(bytes, charset));
  }

  void add(std::string_view text) {
    switch (state().target) {
      case Target::kText:
        words_ += text;
        break;
      case Target::kTitle:
        title_ += text;
        break;
      case Target::kStyles:
        style_name_ += text;
        break;
      case Target::kSkip:
        break;
    }
  }

  void end_paragraph() {
    if (state().target != Target::kText) return;
    if (row_text_) {
      begin_cell();
    } else {
      end_table();
    }
    writer_.paragraph(std::exchange(words_, {}), paragraph_);
  }

  void begin_cell() {
    if (!std::exchange(in_table_, true)) writer_.begin_table();
    if (!std::exchange(in_row_, true)) writer_.begin_row();
    if (!std::exchange(in_cell_, true)) writer_.begin_cell();
  }

  void end_cell() {
    row_text_ = true;
    end_paragraph();
    in_cell_ = false;
  }

  void end_row() {
    if (in_table_) writer_.end_row();
    in_row_ = false;
    in_cell_ = false;
  }

  void end_table() {
    if (std::exchange(in_table_, false)) writer_.end_table();
    in_row_ = false;
    in_cell_ = false;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  TextBuilder text_;
  DocumentWriter writer_;
  std::vector<State> states_;
  std::size_t deeper_ = 0;  // open groups beyond kMaxDepth
  std::string document_charset_;
  std::map<long, std::string> font_charsets_;
  std::map<long, int> style_levels_;
  long font_ = 0;
  long style_ = 0;
  std::string pending_bytes_;
  std::string words_;  // of the paragraph
  std::string title_;
  std::string style_name_;
  ParagraphStyle paragraph_;
  long fallback_left_ = 0;
  char32_t high_surrogate_ = 0;
  bool group_begins_ = false;
  bool row_text_ = false;
  bool in_table_ = false;
  bool in_row_ = false;
  bool in_cell_ = false;
  bool has_pages_ = false;
};

}  // namespace

SourceText read_rtf(std::string_view bytes, std::string_view name) {
  return Reader(bytes, name).read();
}

}  // namespace tandem
