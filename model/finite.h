// Whether numbers are all finite.
#ifndef TANDEM_MODEL_FINITE_H_
#define TANDEM_MODEL_FINITE_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

namespace tandem {

// Written with integers so that the compiler may vectorise it: infinities and NaN are the floats
// whose exponent bits are all set.
inline bool all_finite(std::span<const float> values) {
  constexpr std::uint32_t kExponent = 0x7f800000u;
  std::uint32_t worst = 0;
  for (const float value : values)
    worst = std::max(worst, std::bit_cast<std::uint32_t>(value) & kExponent);
  return worst != kExponent;
}

}  // namespace tandem

#endif  // TANDEM_MODEL_FINITE_H_
