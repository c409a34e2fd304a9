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

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_TILE_REGISTERS_H_
