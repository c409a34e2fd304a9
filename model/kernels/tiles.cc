#include "model/kernels/tiles.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "model/kernels/tile_registers.h"

namespace tandem::kernels {
namespace {

// All numbers of a group of 32 columns as w = scale * q + offset, one pair for each 16 columns.
struct Expansion {
  __m512 scale[2];
  __m512 offset[2];
};

TANDEM_TILES inline __m512 load_halves(const std::uint8_t* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

TANDEM_TILES inline Expansion expansion_of(Format format, const std::uint8_t* scales,
                                           std::size_t g) {
  Expansion e;
  const auto both = [&](__m512 scale, __m512 offset) {
    e.scale[0] = e.scale[1] = scale;
    e.offset[0] = e.offset[1] = offset;
  };
  const std::size_t in_super = g % kSuperGroups * 2 * kPanelRows;
  const auto step = [](const std::uint8_t* from) TANDEM_TILES {
    return _mm512_cvtepi32_ps(
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
  };
  const auto signed_step = [](const std::uint8_t* from) TANDEM_TILES {
    return _mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
  };
  switch (format) {
    case Format::kFour: {
      const __m512 d = load_halves(scales + g * 2 * kPanelRows);
      both(d, _mm512_mul_ps(d, _mm512_set1_ps(-8)));
      break;
    }
    case Format::kFourMinimum:
      both(load_halves(scales + g * 4 * kPanelRows),
           load_halves(scales + g * 4 * kPanelRows + 2 * kPanelRows));
      break;
    case Format::kFive: {
      const __m512 d = load_halves(scales + g * 2 * kPanelRows);
      both(d, _mm512_mul_ps(d, _mm512_set1_ps(-16)));
      break;
    }
    case Format::kEight: {
      const __m512 d = load_halves(scales + g * 2 * kPanelRows);
      both(d, _mm512_mul_ps(d, _mm512_set1_ps(-128)));
      break;
    }
    case Format::kSuperFour: {
      const std::uint8_t* const super = scales + g / kSuperGroups * kSuperFourScales;
      const std::uint8_t* const steps = super + 4 * kPanelRows + in_super;
      both(_mm512_mul_ps(load_halves(super), step(steps)),
           _mm512_mul_ps(_mm512_sub_ps(_mm512_setzero_ps(), load_halves(super + 2 * kPanelRows)),
                         step(steps + kPanelRows)));
      break;
    }
    case Format::kSuperSix: {
      const std::uint8_t* const super = scales + g / kSuperGroups * kSuperSixScales;
      const std::uint8_t* const steps = super + 2 * kPanelRows + in_super;
      for (std::size_t half = 0; half < 2; ++half) {
        e.scale[half] = _mm512_mul_ps(load_halves(super), signed_step(steps + half * kPanelRows));
        e.offset[half] = _mm512_mul_ps(e.scale[half], _mm512_set1_ps(-32));
      }
      break;
    }
    default:
      both(_mm512_set1_ps(1), _mm512_setzero_ps());
      break;
  }
  return e;
}

// Four columns of which each 32-bit lane of `numbers` has one number in each byte, `shift` bits up.
template <int kShift>
TANDEM_TILES inline void expand_four(__m512i numbers, int mask, __m512 scale, __m512 offset,
                                     std::uint16_t* to) {
  const __m512i bits = _mm512_set1_epi32(mask);
  const auto column = [&](__m512i shifted) TANDEM_TILES {
    const __m512 q = _mm512_cvtepi32_ps(_mm512_and_si512(shifted, bits));
    return _mm512_fmadd_ps(q, scale, offset);
  };
  store_pair(column(_mm512_srli_epi32(numbers, kShift)),
             column(_mm512_srli_epi32(numbers, kShift + 8)), to);
  store_pair(column(_mm512_srli_epi32(numbers, kShift + 16)),
             column(_mm512_srli_epi32(numbers, kShift + 24)), to + 2 * kPanelRows);
}

// Group `g` of a panel as one tile: [16 pairs of columns][16 rows][2].
TANDEM_TILES void expand_group(Format format, const std::uint8_t* numbers,
                               const std::uint8_t* scales, std::size_t g, std::uint16_t* tile) {
  const Expansion e = expansion_of(format, scales, g);
  constexpr std::size_t kQuad = 4 * kPanelRows;  // bytes; also the bfloat16 numbers of 4 columns
  switch (format) {
    case Format::kFour:
    case Format::kFourMinimum:
    case Format::kSuperFour: {
      const std::uint8_t* const group = numbers + g * kPanelRows * kGroup / 2;
      for (std::size_t c = 0; c < 4; ++c) {
        const __m512i both = _mm512_loadu_si512(group + c * kQuad);
        expand_four<0>(both, 0x0F, e.scale[c / 2], e.offset[c / 2], tile + 2 * c * kQuad);
        expand_four<4>(both, 0x0F, e.scale[c / 2], e.offset[c / 2], tile + (2 * c + 1) * kQuad);
      }
      return;
    }
    case Format::kFive: {
      const std::uint8_t* const group = numbers + g * kPanelRows * (kGroup / 2 + kGroup / 8);
      const std::uint8_t* const fifths = group + kPanelRows * kGroup / 2;
      const __m512i mask = _mm512_set1_epi8(0x0F);
      for (std::size_t quad = 0; quad < 8; ++quad) {
        const __m512i both = _mm512_loadu_si512(group + quad / 2 * kQuad);
        const __m512i nibbles =
            _mm512_and_si512(quad % 2 == 0 ? both : _mm512_srli_epi16(both, 4), mask);
        __mmask64 set;
        std::memcpy(&set, fifths + quad * sizeof set, sizeof set);
        const __m512i numbers5 = _mm512_mask_add_epi8(nibbles, set, nibbles, _mm512_set1_epi8(16));
        expand_four<0>(numbers5, 0xFF, e.scale[0], e.offset[0], tile + quad * kQuad);
      }
      return;
    }
    case Format::kEight:
    case Format::kSuperSix: {
      const std::uint8_t* const group = numbers + g * kPanelRows * kGroup;
      for (std::size_t c = 0; c < 8; ++c)
        expand_four<0>(_mm512_loadu_si512(group + c * kQuad), 0xFF, e.scale[c / 4], e.offset[c / 4],
                       tile + c * kQuad);
      return;
    }
    case Format::kHalf: {
      const std::uint8_t* const group = numbers + g * kPanelRows * kGroup * 2;
      for (std::size_t k = 0; k < kGroup; k += 2)
        store_pair(load_halves(group + k * 2 * kPanelRows),
                   load_halves(group + (k + 1) * 2 * kPanelRows), tile + k * kPanelRows);
      return;
    }
    case Format::kBrain: {
      const auto* const group =
          reinterpret_cast<const std::uint16_t*>(numbers) + g * kPanelRows * kGroup;
      for (std::size_t k = 0; k < kGroup; k += 2)
        for (std::size_t r = 0; r < kPanelRows; ++r) {
          tile[k * kPanelRows + 2 * r] = group[k * kPanelRows + r];
          tile[k * kPanelRows + 2 * r + 1] = group[(k + 1) * kPanelRows + r];
        }
      return;
    }
    case Format::kFloat: {
      const auto* const group = reinterpret_cast<const float*>(numbers) + g * kPanelRows * kGroup;
      for (std::size_t k = 0; k < kGroup; k += 2)
        store_pair(_mm512_loadu_ps(group + k * kPanelRows),
                   _mm512_loadu_ps(group + (k + 1) * kPanelRows), tile + k * kPanelRows);
      return;
    }
  }
}

bool ask_for_registers() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  constexpr unsigned kAmxBf16 = 1u << 22;
  constexpr unsigned kAmxTile = 1u << 24;
  if ((edx & kAmxBf16) == 0 || (edx & kAmxTile) == 0) return false;
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

TileUnit find_unit() {
  for (const bool there :
       {__builtin_cpu_supports("avx512bf16") != 0, __builtin_cpu_supports("avx512bw") != 0,
        __builtin_cpu_supports("avx512vl") != 0, __builtin_cpu_supports("avx512dq") != 0})
    if (!there) return TileUnit::kNone;
  return ask_for_registers() ? TileUnit::kRegisters : TileUnit::kVectors;
}

std::atomic<TileUnit> unit_limit{TileUnit::kRegisters};
std::atomic<bool> unit_is_chosen{false};

}  // namespace

TileUnit tile_unit() {
  static const TileUnit unit = find_unit();
  return std::min(unit, unit_limit.load(std::memory_order_relaxed));
}

bool prefers_tiles() {
  const TileUnit unit = tile_unit();
  return unit == TileUnit::kRegisters ||
         (unit == TileUnit::kVectors && unit_is_chosen.load(std::memory_order_relaxed));
}

void choose_tile_unit_for_test(std::optional<TileUnit> most) {
  unit_limit = most.value_or(TileUnit::kRegisters);
  unit_is_chosen = most.has_value();
}

BrainRows::BrainRows(std::size_t max_rows, std::size_t columns)
    : columns_(columns), stride_((columns + kGroup - 1) / kGroup * kGroup) {
  const std::size_t rows = (max_rows + 2 * kTileRows - 1) / (2 * kTileRows) * 2 * kTileRows;
  bytes_ = PageBuffer(rows * stride_ * sizeof(std::uint16_t));
}

void BrainRows::write(std::span<const float> x, std::size_t row, std::size_t first_column) const {
  std::uint16_t* const to = this->row(row) + first_column;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(x[i]);
    to[i] = static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
  }
}

TANDEM_TILES void multiply_tiles(const Matrix& weights, Range panels, const BrainRows& x,
                                 std::size_t row_count, float* out, std::size_t stride) {
  TANDEM_CHECK(tile_unit() != TileUnit::kNone && weights.columns() == x.columns());
  const std::size_t groups = weights.groups();
  thread_local PageBuffer scratch;
  if (scratch.size() < 2 * groups * kTileWords * sizeof(std::uint16_t))
    scratch = PageBuffer(2 * groups * kTileWords * sizeof(std::uint16_t));
  auto* const expanded = reinterpret_cast<std::uint16_t*>(scratch.data());
  alignas(64) float sums[2 * kTileRows * 2 * kPanelRows];
  const Tiles tiles;
  for (std::size_t p = panels.first; p < panels.second; p += 2) {
    for (std::size_t i = 0; i < 2 && p + i < panels.second; ++i) {
      const auto* const numbers = reinterpret_cast<const std::uint8_t*>(weights.panel(p + i));
      for (std::size_t g = 0; g < groups; ++g)
        expand_group(weights.format(), numbers, numbers + weights.scales_offset(), g,
                     expanded + (i * groups + g) * kTileWords);
    }
    const std::size_t begin = p * kPanelRows;
    const std::size_t end = std::min(std::min(p + 2, panels.second) * kPanelRows, weights.rows());
    float* const of_panels = out + begin - panels.first * kPanelRows;
    for (std::size_t row = 0; row < row_count; row += 2 * kTileRows) {
      const std::size_t rows = std::min(2 * kTileRows, row_count - row);
      tiles.multiply<2>({x.row(row), x.stride(), rows},
                        {expanded, expanded + groups * kTileWords, kTileWords, groups}, sums,
                        2 * kPanelRows);
      for (std::size_t r = 0; r < rows; ++r)
        std::copy_n(sums + r * 2 * kPanelRows, end - begin, of_panels + (row + r) * stride);
    }
  }
}

}  // namespace tandem::kernels
