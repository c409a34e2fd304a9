#include "model/tokenizers/unicode_12.h"

#include <unicode/uniset.h>

#include "base/error.h"

namespace tandem {
namespace {

const icu::UnicodeSet& characters_of_unicode_12() {
  static const icu::UnicodeSet* const characters = [] {
    UErrorCode status = U_ZERO_ERROR;
    auto* set = new icu::UnicodeSet(UNICODE_STRING_SIMPLE("[:age=12.0:]"), status);
    TANDEM_CHECK(U_SUCCESS(status));
    set->freeze();
    return set;
  }();
  return *characters;
}

const icu::Normalizer2& checked(const icu::Normalizer2* normalizer, UErrorCode status) {
  if (U_FAILURE(status) || normalizer == nullptr) {
    throw Error(ErrorCode::kInternal,
                std::string("ICU has no data for Unicode normal forms: ") + u_errorName(status),
                "install the complete ICU library");
  }
  return *normalizer;
}

}  // namespace

const icu::Normalizer2& unicode_12(NormalForm form) {
  using icu::FilteredNormalizer2;
  using icu::Normalizer2;
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeSet& set = characters_of_unicode_12();
  switch (form) {
    case NormalForm::kNfc: {
      static const FilteredNormalizer2 nfc(checked(Normalizer2::getNFCInstance(status), status),
                                           set);
      return nfc;
    }
    case NormalForm::kNfd: {
      static const FilteredNormalizer2 nfd(checked(Normalizer2::getNFDInstance(status), status),
                                           set);
      return nfd;
    }
    case NormalForm::kNfkc: {
      static const FilteredNormalizer2 nfkc(checked(Normalizer2::getNFKCInstance(status), status),
                                            set);
      return nfkc;
    }
    case NormalForm::kNfkd: {
      static const FilteredNormalizer2 nfkd(checked(Normalizer2::getNFKDInstance(status), status),
                                            set);
      return nfkd;
    }
  }
  TANDEM_CHECK(false);
}

}  // namespace tandem
