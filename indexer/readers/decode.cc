#include "indexer/readers/decode.h"

#include <unicode/ucnv.h>
#include <unicode/ucsdet.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <optional>

#include "base/utf8.h"

namespace tandem {
namespace {

using namespace std::string_view_literals;

// The detector reads statistics, for which this much text is plenty.
constexpr std::size_t kDetectBytes = 64 << 10;
// Of 100. Below it ICU is guessing.
constexpr int kMinConfidence = 30;

struct ByteOrderMark {
  std::string_view bytes;
  const char* encoding;
};

// UTF-32LE before UTF-16LE: its mark begins with the other's.
constexpr ByteOrderMark kMarks[] = {
    {"\xEF\xBB\xBF"sv, "UTF-8"}, {"\xFF\xFE\0\0"sv, "UTF-32LE"}, {"\0\0\xFE\xFF"sv, "UTF-32BE"},
    {"\xFF\xFE"sv, "UTF-16LE"},  {"\xFE\xFF"sv, "UTF-16BE"},
};

const ByteOrderMark* find_mark(std::string_view bytes) {
  for (const ByteOrderMark& mark : kMarks) {
    if (bytes.starts_with(mark.bytes)) return &mark;
  }
  return nullptr;
}

// The labels whose name and practice differ (WHATWG Encoding Standard, section 4.2): browsers read
// the superset, and authors write it.
std::string resolve_label(std::string_view label) {
  std::string name = lower_ascii(label);
  if (name == "iso-8859-1" || name == "latin1" || name == "us-ascii" || name == "ascii" ||
      name == "iso8859-1") {
    return "windows-1252";
  }
  if (name == "iso-8859-9") return "windows-1254";
  if (name == "shift_jis" || name == "sjis" || name == "shift-jis") return "windows-31j";
  if (name == "gb2312" || name == "gbk") return "gb18030";
  if (name == "euc-kr" || name == "ks_c_5601-1987") return "windows-949";
  return name;
}

// nullopt if ICU has no converter of that name.
std::optional<std::string> convert(std::string_view bytes, const std::string& encoding) {
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UConverter, decltype(&ucnv_close)> converter(
      ucnv_open(encoding.c_str(), &status), &ucnv_close);
  if (U_FAILURE(status)) return std::nullopt;
  const icu::UnicodeString wide(bytes.data(), static_cast<int32_t>(bytes.size()), converter.get(),
                                status);
  if (U_FAILURE(status)) return std::nullopt;
  std::string text;
  wide.toUTF8String(text);
  return text;
}

// Text that is UTF-8 but for a few damaged bytes: most sequences beyond ASCII are well-formed.
bool is_damaged_utf8(std::string_view text) {
  std::size_t good = 0;
  std::size_t bad = 0;
  while (!text.empty()) {
    const Utf8Char next = decode_utf8(text);
    if (!next.valid) {
      ++bad;
    } else if (next.size_bytes > 1) {
      ++good;
    }
    text.remove_prefix(next.size_bytes);
  }
  return good > 9 * bad;
}

// How the bytes beyond ASCII stand in a text.
struct ByteShape {
  std::size_t ascii_letters = 0;
  std::size_t high = 0;
  std::size_t low_leads = 0;  // pairs that begin with 81..9F, as in Shift_JIS and hardly elsewhere
  std::size_t pairs = 0;
  std::size_t runs = 0;
  std::size_t even_runs = 0;
};

ByteShape shape_of(std::string_view bytes) {
  ByteShape shape;
  std::size_t run = 0;
  const auto end_run = [&] {
    if (run == 0) return;
    ++shape.runs;
    shape.even_runs += run % 2 == 0 ? 1 : 0;
    run = 0;
  };
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      shape.ascii_letters += (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z' ? 1 : 0;
      end_run();
    } else {
      ++shape.high;
      ++run;
    }
  }
  end_run();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (byte < 0x80) continue;
    ++shape.pairs;
    shape.low_leads += byte <= 0x9F ? 1 : 0;
    ++i;
  }
  return shape;
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// ICU's best match, if it is sure enough. A short text leaves it unsure; then a text that is mostly
// beyond ASCII is not Western, and the shape of its bytes decides between the matches left.
std::string detect_encoding(std::string_view bytes) {
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UCharsetDetector, decltype(&ucsdet_close)> detector(ucsdet_open(&status),
                                                                            &ucsdet_close);
  if (U_FAILURE(status)) return {};
  const std::string_view sample = bytes.substr(0, kDetectBytes);
  ucsdet_setText(detector.get(), sample.data(), static_cast<int32_t>(sample.size()), &status);
  int32_t count = 0;
  const UCharsetMatch** matches = ucsdet_detectAll(detector.get(), &count, &status);
  const ByteShape shape = shape_of(sample);
  const bool foreign = shape.high > shape.ascii_letters;
  const bool paired = shape.even_runs == shape.runs;
  for (int32_t i = 0; i < count && U_SUCCESS(status); ++i) {
    const int confidence = ucsdet_getConfidence(matches[i], &status);
    const char* name = ucsdet_getName(matches[i], &status);
    if (U_FAILURE(status) || name == nullptr) break;
    if (std::string_view(name).starts_with("UTF-")) continue;
    if (confidence >= kMinConfidence) return name;
    if (!foreign) break;
    if (shape.low_leads * 2 > shape.pairs) {
      if (name == "Shift_JIS"sv) return name;
    } else if (paired) {
      if (is_one_of(name, {"GB18030", "EUC-JP", "EUC-KR", "Big5"})) return name;
    } else if (is_one_of(name,
                         {"windows-1251", "windows-1253", "windows-1255", "windows-1256", "KOI8-R",
                          "ISO-8859-5", "ISO-8859-6", "ISO-8859-7", "ISO-8859-8"})) {
      return name;
    }
  }
  return {};
}

}  // namespace

