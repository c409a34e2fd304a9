// Moves keys of a block (attention.h) to other positions.
#ifndef TANDEM_MODEL_KERNELS_TURN_BLOCK_H_
#define TANDEM_MODEL_KERNELS_TURN_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/decoder_config.h"

namespace tandem::kernels {

// Turns all keys of a block by the same angles, whose cosines and sines are [rotary_size / 2]: a
// key at position p becomes one at p + offset when they are those of `offset` (the rotations of Su
// et al. 2021, arXiv:2104.09864, section 3.2.2, add up). `block` points at the keys.
void turn_block(std::uint16_t* block, std::size_t head_size, RotaryPairs pairs,
                std::span<const float> cosines, std::span<const float> sines);

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_TURN_BLOCK_H_
