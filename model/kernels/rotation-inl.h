// Rotary position embedding of keys as a block holds them, a channel of 32 positions at a time. For
// the sources of this folder that are compiled once for each set of instructions.
#if defined(TANDEM_MODEL_KERNELS_ROTATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TANDEM_MODEL_KERNELS_ROTATION_INL_H_
#undef TANDEM_MODEL_KERNELS_ROTATION_INL_H_
#else
#define TANDEM_MODEL_KERNELS_ROTATION_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <utility>

#include "model/decoder_config.h"
#include "model/kernels/attention.h"
#include "model/kernels/halves-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {

// The channels of the `pair`-th of `count` pairs.
HWY_INLINE std::pair<std::size_t, std::size_t> channels_of(RotaryPairs pairs, std::size_t pair,
                                                           std::size_t count) {
  return pairs == RotaryPairs::kNeighbours ? std::pair(2 * pair, 2 * pair + 1)
                                           : std::pair(pair, pair + count);
}

// Turns both channels of a pair, at all positions, by one angle. They are aligned to registers.
HWY_INLINE void turn_channels(float* first, float* second, float cosine, float sine) {
  const Floats c = hn::Set(kFloats, cosine);
  const Floats s = hn::Set(kFloats, sine);
  for (std::size_t p = 0; p < kBlockPositions; p += kLanes) {
    const Floats a = hn::Load(kFloats, first + p);
    const Floats b = hn::Load(kFloats, second + p);
    hn::Store(hn::NegMulAdd(b, s, hn::Mul(a, c)), kFloats, first + p);
    hn::Store(hn::MulAdd(a, s, hn::Mul(b, c)), kFloats, second + p);
  }
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TANDEM_MODEL_KERNELS_ROTATION_INL_H_
