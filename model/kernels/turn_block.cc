#include "model/kernels/turn_block.h"

#include "base/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/turn_block.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each set of instructions
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "model/kernels/halves-inl.h"
#include "model/kernels/rotation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {

void TurnBlock(std::uint16_t* block, RotaryPairs pairs, std::span<const float> cosines,
               std::span<const float> sines) {
  alignas(64) float first[kBlockPositions];
  alignas(64) float second[kBlockPositions];
  const auto load = [](const std::uint16_t* from, float* to) HWY_ATTR {
    for (std::size_t p = 0; p < kBlockPositions; p += kLanes)
      hn::Store(load_halves(from + p), kFloats, to + p);
  };
  const auto store = [](const float* from, std::uint16_t* to) HWY_ATTR {
    for (std::size_t p = 0; p < kBlockPositions; p += kLanes)
      store_halves(hn::Load(kFloats, from + p), to + p);
  };
  for (std::size_t pair = 0; pair < cosines.size(); ++pair) {
    const auto [i, j] = channels_of(pairs, pair, cosines.size());
    std::uint16_t* const a = block + i * kBlockPositions;
    std::uint16_t* const b = block + j * kBlockPositions;
    load(a, first);
    load(b, second);
    turn_channels(first, second, cosines[pair], sines[pair]);
    store(first, a);
    store(second, b);
  }
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {

HWY_EXPORT(TurnBlock);

void turn_block(std::uint16_t* block, std::size_t head_size, RotaryPairs pairs,
                std::span<const float> cosines, std::span<const float> sines) {
  TANDEM_CHECK(2 * cosines.size() <= head_size && cosines.size() == sines.size());
  HWY_DYNAMIC_DISPATCH(TurnBlock)(block, pairs, cosines, sines);
}

}  // namespace tandem::kernels
#endif  // HWY_ONCE