std::string decode_text(std::string_view bytes, std::string_view declared) {
  if (const ByteOrderMark* mark = find_mark(bytes); mark != nullptr) {
    const std::string_view body = bytes.substr(mark->bytes.size());
    if (mark->encoding == "UTF-8"sv) return repair_utf8(body);
    if (auto text = convert(body, mark->encoding)) return *std::move(text);
  }
  const std::string label = resolve_label(declared);
  // ISO 2022 hides its characters behind escape sequences in plain ASCII.
  const bool escaped = label.starts_with("iso-2022") && bytes.find('\x1b') != bytes.npos;
  if (!escaped && is_valid_utf8(bytes)) return std::string(bytes);
  if (!label.empty() && !label.starts_with("utf-")) {
    if (auto text = convert(bytes, label)) return *std::move(text);
  }
  if (is_damaged_utf8(bytes)) return repair_utf8(bytes);
  const std::string detected = detect_encoding(bytes);
  if (!detected.empty()) {
    if (auto text = convert(bytes, resolve_label(detected))) return *std::move(text);
  }
  if (auto text = convert(bytes, "windows-1252")) return *std::move(text);
  return repair_utf8(bytes);
}

std::string decode_as(std::string_view bytes, std::string_view encoding) {
  for (const std::string& name : {resolve_label(encoding), std::string("windows-1252")}) {
    if (name.empty()) continue;
    if (auto text = convert(bytes, name)) return *std::move(text);
  }
  return repair_utf8(bytes);
}

bool has_wide_byte_order_mark(std::string_view bytes) {
  const ByteOrderMark* mark = find_mark(bytes);
  return mark != nullptr && mark->encoding != "UTF-8"sv;
}

std::string normalize_lines(std::string text) {
  if (text.find('\0') != std::string::npos) {
    std::string replaced;
    for (const char c : text) {
      if (c == '\0') {
        append_utf8(kReplacementCharacter, replaced);
      } else {
        replaced.push_back(c);
      }
    }
    text = std::move(replaced);
  }
  std::size_t to = 0;
  for (std::size_t from = 0; from < text.size(); ++from) {
    char c = text[from];
    if (c == '\r') {
      if (from + 1 < text.size() && text[from + 1] == '\n') continue;
      c = '\n';
    } else if (c == '\f' || c == '\v') {
      c = '\n';
    }
    text[to++] = c;
  }
  text.resize(to);
  return text;
}

}  // namespace tandem
