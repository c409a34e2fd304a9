// Products of tiles, for many rows: activations and weights in bfloat16, sums in float. Weights are
// expanded from their format on the way, a panel at a time, which hundreds of rows share.
//
// The result of a row does not depend on the rows beside it, but it is not the one that multiply()
// gives, whose activations have 8 bits.
#ifndef TANDEM_MODEL_KERNELS_TILES_H_
#define TANDEM_MODEL_KERNELS_TILES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "model/kernels/matrix.h"
#include "model/kernels/multiply.h"

namespace tandem::kernels {

// What multiplies tiles here: the registers of AMX or, several times more slowly, vectors (AVX-512
// BF16), which read the same layout and sum in another order.
enum class TileUnit { kNone, kVectors, kRegisters };

// The best that processor and system have. The first call asks the system for permission.
TileUnit tile_unit();
// Whether tiles are faster than multiply() and attend(): by registers.
bool prefers_tiles();

// For tests: tile_unit() is at most `most` from now on, and prefers_tiles() wherever it is not
// kNone; nullopt: as they are without this call. Networks that are loaded have made their choice.
void choose_tile_unit_for_test(std::optional<TileUnit> most);

// Rows of activations in bfloat16, padded with zeros to whole tiles of 16 rows and 32 columns.
class BrainRows {
 public:
  BrainRows() = default;
  BrainRows(std::size_t max_rows, std::size_t columns);

  std::size_t columns() const { return columns_; }
  std::size_t stride() const { return stride_; }
  std::uint16_t* row(std::size_t index) const {
    return reinterpret_cast<std::uint16_t*>(bytes_.data()) + index * stride_;
  }
  // Writes columns [first_column, first_column + x.size()) of a row.
  void write(std::span<const float> x, std::size_t row, std::size_t first_column = 0) const;

 private:
  std::size_t columns_ = 0;
  std::size_t stride_ = 0;
  PageBuffer bytes_;
};

// As multiply(). Only where tile_unit() is not kNone.
void multiply_tiles(const Matrix& weights, Range panels, const BrainRows& x, std::size_t row_count,
                    float* out, std::size_t stride);

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_TILES_H_
