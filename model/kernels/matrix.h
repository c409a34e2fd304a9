// Weight matrices as the processor wants to read them.
//
// A panel holds 16 rows of a matrix, one for each 32-bit lane of a 512-bit register; the matrix is
// its panels one after another. Within a panel the columns come in groups of 32, and of each group
// first 4 columns of all 16 rows, then the next 4: what one VPDPBUSD instruction multiplies. The
// numbers of a panel stand together, its scales behind them, each 64-byte aligned:
//
//   format        bytes of a group (16 rows x 32 columns)            from
//   kFour         256 of nibbles, 16 halves d                        Q4_0: w = d (q - 8)
//   kFourMinimum  256, 16 halves d, 16 halves m                      Q4_1: w = d q + m
//   kFive         256, 64 of fifth bits, 16 halves d                 Q5_0: w = d (q - 16)
//   kEight        512 of bytes, 16 halves d                          Q8_0: w = d q
//   kSuperFour    256; for 8 groups 16 halves d, 16 halves m,        Q4_K: w = d s q - m t
//                 and 8 times 16 bytes s, 16 bytes t
//   kSuperSix     512; for 8 groups 16 halves d,                     Q6_K: w = d s (q - 32)
//                 and 8 times 16 bytes s and 16 more, for 16 columns each
//   kHalf kBrain  32 columns x 16 rows of 2 bytes                    F16, BF16
//   kFloat        32 columns x 16 rows of floats                     F32
//
// Every format keeps exactly the values of the file. In nibble i of byte j: bits 0 to 3 belong to
// columns 8c to 8c + 3 and bits 4 to 7 to columns 8c + 4 to 8c + 7 of chunk c. Bytes of kEight are
// stored with 128 added. A fifth bit stands where its number would stand among bytes, one bit a
// byte.
//
// Rejected: 32 rows a panel (more registers for the scales than it saves), expanding Q4_K to halves
// (10 % more bytes to read for each token).
#ifndef TANDEM_MODEL_KERNELS_MATRIX_H_
#define TANDEM_MODEL_KERNELS_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/kernels/page_memory.h"
#include "model/weights.h"

namespace tandem::kernels {

inline constexpr std::size_t kPanelRows = 16;
inline constexpr std::size_t kGroup = 32;       // columns with one scale
inline constexpr std::size_t kSuperGroups = 8;  // groups in a super-block of Q4_K and Q6_K
// Bytes of the scales of a super-block, 16 rows.
inline constexpr std::size_t kSuperFourScales = (2 + 2 + kSuperGroups * 2) * kPanelRows;
inline constexpr std::size_t kSuperSixScales = (2 + kSuperGroups * 2) * kPanelRows;

enum class Format {
  kFour,
  kFourMinimum,
  kFive,
  kEight,
  kSuperFour,
  kSuperSix,
  kHalf,
  kBrain,
  kFloat
};

// [rows, columns]. Immutable once packed; safe from any thread.
class Matrix {
 public:
  Matrix() = default;
  // Packs a tensor of two dimensions into memory of `arena`, which must outlive the matrix. Any
  // number of rows and columns: what is missing to a whole panel or group is zero. Throws kCorrupt
  // for a value that is not finite, kUnsupported for integer tensors.
  Matrix(const TensorView& tensor, PageArena& arena);

  Format format() const { return format_; }
  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  std::size_t panels() const { return (rows_ + kPanelRows - 1) / kPanelRows; }
  std::size_t groups() const { return (columns_ + kGroup - 1) / kGroup; }

  // Whether products take activations in 8 bits (ActivationRows), else as floats.
  bool takes_bytes() const { return format_ < Format::kHalf; }

  const std::byte* panel(std::size_t index) const { return bytes_ + index * panel_bytes_; }
  std::size_t panel_bytes() const { return panel_bytes_; }
  // Where the scales begin within a panel.
  std::size_t scales_offset() const { return scales_offset_; }

  // One row, as floats: how a token is looked up in an embedding. `out` is [columns].
  void expand_row(std::size_t row, std::span<float> out) const;

 private:
  Format format_ = Format::kFloat;
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  std::size_t panel_bytes_ = 0;
  std::size_t scales_offset_ = 0;
  const std::byte* bytes_ = nullptr;
};

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_MATRIX_H_
