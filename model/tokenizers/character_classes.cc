#include "model/tokenizers/character_classes.h"

#include <algorithm>
#include <iterator>

namespace tandem {
namespace {

constexpr std::size_t kCodePoints = 0x110000;

struct ClassRange {
  char32_t first;
  std::uint8_t classes;
};

struct LowerCaseRun {
  char32_t first;
  char32_t last;
  char32_t step;
  std::int32_t difference;
};

#include "model/tokenizers/character_classes.inc"

}  // namespace

CharacterClasses::CharacterClasses() : classes_(new std::uint8_t[kCodePoints]) {
  for (std::size_t i = 0; i < std::size(kClassRanges); ++i) {
    const std::size_t end =
        i + 1 < std::size(kClassRanges) ? kClassRanges[i + 1].first : kCodePoints;
    std::fill(classes_.get() + kClassRanges[i].first, classes_.get() + end,
              kClassRanges[i].classes);
  }
}

const CharacterClasses& character_classes() {
  static const CharacterClasses classes;
  return classes;
}

char32_t lower_case(char32_t c) {
  const auto* run =
      std::upper_bound(std::begin(kLowerCaseRuns), std::end(kLowerCaseRuns), c,
                       [](char32_t value, const LowerCaseRun& r) { return value < r.first; });
  if (run == std::begin(kLowerCaseRuns)) return c;
  --run;
  if (c > run->last || (c - run->first) % run->step != 0) return c;
  return static_cast<char32_t>(static_cast<std::int32_t>(c) + run->difference);
}

bool is_cjk_ideograph(char32_t c) {
  // The reference's ranges, with its slip: 2B820..2B91F (half of extension E) is left out.
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

}  // namespace tandem
