// Softmax attention over a cache of keys and values that is kept in blocks of 32 positions.
//
// A block of one key head holds, in half precision (head = head_size rounded up to 16):
//
//   keys    [head][32 positions]
//   values  [32 positions][head]
//
// so that a register takes one number of 16 keys, or 16 numbers of one value, and neither scores
// nor sums need adding across a register. Products are taken in float. Rejected: bfloat16, which
// tiles could read as it is; its 8 bits are too few for keys that a norm has made large (Gemma 3:
// logits off by 2).
#ifndef TANDEM_MODEL_KERNELS_ATTENTION_H_
#define TANDEM_MODEL_KERNELS_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace tandem::kernels {

inline constexpr std::size_t kBlockPositions = 32;
inline constexpr std::size_t kMaxHeadSize = 512;

constexpr std::size_t padded_head(std::size_t head_size) {
  return (head_size + 15) / 16 * 16;
}
// Numbers in the keys of a block, and again in its values.
constexpr std::size_t block_elements(std::size_t head_size) {
  return padded_head(head_size) * kBlockPositions;
}

// Puts a key and a value [head_size] at position `position` of a block. `block` points at the keys,
// which the values follow. Numbers beyond the range of half precision become its largest.
void store_key_value(const float* key, const float* value, std::size_t head_size,
                     std::size_t position, std::uint16_t* block);

// What store_key_value() was given, rounded.
void read_key_value(const std::uint16_t* block, std::size_t head_size, std::size_t position,
                    float* key, float* value);

// The query heads that share a key head, of rows at the positions first_position, first_position +
// 1, ... of a sequence. The heads [heads, head_size] of row i begin at query + i * query_stride,
// their results at out + i * out_stride.
struct QueryRun {
  const float* query = nullptr;
  std::size_t query_stride = 0;
  float* out = nullptr;
  std::size_t out_stride = 0;
  std::size_t rows = 1;
  std::size_t heads = 1;
  std::size_t head_size = 0;
  std::size_t first_position = 0;
  std::size_t window = 0;  // positions that a row sees, up to its own; 0: all of them
  float scale = 1;

  // A row sees positions [begin_of(row), end_of(row)).
  std::size_t begin_of(std::size_t row) const {
    return window > 0 && end_of(row) > window ? end_of(row) - window : 0;
  }
  std::size_t end_of(std::size_t row) const { return first_position + row + 1; }
};

// Causal attention over a sequence whose i-th block of this key head is at blocks[i]. Memory of
// unused positions must be finite. A row's result does not depend on the others, to the last bit.
void attend(const QueryRun& run, std::span<const std::uint16_t* const> blocks);

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_ATTENTION_H_
