// What the reference tokenizers think of each Unicode code point: letter, digit, white space and so
// on, and its lower case.
//
// Not asked of ICU: the crates of the reference follow Unicode 8, 12 and 16 side by side, and ids
// must not change with the ICU of the machine. make_character_classes.py writes the table.
#ifndef TANDEM_MODEL_TOKENIZERS_CHARACTER_CLASSES_H_
#define TANDEM_MODEL_TOKENIZERS_CHARACTER_CLASSES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace tandem {

// Bits of CharacterClasses::operator[].
inline constexpr std::uint8_t kDroppedByCleanText = 1;
inline constexpr std::uint8_t kWhiteSpace = 2;       // Unicode White_Space, and `\s` of patterns
inline constexpr std::uint8_t kBertAccent = 4;       // removed by BertNormalizer.strip_accents
inline constexpr std::uint8_t kBertPunctuation = 8;  // of BertPreTokenizer
inline constexpr std::uint8_t kLetter = 16;          // `\p{L}` of patterns
inline constexpr std::uint8_t kNumber = 32;          // `\p{N}` of patterns
inline constexpr std::uint8_t kDigit = 64;           // of the pre-tokenizer Digits
inline constexpr std::uint8_t kAccent = 128;         // removed by the normalizer StripAccents

// Immutable; safe from any thread. The one instance is the table of constants that
// character_classes() expands on first use (1 MiB, of which a text touches a few pages).
class CharacterClasses {
 public:
  CharacterClasses();
  std::uint8_t operator[](char32_t c) const { return classes_[c]; }  // c <= 0x10FFFF
  bool is(char32_t c, std::uint8_t classes) const { return (classes_[c] & classes) != 0; }

 private:
  std::unique_ptr<std::uint8_t[]> classes_;
};

const CharacterClasses& character_classes();

// Simple lower case. U+0130 becomes the two characters U+0069 U+0307: callers handle it, and get it
// back unchanged here.
char32_t lower_case(char32_t c);

// Whether BertNormalizer.handle_chinese_chars puts spaces around `c`.
bool is_cjk_ideograph(char32_t c);

// The code point at text[at], where `text` is valid UTF-8; moves `at` past it.
inline char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[i]));
  };
  const char32_t lead = byte(at);
  if (lead < 0x80) {
    at += 1;
    return lead;
  }
  if (lead < 0xE0) {
    at += 2;
    return ((lead & 0x1F) << 6) | (byte(at - 1) & 0x3F);
  }
  if (lead < 0xF0) {
    at += 3;
    return ((lead & 0x0F) << 12) | ((byte(at - 2) & 0x3F) << 6) | (byte(at - 1) & 0x3F);
  }
  at += 4;
  return ((lead & 0x07) << 18) | ((byte(at - 3) & 0x3F) << 12) | ((byte(at - 2) & 0x3F) << 6) |
         (byte(at - 1) & 0x3F);
}

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_CHARACTER_CLASSES_H_
