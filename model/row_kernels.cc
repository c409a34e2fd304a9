#include "model/row_kernels.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

// Chosen at run time by supports(), so the rest of the program stays free of these instructions.
#define TANDEM_AVX2 __attribute__((target("avx2,fma,f16c")))

namespace tandem {
namespace {

constexpr std::size_t kBlock = 32;  // weights in a block, for all types here

// The blocks of GGML, byte for byte.
struct BlockQ4_0 {
  std::uint16_t scale;             // half precision, as below
  std::uint8_t pairs[kBlock / 2];  // low halves are elements 0 to 15, high halves 16 to 31
};
struct BlockQ4_1 {
  std::uint16_t scale;
  std::uint16_t minimum;
  std::uint8_t pairs[kBlock / 2];
};
struct BlockQ8_0 {
  std::uint16_t scale;
  std::int8_t values[kBlock];
};
static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ8_0) == 34);

TANDEM_AVX2 inline float from_half(std::uint16_t half) {
  return _cvtsh_ss(half);
}

TANDEM_AVX2 inline float sum_of(__m256 v) {
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

// The sum of weight * x over the low 8 of the 16 unsigned bytes, and over the high 8.
TANDEM_AVX2 inline __m256 add_products(__m128i bytes, const float* x, __m256 sum) {
  const __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
  const __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(bytes, bytes)));
  sum = _mm256_fmadd_ps(low, _mm256_loadu_ps(x), sum);
  return _mm256_fmadd_ps(high, _mm256_loadu_ps(x + 8), sum);
}

TANDEM_AVX2 inline __m256 pair_products(const std::uint8_t* pairs, const float* x) {
  const __m128i mask = _mm_set1_epi8(15);
  const __m128i packed = _mm_loadu_si128(reinterpret_cast<const __m128i*>(pairs));
  const __m256 sum = add_products(_mm_and_si128(packed, mask), x, _mm256_setzero_ps());
  return add_products(_mm_and_si128(_mm_srli_epi16(packed, 4), mask), x + 16, sum);
}

TANDEM_AVX2 inline __m256 byte_products(const std::int8_t* values, const float* x) {
  __m256 sum = _mm256_setzero_ps();
  for (std::size_t i = 0; i < kBlock; i += 8) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(values + i));
    sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), _mm256_loadu_ps(x + i),
                          sum);
  }
  return sum;
}

// `sums` holds the sum of x over each block: the part of a weight that is the same for its whole
// block is multiplied once.
TANDEM_AVX2 float dot(const BlockQ4_0* row, const float* x, const float* sums, std::size_t blocks) {
  __m256 total = _mm256_setzero_ps();
  float offset = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    const float scale = from_half(row[b].scale);
    total =
        _mm256_fmadd_ps(_mm256_set1_ps(scale), pair_products(row[b].pairs, x + b * kBlock), total);
    offset -= 8 * scale * sums[b];
  }
  return sum_of(total) + offset;
}

TANDEM_AVX2 float dot(const BlockQ4_1* row, const float* x, const float* sums, std::size_t blocks) {
  __m256 total = _mm256_setzero_ps();
  float offset = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    total = _mm256_fmadd_ps(_mm256_set1_ps(from_half(row[b].scale)),
                            pair_products(row[b].pairs, x + b * kBlock), total);
    offset += from_half(row[b].minimum) * sums[b];
  }
  return sum_of(total) + offset;
}

TANDEM_AVX2 float dot(const BlockQ8_0* row, const float* x, const float*, std::size_t blocks) {
  __m256 total = _mm256_setzero_ps();
  for (std::size_t b = 0; b < blocks; ++b)
    total = _mm256_fmadd_ps(_mm256_set1_ps(from_half(row[b].scale)),
                            byte_products(row[b].values, x + b * kBlock), total);
  return sum_of(total);
}

std::vector<float> block_sums(std::span<const float> x) {
  std::vector<float> sums(x.size() / kBlock);
  for (std::size_t b = 0; b < sums.size(); ++b)
    for (std::size_t i = 0; i < kBlock; ++i) sums[b] += x[b * kBlock + i];
  return sums;
}

