// Half precision to and from registers of floats. For the sources of this folder that are compiled
// once for each set of instructions: includable once for each, hence the unusual guard.
#if defined(TANDEM_MODEL_KERNELS_HALVES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TANDEM_MODEL_KERNELS_HALVES_INL_H_
#undef TANDEM_MODEL_KERNELS_HALVES_INL_H_
#else
#define TANDEM_MODEL_KERNELS_HALVES_INL_H_
#endif

#include <hwy/highway.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, 16> kFloats;
using Floats = hn::Vec<decltype(kFloats)>;
constexpr std::size_t kLanes = hn::MaxLanes(kFloats);

HWY_INLINE Floats load_halves(const std::uint16_t* from) {
  const hn::Rebind<hwy::float16_t, decltype(kFloats)> halves;
  return hn::PromoteTo(kFloats, hn::LoadU(halves, reinterpret_cast<const hwy::float16_t*>(from)));
}

// To the nearest, ties to even; numbers beyond the range become its largest.
HWY_INLINE void store_halves(Floats x, std::uint16_t* to) {
  const Floats most = hn::Set(kFloats, 65504.0f);
  x = hn::Min(hn::Max(x, hn::Neg(most)), most);
#if HWY_TARGET == HWY_SCALAR
  // Highway cuts off here. Adding a half makes the sum's last bit that of a subnormal.
  const float value = hn::GetLane(x);
  const float magnitude = std::abs(value);
  std::uint32_t bits = std::bit_cast<std::uint32_t>(magnitude);
  bits = magnitude < 0x1p-14f
             ? std::bit_cast<std::uint32_t>(magnitude + 0.5f) - std::bit_cast<std::uint32_t>(0.5f)
             : (bits - (112u << 23) + 0xFFF + ((bits >> 13) & 1)) >> 13;
  *to = static_cast<std::uint16_t>(bits | (std::signbit(value) ? 0x8000u : 0u));
#else
  const hn::Rebind<hwy::float16_t, decltype(kFloats)> halves;
  hn::StoreU(hn::DemoteTo(halves, x), halves, reinterpret_cast<hwy::float16_t*>(to));
#endif
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TANDEM_MODEL_KERNELS_HALVES_INL_H_
