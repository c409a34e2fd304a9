// The tile registers of AMX, configured as eight tiles of 16 rows of 64 bytes. For the sources of
// this folder that use them; Highway 1.0 knows no tiles, so these are written for the one processor
// family that has them, with AVX-512 beside.
#ifndef TANDEM_MODEL_KERNELS_TILE_REGISTERS_H_
#define TANDEM_MODEL_KERNELS_TILE_REGISTERS_H_

#include <immintrin.h>

#include <bit>
#include <cstddef>
#include <cstdint>

#define TANDEM_TILES                                                            \
  __attribute__((                                                               \
      target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16," \
             "f16c,fma")))

namespace tandem::kernels {

inline constexpr std::size_t kTileRows = 16;
inline constexpr std::size_t kTileWords = 512;  // bfloat16 numbers in a tile

// Tiles of the calling thread, for as long as this object lives.
class Tiles {
 public:
  TANDEM_TILES Tiles() {
    // GCC 12 does not know that the instruction reads memory.
    asm volatile("" ::"m"(config_) : "memory");
    _tile_loadconfig(&config_);
  }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
  TANDEM_TILES ~Tiles() { _tile_release(); }

 private:
  struct alignas(64) Config {
    std::uint8_t palette = 1;
    std::uint8_t start_row = 0;
    std::uint8_t reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };

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