template <typename Block>
TANDEM_AVX2 void multiply_blocks(const std::byte* bytes, std::span<const float> x,
                                 std::span<float> out) {
  const auto* blocks = reinterpret_cast<const Block*>(bytes);
  const std::vector<float> sums = block_sums(x);
  for (std::size_t row = 0; row < out.size(); ++row)
    out[row] = dot(blocks + row * sums.size(), x.data(), sums.data(), sums.size());
}

// The compiler may not reorder a float sum by itself, so eight of them are kept side by side. The
// type becomes one register or two, as the processor has them.
using Float8 = float __attribute__((vector_size(32), aligned(4), may_alias));

}  // namespace

bool BlockMatrix::supports(DataType type) {
  const bool known = type == DataType::kQ4_0 || type == DataType::kQ4_1 || type == DataType::kQ8_0;
  return known && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c");
}

BlockMatrix::BlockMatrix(const TensorView& tensor)
    : type_(tensor.type),
      rows_(static_cast<std::size_t>(tensor.shape.at(0))),
      columns_(static_cast<std::size_t>(tensor.shape.at(1))),
      blocks_(tensor.data.begin(), tensor.data.end()) {
  TANDEM_CHECK(supports(type_) && columns_ % kBlock == 0);
  const std::size_t block_bytes = type_ == DataType::kQ4_0   ? sizeof(BlockQ4_0)
                                  : type_ == DataType::kQ4_1 ? sizeof(BlockQ4_1)
                                                             : sizeof(BlockQ8_0);
  TANDEM_CHECK(blocks_.size() == rows_ * (columns_ / kBlock) * block_bytes);
}

void BlockMatrix::multiply(std::span<const float> x, std::span<float> out) const {
  TANDEM_CHECK(x.size() == columns_ && out.size() == rows_);
  if (type_ == DataType::kQ4_0) multiply_blocks<BlockQ4_0>(blocks_.data(), x, out);
  if (type_ == DataType::kQ4_1) multiply_blocks<BlockQ4_1>(blocks_.data(), x, out);
  if (type_ == DataType::kQ8_0) multiply_blocks<BlockQ8_0>(blocks_.data(), x, out);
}

// Positions are the outer loop, so that each key and value is read from memory once for all heads.
__attribute__((target_clones("arch=haswell", "default"))) void attend_row(
    std::span<const float> query, std::span<const float> keys, std::span<const float> values,
    std::size_t size, std::span<float> out) {
  const std::size_t positions = keys.size() / size;
  const std::size_t heads = query.size() / size;
  const std::size_t even = size - size % 8;
  const float scale = 1.0f / std::sqrt(static_cast<float>(size));
  std::vector<float> weights(heads * positions);
  for (std::size_t i = 0; i < positions; ++i) {
    const float* const key = &keys[i * size];
    for (std::size_t head = 0; head < heads; ++head) {
      const float* const from = &query[head * size];
      Float8 sums = {};
      for (std::size_t k = 0; k < even; k += 8)
        sums +=
            *reinterpret_cast<const Float8*>(from + k) * *reinterpret_cast<const Float8*>(key + k);
      float sum = 0;
      for (std::size_t k = 0; k < 8; ++k) sum += sums[k];
      for (std::size_t k = even; k < size; ++k) sum += from[k] * key[k];
      weights[head * positions + i] = sum * scale;
    }
  }
  for (std::size_t head = 0; head < heads; ++head) {
    const std::span<float> row(&weights[head * positions], positions);
    const float largest = *std::max_element(row.begin(), row.end());
    float total = 0;
    for (float& weight : row) total += weight = std::exp(weight - largest);
    for (float& weight : row) weight /= total;
  }
  std::fill(out.begin(), out.end(), 0.0f);
  for (std::size_t i = 0; i < positions; ++i) {
    const float* const value = &values[i * size];
    for (std::size_t head = 0; head < heads; ++head) {
      const float weight = weights[head * positions + i];
      float* const to = &out[head * size];
      for (std::size_t k = 0; k < even; k += 8)
        *reinterpret_cast<Float8*>(to + k) += weight * *reinterpret_cast<const Float8*>(value + k);
      for (std::size_t k = even; k < size; ++k) to[k] += weight * value[k];
    }
  }
}

}  // namespace tandem
