#include "model/tokenizers/normalizer.h"

#include <unicode/bytestream.h>
#include <unicode/stringpiece.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/utf8.h"
#include "model/tokenizers/character_classes.h"
#include "model/tokenizers/unicode_12.h"

namespace tandem {
namespace {

std::string to_normal_form(std::string_view text, NormalForm form) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw Error(ErrorCode::kTooLarge, "a text of more than 2 GiB cannot be tokenized at once",
                "split it");
  }
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode status = U_ZERO_ERROR;
  unicode_12(form).normalizeUTF8(
      0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())), sink, nullptr,
      status);
  if (U_FAILURE(status)) {
    throw Error(ErrorCode::kInternal, std::string("normalising a text: ") + u_errorName(status));
  }
  return out;
}

std::string lower_cased(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (c == 0x130) {
      out += "i\xCC\x87";
    } else {
      append_utf8(lower_case(c), out);
    }
  }
  return out;
}

std::string without_accents(std::string_view text) {
  const CharacterClasses& classes = character_classes();
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (!classes.is(c, kAccent)) append_utf8(c, out);
  }
  return out;
}

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; });
}

}  // namespace

std::string normalize(std::string_view text, const std::vector<NormalizerStep>& steps) {
  std::string out(text);
  const bool ascii = is_ascii(text);
  for (const NormalizerStep step : steps) {
    if (ascii && step != NormalizerStep::kLowercase) continue;
    switch (step) {
      case NormalizerStep::kNfc:
        out = to_normal_form(out, NormalForm::kNfc);
        break;
      case NormalizerStep::kNfd:
        out = to_normal_form(out, NormalForm::kNfd);
        break;
      case NormalizerStep::kNfkc:
        out = to_normal_form(out, NormalForm::kNfkc);
        break;
      case NormalizerStep::kNfkd:
        out = to_normal_form(out, NormalForm::kNfkd);
        break;
      case NormalizerStep::kLowercase:
        out = lower_cased(out);
        break;
      case NormalizerStep::kStripAccents:
        out = without_accents(out);
        break;
    }
  }
  return out;
}

}  // namespace tandem
