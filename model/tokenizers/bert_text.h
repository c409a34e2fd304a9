// BertNormalizer and BertPreTokenizer of Hugging Face `tokenizers` in one pass: text in,
// lower-cased words without accents out.
//
// What happens to a code point hardly depends on its neighbours, so it is looked up in a table that
// is made once. The exception is the canonical order of combining marks, which only shows for the
// few marks that strip_accents leaves; those are held back and sorted.
#ifndef TANDEM_MODEL_TOKENIZERS_BERT_TEXT_H_
#define TANDEM_MODEL_TOKENIZERS_BERT_TEXT_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"

namespace tandem {

// The options of BertNormalizer.
struct BertTextOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
};

// Immutable; safe from any thread.
class BertText {
 public:
  explicit BertText(const BertTextOptions& options);

  // Calls the sink's character(c) for each character of a word, punctuation(c) for one that is a
  // word by itself, and space(c) between words. Ill-formed UTF-8 counts as U+FFFD.
  template <typename Sink>
  void visit(std::string_view text, Sink& sink) const;

  // What BertNormalizer alone gives.
  std::string normalize(std::string_view text) const;

 private:
  // A code point's fate: the one that replaces it in the low 21 bits, flags above.
  using Entry = std::uint32_t;
  static constexpr Entry kReplacement = (1u << 21) - 1;
  static constexpr Entry kDropped = 1u << 21;
  static constexpr Entry kStarter = 1u << 22;  // marks cannot be reordered across it
  static constexpr Entry kSpace = 1u << 23;
  static constexpr Entry kPunctuation = 1u << 24;
  static constexpr Entry kIdeograph = 1u << 25;  // gets a space before and after
  static constexpr Entry kComplex = 1u << 26;    // more than one replacement: ask expand()
  static constexpr std::size_t kTableSize = 0x10000;

  struct Replacement {
    char32_t code_point = 0;
    std::uint8_t combining_class = 0;
    bool removed = false;
  };
  using Held = std::vector<Replacement>;

  std::vector<Replacement> expand(char32_t c) const;
  Entry make_entry(char32_t c) const;
  static Entry classify(char32_t replacement);

  template <typename Sink>
  static void emit(Entry entry, Sink& sink) {
    const char32_t c = entry & kReplacement;
    if ((entry & (kSpace | kPunctuation | kIdeograph)) == 0) {
      sink.character(c);
    } else if ((entry & kSpace) != 0) {
      sink.space(c);
    } else {
      if ((entry & kIdeograph) != 0) sink.space(U' ');
      if ((entry & kPunctuation) != 0) {
        sink.punctuation(c);
      } else {
        sink.character(c);
      }
      if ((entry & kIdeograph) != 0) sink.space(U' ');
    }
  }

  template <typename Sink>
  static void release(Held& held, Sink& sink) {
    std::stable_sort(held.begin(), held.end(), [](const Replacement& a, const Replacement& b) {
      return a.combining_class < b.combining_class;
    });
    for (const Replacement& r : held) emit(classify(r.code_point), sink);
    held.clear();
  }

  BertTextOptions options_;
  std::vector<Entry>
      table_;  // of the Basic Multilingual Plane; the others are worked out each time
};

template <typename Sink>
void BertText::visit(std::string_view text, Sink& sink) const {
  Held held;
  for (std::size_t at = 0; at < text.size();) {
    char32_t c = static_cast<unsigned char>(text[at]);
    if (c < 0x80) {
      ++at;
    } else {
      const Utf8Char next = decode_utf8(text.substr(at));
      c = next.code_point;
      at += next.size_bytes;
    }
    const Entry entry = c < kTableSize ? table_[c] : make_entry(c);
    if ((entry & kStarter) != 0 && !held.empty()) release(held, sink);
    if ((entry & kDropped) != 0) continue;
    if ((entry & kComplex) == 0) {
      emit(entry, sink);
      continue;
    }
    for (const Replacement& r : expand(c)) {
      if (r.combining_class == 0 && !held.empty()) release(held, sink);
      if (r.removed) continue;
      if (r.combining_class == 0) {
        emit(classify(r.code_point), sink);
      } else {
        held.push_back(r);
      }
    }
  }
  release(held, sink);
}

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_BERT_TEXT_H_
