// IEEE 754 half precision, spelled out: an independent reading of what kernels and files hold.
#ifndef TANDEM_TESTS_SUPPORT_HALF_H_
#define TANDEM_TESTS_SUPPORT_HALF_H_

#include <cmath>
#include <cstdint>

namespace tandem::testing {

// Of finite numbers.
inline float from_half(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  const float value = exponent == 0
                          ? std::ldexp(static_cast<float>(fraction), -24)
                          : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return (half & 0x8000) != 0 ? -value : value;
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_HALF_H_
