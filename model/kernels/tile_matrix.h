// Linear layers for networks whose products always have many rows, or whose weights are small: kept
// in bfloat16 as tiles, so that nothing is expanded on the way (compare multiply_tiles(), whose
// weights stay in the format of their file).
//
// Results are rounded like the inputs; sums are taken in float. A row's result does not depend on
// the rows beside it.
#ifndef TANDEM_MODEL_KERNELS_TILE_MATRIX_H_
#define TANDEM_MODEL_KERNELS_TILE_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/kernels/page_memory.h"
#include "model/kernels/tiles.h"

namespace tandem::kernels {

enum class TileActivation { kNone, kGelu };  // kGelu is the exact one, by erf

// y = activation(x W^T + b). Immutable; safe from any thread. Only where tile_unit() is not kNone.
class TileMatrix {
 public:
  TileMatrix() = default;
  // `weights` is [rows, columns], `bias` [rows]; both are copied, the former into `arena`. `rows`
  // is a multiple of 32.
  TileMatrix(std::span<const float> weights, std::span<const float> bias, PageArena& arena);

  std::size_t rows() const { return bias_.size(); }
  std::size_t columns() const { return columns_; }

  // out[i] = activation(W x[i] + b) for the first `count` rows.
  void multiply(const BrainRows& x, std::size_t count, TileActivation activation,
                const BrainRows& out) const;
  // out[i] += W x[i] + b; row i of `out` begins at out + i * rows().
  void multiply_add(const BrainRows& x, std::size_t count, float* out) const;

 private:
  template <class Store>
  void for_each_block(const BrainRows& x, std::size_t count, const Store& store) const;

  std::size_t columns_ = 0;
  std::size_t groups_ = 0;                // of 32 columns
  const std::uint16_t* tiles_ = nullptr;  // [rows / 32][groups][2 tiles]
  std::vector<float> bias_;
};

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_TILE_MATRIX_H_
