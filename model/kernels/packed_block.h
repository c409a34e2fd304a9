// Blocks of keys and values (attention.h) in 8 bits, for keeping them longer than a prompt lives.
//
// A number is scale * q, q in [-127, 127]. Channels of keys differ far more from one another than
// positions do, so a scale belongs to one channel of the keys over all positions, and to one
// position of the values over all channels (Liu et al. 2024, "KIVI", arXiv:2402.02750, section 3).
// One key head of a block is:
//
//   key scales    float[head_size]
//   value scales  float[32]
//   keys          int8[head_size][32 positions]
//   values        int8[32 positions][head_size]
#ifndef TANDEM_MODEL_KERNELS_PACKED_BLOCK_H_
#define TANDEM_MODEL_KERNELS_PACKED_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/decoder_config.h"
#include "model/kernels/attention.h"

namespace tandem::kernels {

constexpr std::size_t packed_block_bytes(std::size_t head_size) {
  return (head_size + kBlockPositions) * sizeof(float) + 2 * head_size * kBlockPositions;
}

// The first `count` positions of a block; the others become zeros. `block` points at the keys.
void pack_block(const std::uint16_t* block, std::size_t head_size, std::size_t count,
                std::byte* packed);

// Where the positions of a packed block go: from position `shift` of `first` on, and what does not
// fit there to the beginning of `second`, which is not looked at where nothing is left for it.
struct BlockPlace {
  std::uint16_t* first = nullptr;
  std::uint16_t* second = nullptr;
  std::size_t shift = 0;
};

// Expands the first `count` positions and turns their keys as turn_block() does.
void unpack_block(const std::byte* packed, std::size_t head_size, std::size_t count,
                  RotaryPairs pairs, std::span<const float> cosines, std::span<const float> sines,
                  const BlockPlace& place);

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_PACKED_BLOCK_H_
