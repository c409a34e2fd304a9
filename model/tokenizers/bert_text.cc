#include "model/tokenizers/bert_text.h"

#include <unicode/unistr.h>

#include "base/error.h"
#include "model/tokenizers/character_classes.h"
#include "model/tokenizers/unicode_12.h"

namespace tandem {

BertText::BertText(const BertTextOptions& options) : options_(options), table_(kTableSize) {
  for (char32_t c = 0; c < kTableSize; ++c) {
    if (c < 0xD800 || c > 0xDFFF) table_[c] = make_entry(c);
  }
}

std::vector<BertText::Replacement> BertText::expand(char32_t c) const {
  const CharacterClasses& classes = character_classes();
  std::vector<Replacement> replacements;
  if (options_.strip_accents) {
    const icu::Normalizer2& nfd = unicode_12(NormalForm::kNfd);
    icu::UnicodeString decomposition;
    if (!nfd.getDecomposition(static_cast<UChar32>(c), decomposition)) {
      decomposition = icu::UnicodeString(static_cast<UChar32>(c));
    }
    for (std::int32_t i = 0; i < decomposition.length(); i = decomposition.moveIndex32(i, 1)) {
      const UChar32 part = decomposition.char32At(i);
      const auto code_point = static_cast<char32_t>(part);
      replacements.push_back(
          {code_point, nfd.getCombiningClass(part), classes.is(code_point, kBertAccent)});
    }
  } else {
    replacements.push_back({c, 0, false});
  }
  if (options_.lowercase) {
    for (std::size_t i = 0; i < replacements.size(); ++i) {
      if (replacements[i].code_point == 0x130) {
        replacements[i].code_point = U'i';
        replacements.insert(replacements.begin() + static_cast<std::ptrdiff_t>(i) + 1, {0x307});
      } else {
        replacements[i].code_point = lower_case(replacements[i].code_point);
      }
    }
  }
  return replacements;
}

BertText::Entry BertText::classify(char32_t replacement) {
  const std::uint8_t classes = character_classes()[replacement];
  Entry entry = replacement;
  if ((classes & kWhiteSpace) != 0) entry |= kSpace;
  if ((classes & kBertPunctuation) != 0) entry |= kPunctuation;
  return entry;
}

BertText::Entry BertText::make_entry(char32_t c) const {
  const std::uint8_t classes = character_classes()[c];
  if (options_.clean_text) {
    if ((classes & kDroppedByCleanText) != 0) return kDropped;
    if ((classes & kWhiteSpace) != 0) return U' ' | kSpace | kStarter;
  }
  Entry entry = 0;
  std::size_t kept = 0;
  bool starter = false;
  bool reorderable = false;
  for (const Replacement& r : expand(c)) {
    starter = starter || r.combining_class == 0;
    if (r.removed) continue;
    ++kept;
    reorderable = reorderable || r.combining_class != 0;
    entry = classify(r.code_point);
  }
  if (kept == 0) return kDropped | (starter ? kStarter : 0);
  const bool ideograph = options_.handle_chinese_chars && is_cjk_ideograph(c);
  if (kept > 1 || reorderable) {
    TANDEM_CHECK(!ideograph);
    return kComplex;
  }
  return entry | kStarter | (ideograph ? kIdeograph : 0);
}

std::string BertText::normalize(std::string_view text) const {
  struct Sink {
    std::string out;
    void character(char32_t c) { append_utf8(c, out); }
    void punctuation(char32_t c) { append_utf8(c, out); }
    void space(char32_t c) { append_utf8(c, out); }
  } sink;
  visit(text, sink);
  return std::move(sink.out);
}

}  // namespace tandem
