// Held to sums in double precision over numbers that FAISS decoded, with every set of instructions.
#include "retriever/query_scorer.h"

#include <faiss/impl/ScalarQuantizer.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "tests/support/simd_targets.h"

namespace tandem {
namespace {

constexpr std::size_t kVectors = 23;

struct Codes {
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint8_t> rests;  // of kSplit only
  std::vector<float> ranges;
  std::vector<float> decoded;  // [kVectors, dimension]
};

Codes encode(VectorCoding coding, const std::vector<float>& vectors, std::size_t dimension) {
  Codes codes;
  if (coding == VectorCoding::kFloat) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(vectors.data());
    codes.bytes.assign(bytes, bytes + vectors.size() * sizeof(float));
    codes.decoded = vectors;
    return codes;
  }
  if (coding == VectorCoding::kSplit) {
    codes.bytes.resize(vectors.size() * 2);
    codes.rests.resize(vectors.size() * 2);
    split_floats(vectors, {reinterpret_cast<std::uint16_t*>(codes.bytes.data()), vectors.size()},
                 {reinterpret_cast<std::int16_t*>(codes.rests.data()), vectors.size()});
    codes.decoded = vectors;
    return codes;
  }
  faiss::ScalarQuantizer quantizer(dimension, coding == VectorCoding::kHalf
                                                  ? faiss::ScalarQuantizer::QT_fp16
                                                  : faiss::ScalarQuantizer::QT_8bit);
  quantizer.train(kVectors, vectors.data());
  codes.bytes.resize(kVectors * quantizer.code_size);
  quantizer.compute_codes(vectors.data(), codes.bytes.data(), kVectors);
  codes.ranges = quantizer.trained;
  codes.decoded.resize(vectors.size());
  quantizer.decode(codes.bytes.data(), codes.decoded.data(), kVectors);
  return codes;
}

float longest(const std::vector<float>& vectors, std::size_t dimension) {
  float square = 0;
  for (std::size_t begin = 0; begin < vectors.size(); begin += dimension) {
    float sum = 0;
    for (std::size_t i = begin; i < begin + dimension; ++i) sum += vectors[i] * vectors[i];
    square = std::max(square, sum);
  }
  return std::sqrt(square);
}

class QueryScorerTest : public testing::SimdTest {
 protected:
  static void expect_right_scores(VectorCoding coding, std::size_t dimension) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> vectors(kVectors * dimension);
    for (float& value : vectors) value = normal(random);
    std::vector<float> query(dimension);
    for (float& value : query) value = normal(random);
    const Codes codes = encode(coding, vectors, dimension);
    ASSERT_EQ(codes.bytes.size(), kVectors * code_bytes(coding, dimension));
    const QueryScorer scorer(coding, codes.ranges, longest(vectors, dimension), query);
    std::vector<float> scores(kVectors);
    scorer.score(codes.bytes.data(), scores);
    for (std::size_t i = 0; i < kVectors; ++i) {
      double expected = 0;
      double magnitude = 1;
      for (std::size_t j = 0; j < dimension; ++j) {
        const double product = double{query[j]} * codes.decoded[i * dimension + j];
        expected += product;
        magnitude += std::abs(product);
      }
      EXPECT_NEAR(scores[i], expected, scorer.error() + 1e-6 * magnitude) << i;
      if (coding != VectorCoding::kSplit) continue;
      const std::size_t at = i * scorer.code_bytes();
      EXPECT_NEAR(scorer.exact_score(&codes.bytes[at], &codes.rests[at]), expected,
                  1e-6 * magnitude);
    }
    // The same, to the last bit, whatever is scored with it.
    const std::vector<std::uint32_t> numbers = {22, 7, 7, 0, 12, 3, 1};
    std::vector<float> some(numbers.size());
    scorer.score(codes.bytes.data(), numbers, some);
    for (std::size_t i = 0; i < numbers.size(); ++i) EXPECT_EQ(some[i], scores[numbers[i]]);
  }
};

TEST_P(QueryScorerTest, GivesTheInnerProductsOfWhatTheCodesStandFor) {
  for (const auto coding :
       {VectorCoding::kFloat, VectorCoding::kHalf, VectorCoding::kByte, VectorCoding::kSplit}) {
    for (const std::size_t dimension : {1, 3, 16, 24, 31, 32, 33, 384, 401}) {
      SCOPED_TRACE(::testing::Message()
                   << "coding " << static_cast<int>(coding) << ", " << dimension << " numbers");
      expect_right_scores(coding, dimension);
    }
  }
}

TEST(SplitFloatsTest, LoseNothing) {
  std::vector<float> values = {0.0F,
                               -0.0F,
                               1.0F,
                               -1.00390625F,
                               1e-42F,
                               std::numeric_limits<float>::max(),
                               std::numeric_limits<float>::infinity(),
                               std::numeric_limits<float>::quiet_NaN()};
  std::mt19937 random(1);
  for (int i = 0; i < 10'000; ++i)
    values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
  std::vector<std::uint16_t> codes(values.size());
  std::vector<std::int16_t> rests(values.size());
  split_floats(values, codes, rests);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint32_t bits =
        (std::uint32_t{codes[i]} << 16) + static_cast<std::uint32_t>(rests[i]);
    EXPECT_EQ(bits, std::bit_cast<std::uint32_t>(values[i]));
    const float code = std::bit_cast<float>(std::uint32_t{codes[i]} << 16);
    if (std::isfinite(values[i]) && std::isfinite(code)) {
      EXPECT_LE(std::abs(code - values[i]), std::abs(values[i]) / 256 + 1e-40F) << values[i];
    }
  }
}

TANDEM_FOR_EVERY_SIMD_TARGET(QueryScorerTest);

}  // namespace
}  // namespace tandem
