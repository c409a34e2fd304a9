#include "base/utf8.h"

namespace tandem {
namespace {

bool is_continuation(unsigned char byte) {
  return (byte & 0xC0) == 0x80;
}

// What a lead byte promises: the length of its sequence, and the range that its second byte must
// lie in (narrower than 80..BF where that excludes overlong forms, surrogates and > 0x10FFFF).
struct Lead {
  std::size_t length = 0;
  unsigned char second_min = 0x80;
  unsigned char second_max = 0xBF;
};

Lead classify(unsigned char lead) {
  if (lead < 0x80) return {1};
  if (lead >= 0xC2 && lead <= 0xDF) return {2};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {3};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {4};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

}  // namespace

Utf8Char decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const Lead lead = classify(byte(0));
  if (lead.length == 0) return {kReplacementCharacter, 1, false};
  if (lead.length == 1) return {byte(0), 1, true};
  char32_t value = byte(0) & (0xFF >> (lead.length + 1));
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (i >= text.size()) return {kReplacementCharacter, i, false};
    const bool ok = i == 1 ? byte(1) >= lead.second_min && byte(1) <= lead.second_max
                           : is_continuation(byte(i));
    if (!ok) return {kReplacementCharacter, i, false};
    value = (value << 6) | (byte(i) & 0x3F);
  }
  return {value, lead.length, true};
}

void append_utf8(char32_t code_point, std::string& out) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) {
    code_point = kReplacementCharacter;
  }
  const auto push = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    push(code_point);
  } else if (code_point < 0x800) {
    push(0xC0 | (code_point >> 6));
    push(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    push(0xE0 | (code_point >> 12));
    push(0x80 | ((code_point >> 6) & 0x3F));
    push(0x80 | (code_point & 0x3F));
  } else {
    push(0xF0 | (code_point >> 18));
    push(0x80 | ((code_point >> 12) & 0x3F));
    push(0x80 | ((code_point >> 6) & 0x3F));
    push(0x80 | (code_point & 0x3F));
  }
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Char next = decode_utf8(text);
    if (!next.valid) return false;
    text.remove_prefix(next.size_bytes);
  }
  return true;
}

std::string repair_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Char next = decode_utf8(text);
    if (next.valid) {
      out.append(text.substr(0, next.size_bytes));
    } else {
      append_utf8(kReplacementCharacter, out);
    }
    text.remove_prefix(next.size_bytes);
  }
  return out;
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    text.remove_prefix(decode_utf8(text).size_bytes);
    ++count;
  }
  return count;
}

std::size_t byte_offset(std::string_view text, std::size_t code_points) {
  std::size_t offset = 0;
  for (std::size_t i = 0; i < code_points && offset < text.size(); ++i) {
    offset += decode_utf8(text.substr(offset)).size_bytes;
  }
  return offset;
}

std::size_t complete_utf8_prefix(std::string_view text) {
  // Only the last three bytes can belong to an unfinished character.
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const std::size_t start = text.size() - back;
    const auto lead = static_cast<unsigned char>(text[start]);
    if (is_continuation(lead)) continue;
    const std::size_t needed = classify(lead).length;
    if (needed <= back) break;
    // The decoder stops early at a byte that cannot continue: then nothing is worth waiting for.
    const bool may_complete = decode_utf8(text.substr(start)).size_bytes == back;
    return may_complete ? start : text.size();
  }
  return text.size();
}

std::string lower_ascii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace tandem
