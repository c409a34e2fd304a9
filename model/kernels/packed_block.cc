#include "model/kernels/packed_block.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/packed_block.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each set of instructions
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "model/kernels/halves-inl.h"
#include "model/kernels/rotation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::Rebind<std::int8_t, decltype(kFloats)> kBytes;

// The parts of a packed block, see packed_block.h.
template <class Byte>
struct Parts {
  Parts(Byte* packed, std::size_t head_size)
      : key_scales(packed),
        value_scales(key_scales + head_size * sizeof(float)),
        keys(value_scales + kBlockPositions * sizeof(float)),
        values(keys + head_size * kBlockPositions) {}

  Byte* key_scales;
  Byte* value_scales;
  Byte* keys;
  Byte* values;
};

// Rows of numbers are padded to whole registers on their way.
struct Row {
  alignas(64) float numbers[kMaxHeadSize];
};

// `count` numbers to bytes; returns their scale.
HWY_INLINE float pack_row(const std::uint16_t* halves, std::size_t count, std::byte* bytes) {
  Row row;
  Floats largest = hn::Zero(kFloats);
  for (std::size_t i = 0; i < count; i += kLanes) {
    // A row of a block is padded to 16 numbers (padded_head()), of which those beyond its end are
    // zeros.
    const Floats x = load_halves(halves + i);
    hn::Store(x, kFloats, row.numbers + i);
    largest = hn::Max(largest, hn::Abs(x));
  }
  const float scale = hn::GetLane(hn::MaxOfLanes(kFloats, largest)) / 127.0f;
  const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
  auto* const to = reinterpret_cast<std::int8_t*>(bytes);
  for (std::size_t i = 0; i < count; ++i)
    to[i] = static_cast<std::int8_t>(std::lrintf(row.numbers[i] * inverse));
  return scale;
}

HWY_INLINE void expand_row(const std::byte* bytes, float scale, std::size_t count, float* to) {
  const auto* const from = reinterpret_cast<const std::int8_t*>(bytes);
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Floats x = hn::ConvertTo(kFloats, hn::PromoteTo(hn::RebindToSigned<decltype(kFloats)>(),
                                                          hn::LoadU(kBytes, from + i)));
    hn::Store(hn::Mul(x, hn::Set(kFloats, scale)), kFloats, to + i);
  }
  for (; i < count; ++i) to[i] = scale * static_cast<float>(from[i]);
}

// `count` numbers, padded with zeros to whole registers. `to` takes the padding as well.
HWY_INLINE void round_row(float* from, std::size_t count, std::uint16_t* to) {
  std::fill(from + count, from + (count + 15) / 16 * 16, 0.0f);
  for (std::size_t i = 0; i < count; i += kLanes) store_halves(hn::Load(kFloats, from + i), to + i);
}

HWY_INLINE float load_scale(const std::byte* scales, std::size_t index) {
  float scale = 0;
  std::memcpy(&scale, scales + index * sizeof scale, sizeof scale);
  return scale;
}

void PackBlock(const std::uint16_t* block, std::size_t head_size, std::size_t count,
               std::byte* packed) {
  const Parts<std::byte> parts(packed, head_size);
  const std::uint16_t* const values = block + block_elements(head_size);
  std::fill(parts.keys, packed + packed_block_bytes(head_size), std::byte{0});
  for (std::size_t i = 0; i < head_size; ++i) {
    // What lies in the positions that are not wanted must not coarsen the others.
    std::uint16_t key[kBlockPositions] = {};
    std::copy_n(block + i * kBlockPositions, count, key);
    const float scale = pack_row(key, kBlockPositions, parts.keys + i * kBlockPositions);
    std::memcpy(parts.key_scales + i * sizeof scale, &scale, sizeof scale);
  }
  for (std::size_t p = 0; p < kBlockPositions; ++p) {
    float scale = 0;
    if (p < count)
      scale =
          pack_row(values + p * padded_head(head_size), head_size, parts.values + p * head_size);
    std::memcpy(parts.value_scales + p * sizeof scale, &scale, sizeof scale);
  }
}

void UnpackBlock(const std::byte* packed, std::size_t head_size, std::size_t count,
                 RotaryPairs pairs, std::span<const float> cosines, std::span<const float> sines,
                 const BlockPlace& place) {
  const Parts<const std::byte> parts(packed, head_size);
  const std::size_t here = std::min(count, kBlockPositions - place.shift);
  const auto expand_key = [&](std::size_t i, float* to) HWY_ATTR {
    expand_row(parts.keys + i * kBlockPositions, load_scale(parts.key_scales, i), kBlockPositions,
               to);
  };
  const auto put_key = [&](std::size_t i, float* from) HWY_ATTR {
    std::uint16_t halves[kBlockPositions];
    round_row(from, kBlockPositions, halves);
    std::copy_n(halves, here, place.first + i * kBlockPositions + place.shift);
    if (count > here) std::copy_n(halves + here, count - here, place.second + i * kBlockPositions);
  };
  Row first;
  Row second;
  const std::size_t turned = cosines.size();
  for (std::size_t pair = 0; pair < turned; ++pair) {
    const auto [i, j] = channels_of(pairs, pair, turned);
    expand_key(i, first.numbers);
    expand_key(j, second.numbers);
    turn_channels(first.numbers, second.numbers, cosines[pair], sines[pair]);
    put_key(i, first.numbers);
    put_key(j, second.numbers);
  }
  for (std::size_t i = 2 * turned; i < head_size; ++i) {
    expand_key(i, first.numbers);
    put_key(i, first.numbers);
  }
  const std::size_t padded = padded_head(head_size);
  for (std::size_t p = 0; p < count; ++p) {
    expand_row(parts.values + p * head_size, load_scale(parts.value_scales, p), head_size,
               first.numbers);
    std::uint16_t* const block = p < here ? place.first : place.second;
    const std::size_t position = p < here ? place.shift + p : p - here;
    round_row(first.numbers, head_size, block + padded * (kBlockPositions + position));
  }
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {

HWY_EXPORT(PackBlock);
HWY_EXPORT(UnpackBlock);

void pack_block(const std::uint16_t* block, std::size_t head_size, std::size_t count,
                std::byte* packed) {
  TANDEM_CHECK(count <= kBlockPositions && head_size <= kMaxHeadSize);
  HWY_DYNAMIC_DISPATCH(PackBlock)(block, head_size, count, packed);
}

void unpack_block(const std::byte* packed, std::size_t head_size, std::size_t count,
                  RotaryPairs pairs, std::span<const float> cosines, std::span<const float> sines,
                  const BlockPlace& place) {
  TANDEM_CHECK(count <= kBlockPositions && place.shift < kBlockPositions &&
               head_size <= kMaxHeadSize);
  TANDEM_CHECK(2 * cosines.size() <= head_size && cosines.size() == sines.size());
  HWY_DYNAMIC_DISPATCH(UnpackBlock)(packed, head_size, count, pairs, cosines, sines, place);
}

}  // namespace tandem::kernels
#endif  // HWY_ONCE
