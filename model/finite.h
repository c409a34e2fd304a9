// Whether numbers are all finite, or not too large.
#ifndef TANDEM_MODEL_FINITE_H_
#define TANDEM_MODEL_FINITE_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <span>

namespace tandem {

// Whether no magnitude is above `largest`, which is finite; NaN is. Written with integers so that
// the compiler may vectorise it: without its sign bit a float is ordered as its bits are, below
// infinity and NaN.
inline bool all_within(std::span<const float> values, float largest) {
  std::uint32_t worst = 0;
  for (const float value : values)
    worst = std::max(worst, std::bit_cast<std::uint32_t>(value) & 0x7fffffffu);
  return worst <= std::bit_cast<std::uint32_t>(largest);
}

inline bool all_finite(std::span<const float> values) {
  return all_within(values, std::numeric_limits<float>::max());
}

}  // namespace tandem

#endif  // TANDEM_MODEL_FINITE_H_
