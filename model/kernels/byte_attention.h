// Attention over blocks (attention.h) that take half the memory: keys and values in 8 bits.
//
// A number is scale * q, q in [-127, 127], with one scale for a key and one for a value of each
// position and key head: positions are written one by one, and a scale that belonged to several of
// them would have to change those that are there. Some channels of keys are far larger than others,
// which then have few bits left. Keys, values and queries are therefore spread first: multiplied by
// an orthogonal matrix of +1 and -1 (Hadamard's, divided by the square root of its order), which
// makes all channels about equally large and changes no product of a query and a key (Ashkboos et
// al. 2024, "QuaRot", arXiv:2404.00456, section 4). Rejected: scales by channel (Liu et al. 2024,
// "KIVI", arXiv:2402.02750), which need the last block in another type until it is full, a copy of
// it for each sequence that shares it, and another path of code to read it.
//
// A block of one key head (head = head_size rounded up to 16, as in attention.h):
//
//   key scales    float[32]
//   value scales  float[32]
//   keys          u8[head / 4][32 positions][4 channels], q + 128
//   values        i8[8][head][4 positions]
//
// which is how processors multiply bytes: four at a time, by four others. Queries and weights have
// 14 bits there, as two bytes each, so that 8 bits of the cache are all that is lost.
#ifndef TANDEM_MODEL_KERNELS_BYTE_ATTENTION_H_
#define TANDEM_MODEL_KERNELS_BYTE_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/kernels/attention.h"

namespace tandem::kernels {

// Of one key head: scales, keys and values.
constexpr std::size_t byte_block_bytes(std::size_t head_size) {
  return 2 * kBlockPositions * sizeof(float) + 2 * block_elements(head_size);
}

// As those of attention.h.
void store_key_value(const float* key, const float* value, std::size_t head_size,
                     std::size_t position, std::byte* block);
void read_key_value(const std::byte* block, std::size_t head_size, std::size_t position, float* key,
                    float* value);
void attend(const QueryRun& run, std::span<const std::byte* const> blocks);

// The whole block as one of attention.h whose keys and values are still spread: for attend_tiles(),
// with queries that are spread, and results that are to be.
void expand_block(const std::byte* block, std::size_t head_size, std::uint16_t* halves);

// Multiplies a head by the matrix above, which is its own inverse. Heads must have a whole number
// of 16 channels.
void spread(float* head, std::size_t head_size);

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_BYTE_ATTENTION_H_
