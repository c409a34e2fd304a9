// Products of tiles of 16 rows of 32 bfloat16 numbers: by the registers of AMX, eight tiles of 64
// bytes a row, or by vectors of AVX-512. For the sources of this folder that use them; Highway 1.0
// knows neither tiles nor bfloat16 products.
#ifndef TANDEM_MODEL_KERNELS_TILE_REGISTERS_H_
#define TANDEM_MODEL_KERNELS_TILE_REGISTERS_H_

#include <immintrin.h>

#include <bit>
#include <cstddef>
#include <cstdint>

#include "model/kernels/tiles.h"

#define TANDEM_TILES                                                            \
  __attribute__((                                                               \
      target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16," \
             "f16c,fma")))

namespace tandem::kernels {

inline constexpr std::size_t kTileRows = 16;
inline constexpr std::size_t kTileColumns = 32;
inline constexpr std::size_t kTileWords = 512;  // bfloat16 numbers in a tile

// The rows that come first in a product. Whole tiles of them are readable; those after `count` may
// be left out of the result.
struct TileInput {
  const std::uint16_t* rows;
  std::size_t stride;  // numbers
  std::size_t count;
};

// Two columns of tiles beside each other; a tile follows another after `step` numbers. Row i of a
// tile has the numbers 2i and 2i + 1 of its 16 columns.
struct TileColumns {
  const std::uint16_t* first;
  const std::uint16_t* second;
  std::size_t step;
  std::size_t groups;  // tiles in a column
};

// What the calling thread multiplies tiles with, for as long as this object lives.
class Tiles {
 public:
  TANDEM_TILES Tiles() : registers_(tile_unit() == TileUnit::kRegisters) {
    if (!registers_) return;
    // GCC 12 does not know that the instruction reads memory.
    asm volatile("" ::"m"(config_) : "memory");
    _tile_loadconfig(&config_);
  }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
  TANDEM_TILES ~Tiles() {
    if (registers_) _tile_release();
  }

  // `sums` becomes x [kTiles * 16 rows] times the columns, 32 numbers a row.
  template <int kTiles>
  TANDEM_TILES void multiply(const TileInput& x, const TileColumns& columns, float* sums,
                             std::size_t sums_stride) const {
    static_assert(kTiles == 1 || kTiles == 2);
    if (registers_) {
      multiply_by_registers<kTiles>(x, columns, sums, sums_stride * sizeof(float));
    } else {
      for (std::size_t row = 0; row < x.count; row += kVectorRows)
        multiply_by_vectors(x.rows + row * x.stride, x.stride, columns, sums + row * sums_stride,
                            sums_stride);
    }
  }

 private:
  struct alignas(64) Config {
    std::uint8_t palette = 1;
    std::uint8_t start_row = 0;
    std::uint8_t reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };

  // Sums of so many rows of 32 stay in registers.
  static constexpr std::size_t kVectorRows = 8;

  template <int kTiles>
  TANDEM_TILES static void multiply_by_registers(const TileInput& x, const TileColumns& columns,
                                                 float* sums, std::size_t sums_bytes) {
    const std::size_t x_bytes = x.stride * sizeof(std::uint16_t);
    const std::uint16_t* const second_rows = x.rows + kTileRows * x.stride;
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (kTiles == 2) {
      _tile_zero(2);
      _tile_zero(3);
    }
    for (std::size_t g = 0; g < columns.groups; ++g) {
      _tile_loadd(4, x.rows + g * kTileColumns, x_bytes);
      _tile_loadd(6, columns.first + g * columns.step, 64);
      if constexpr (kTiles == 2) _tile_loadd(5, second_rows + g * kTileColumns, x_bytes);
      _tile_loadd(7, columns.second + g * columns.step, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      if constexpr (kTiles == 2) {
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
    }
    _tile_stored(0, sums, sums_bytes);
    _tile_stored(1, sums + kTileRows, sums_bytes);
    if constexpr (kTiles == 2) {
      float* const second_sums = sums + kTileRows * (sums_bytes / sizeof(float));
      _tile_stored(2, second_sums, sums_bytes);
      _tile_stored(3, second_sums + kTileRows, sums_bytes);
    }
  }

  TANDEM_TILES static void multiply_by_vectors(const std::uint16_t* rows, std::size_t stride,
                                               const TileColumns& columns, float* sums,
                                               std::size_t sums_stride) {
    __m512 first[kVectorRows];
    __m512 second[kVectorRows];
    for (std::size_t r = 0; r < kVectorRows; ++r) first[r] = second[r] = _mm512_setzero_ps();
    for (std::size_t g = 0; g < columns.groups; ++g) {
      const std::uint16_t* const x = rows + g * kTileColumns;
      const std::uint16_t* const a = columns.first + g * columns.step;
      const std::uint16_t* const b = columns.second + g * columns.step;
      for (std::size_t k = 0; k < kTileColumns; k += 2) {
        const auto left = std::bit_cast<__m512bh>(_mm512_loadu_si512(a + k * kTileRows));
        const auto right = std::bit_cast<__m512bh>(_mm512_loadu_si512(b + k * kTileRows));
#pragma GCC unroll 8
        for (std::size_t r = 0; r < kVectorRows; ++r) {
          int pair;
          __builtin_memcpy(&pair, x + r * stride + k, sizeof pair);
          const auto both = std::bit_cast<__m512bh>(_mm512_set1_epi32(pair));
          first[r] = _mm512_dpbf16_ps(first[r], both, left);
          second[r] = _mm512_dpbf16_ps(second[r], both, right);
        }
      }
    }
    for (std::size_t r = 0; r < kVectorRows; ++r) {
      _mm512_storeu_ps(sums + r * sums_stride, first[r]);
      _mm512_storeu_ps(sums + r * sums_stride + kTileRows, second[r]);
    }
  }

  const bool registers_;
  Config config_;
};

// The 16-bit numbers of the lower half of a register and of the upper one, in turn.
TANDEM_TILES inline __m512i interleave_halves(__m512i apart) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, apart);
}

// 32 numbers to bfloat16, `first` in the lower half of the register.
TANDEM_TILES inline __m512i to_brains(__m512 first, __m512 second) {
  return std::bit_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
}

// Two vectors of 16 as one row of a tile: their numbers in turn, in bfloat16.
TANDEM_TILES inline void store_pair(__m512 first, __m512 second, std::uint16_t* to) {
  _mm512_store_si512(to, interleave_halves(to_brains(first, second)));
}

// What bfloat16 leaves of a number.
TANDEM_TILES inline __m512 rest_of_brain(__m512 x) {
  const __m512i bits =
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(std::bit_cast<__m256i>(_mm512_cvtneps_pbh(x))), 16);
  return _mm512_sub_ps(x, _mm512_castsi512_ps(bits));
}

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_TILE_REGISTERS_H_
