// Linear layers and attention of an encoder by tiles, against double precision.
#include "model/kernels/tile_matrix.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

#include "model/kernels/tile_self_attention.h"
#include "tests/support/tile_units.h"

namespace tandem::kernels {
namespace {

// bfloat16 has 8 significant bits: a rounded number is off by 1/256 of itself at most, by half of
// that on average.
constexpr double kRounding = 0.004;

float from_brain(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

double gelu(double x) {
  return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
}

class TileMatrixTest : public testing::TileUnitTest {
 protected:
  std::vector<float> floats(std::size_t count, float scale = 1) {
    std::vector<float> values(count);
    for (float& value : values) value = scale * std::normal_distribution<float>()(random_);
    return values;
  }
  static BrainRows rows_of(const std::vector<float>& x, std::size_t columns,
                           std::size_t spare = 0) {
    BrainRows rows(x.size() / columns + spare, columns);
    for (std::size_t row = 0; row < x.size() / columns; ++row)
      rows.write({&x[row * columns], columns}, row);
    return rows;
  }

  std::mt19937 random_{20261126};
};

// Root mean square of what `value(i)` is off by, relative to that of `expected`.
template <class Value>
double deviation(const std::vector<double>& expected, const Value& value) {
  double squares = 0;
  double reference = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    squares += std::pow(value(i) - expected[i], 2);
    reference += std::pow(expected[i], 2);
  }
  return std::sqrt(squares / reference);
}

TEST_P(TileMatrixTest, LayersMatchDoublePrecisionAsFarAsBfloat16Goes) {
  constexpr std::size_t kColumns = 96;
  constexpr std::size_t kOutputs = 64;
  const std::vector<float> weights = floats(kOutputs * kColumns, 0.1f);
  const std::vector<float> bias = floats(kOutputs);
  PageArena arena;
  const TileMatrix matrix(weights, bias, arena);
  for (const std::size_t count : {std::size_t{1}, std::size_t{31}, std::size_t{77}}) {
    SCOPED_TRACE(count);
    const std::vector<float> x = floats(count * kColumns);
    const BrainRows rows = rows_of(x, kColumns);
    std::vector<double> plain;
    std::vector<double> activated;
    std::vector<double> added;
    std::vector<float> sums = floats(count * kOutputs);
    for (std::size_t row = 0; row < count; ++row) {
      for (std::size_t i = 0; i < kOutputs; ++i) {
        double sum = double{bias[i]};
        for (std::size_t k = 0; k < kColumns; ++k)
          sum += double{weights[i * kColumns + k]} * double{x[row * kColumns + k]};
        plain.push_back(sum);
        activated.push_back(gelu(sum));
        added.push_back(sum + double{sums[row * kOutputs + i]});
      }
    }
    const BrainRows out(count, kOutputs);
    const auto value = [&](std::size_t i) {
      return double{from_brain(out.row(i / kOutputs)[i % kOutputs])};
    };
    matrix.multiply(rows, count, TileActivation::kNone, out);
    EXPECT_LT(deviation(plain, value), kRounding);
    matrix.multiply(rows, count, TileActivation::kGelu, out);
    EXPECT_LT(deviation(activated, value), kRounding);
    matrix.multiply_add(rows, count, sums.data());
    EXPECT_LT(deviation(added, [&](std::size_t i) { return double{sums[i]}; }), kRounding);
  }
}

// Where the exponential in the error function ends, and beyond.
TEST_P(TileMatrixTest, GeluHoldsForAllMagnitudes) {
  std::vector<float> bias(64);
  for (std::size_t i = 0; i < bias.size(); ++i)
    bias[i] = (i % 2 == 0 ? 1.0f : -1.0f) * std::pow(1.25f, static_cast<float>(i) - 32);
  PageArena arena;
  const TileMatrix matrix(std::vector<float>(64 * 32), bias, arena);
  const BrainRows x(1, 32);
  const BrainRows out(1, 64);
  matrix.multiply(x, 1, TileActivation::kGelu, out);
  for (std::size_t i = 0; i < bias.size(); ++i) {
    const double expected = gelu(double{bias[i]});
    EXPECT_NEAR(from_brain(out.row(0)[i]), expected, kRounding * std::abs(expected) + 3e-7) << i;
  }
}

TEST_P(TileMatrixTest, TextsSeeAllOfThemselvesAndNothingElse) {
  constexpr std::size_t kHeads = 3;
  for (const std::size_t size : {std::size_t{32}, std::size_t{64}}) {
    const std::size_t width = kHeads * size;
    const std::vector<std::size_t> lengths = {1, 17, 32, 70, 5};
    std::size_t count = 0;
    for (const std::size_t length : lengths) count += length;
    const std::vector<float> x = floats(count * 3 * width);
    const BrainRows parts = rows_of(x, 3 * width, 16);
    const BrainRows out(count + 16, width);
    const auto part = [&](std::size_t row, std::size_t which, std::size_t column) {
      return double{from_brain(parts.row(row)[which * width + column])};
    };
    std::size_t first = 0;
    for (const std::size_t length : lengths) {
      SCOPED_TRACE(length);
      attend_to_all(parts, first, length, kHeads, size, out);
      std::vector<double> expected;
      for (std::size_t row = 0; row < length; ++row) {
        for (std::size_t head = 0; head < kHeads; ++head) {
          std::vector<double> weights(length);
          double total = 0;
          for (std::size_t key = 0; key < length; ++key) {
            double score = 0;
            for (std::size_t i = head * size; i < (head + 1) * size; ++i)
              score += part(first + row, 0, i) * part(first + key, 1, i);
            weights[key] = std::exp(score / std::sqrt(static_cast<double>(size)));
            total += weights[key];
          }
          for (std::size_t i = head * size; i < (head + 1) * size; ++i) {
            double sum = 0;
            for (std::size_t key = 0; key < length; ++key)
              sum += weights[key] / total * part(first + key, 2, i);
            expected.push_back(sum);
          }
        }
      }
      EXPECT_LT(deviation(expected,
                          [&](std::size_t i) {
                            return double{from_brain(out.row(first + i / width)[i % width])};
                          }),
                kRounding);
      first += length;
    }
  }
}

TANDEM_FOR_EVERY_TILE_UNIT(TileMatrixTest);

}  // namespace
}  // namespace tandem::kernels
