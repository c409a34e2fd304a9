// Products of bytes, in registers of as many 32-bit lanes as floats have. For the sources of this
// folder that are compiled once for each set of instructions: includable once for each, hence the
// unusual guard. Without SIMD there are no products.
#if defined(TANDEM_MODEL_KERNELS_BYTE_PRODUCTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TANDEM_MODEL_KERNELS_BYTE_PRODUCTS_INL_H_
#undef TANDEM_MODEL_KERNELS_BYTE_PRODUCTS_INL_H_
#else
#define TANDEM_MODEL_KERNELS_BYTE_PRODUCTS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

#include "model/kernels/halves-inl.h"

HWY_BEFORE_NAMESPACE();
#if HWY_TARGET == HWY_AVX3_DL
// Highway asks for VNNI at run time but does not name it to the compiler.
#pragma GCC target("avx512vnni")
#endif
namespace tandem::kernels::HWY_NAMESPACE {

constexpr hn::RebindToSigned<decltype(kFloats)> kInts;
using Ints = hn::Vec<decltype(kInts)>;

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128

constexpr hn::Repartition<std::uint8_t, decltype(kInts)> kBytes;
using Bytes = hn::Vec<decltype(kBytes)>;

// acc + the products of 4 unsigned and 4 signed bytes, in each lane. Without VNNI pairs of products
// are added in 16 bits, which they must not exceed; kWide: they would, and the unsigned bytes are
// numbers that had 128 added.
template <bool kWide>
HWY_INLINE Ints add_products(Ints acc, Bytes unsigned_bytes, Ints signed_bytes) {
#if HWY_TARGET == HWY_AVX3_DL
  return Ints{_mm512_dpbusd_epi32(acc.raw, unsigned_bytes.raw, signed_bytes.raw)};
#else
  const __m256i pairs = _mm256_maddubs_epi16(unsigned_bytes.raw, signed_bytes.raw);
  return Ints{_mm256_add_epi32(acc.raw, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))};
#endif
}

// The unsigned byte that add_products<true> takes for 0.
#if HWY_TARGET == HWY_AVX2
template <>
HWY_INLINE Ints add_products<true>(Ints acc, Bytes unsigned_bytes, Ints signed_bytes) {
  // With the sign moved over to the other number no pair overflows.
  const __m256i w = _mm256_xor_si256(unsigned_bytes.raw, _mm256_set1_epi8(static_cast<char>(0x80)));
  const __m256i pairs =
      _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(signed_bytes.raw, w));
  return Ints{_mm256_add_epi32(acc.raw, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))};
}
constexpr std::int32_t kWideZero = 0;
#else
constexpr std::int32_t kWideZero = 128;
#endif

// Four bytes in every lane.
HWY_INLINE Ints broadcast_bytes(const void* four) {
  std::int32_t word;
  std::memcpy(&word, four, sizeof word);
  return hn::Set(kInts, word);
}

#endif  // HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TANDEM_MODEL_KERNELS_BYTE_PRODUCTS_INL_H_
