// Products are compared with sums in double precision over the expanded weights.
#include "model/kernels/multiply.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "model/kernels/rows.h"
#include "model/kernels/tiles.h"
#include "tests/support/errors.h"
#include "tests/support/random_weights.h"
#include "tests/support/simd_targets.h"
#include "tests/support/tile_units.h"

namespace tandem::kernels {
namespace {

using testing::random_tensor;
using testing::RandomTensor;

constexpr std::size_t kRows = 13;  // 8 + 4 + 1: every way of tiling
const std::vector<DataType> kByteTypes = {DataType::kQ4_0, DataType::kQ4_1, DataType::kQ5_0,
                                          DataType::kQ8_0, DataType::kQ4_K, DataType::kQ6_K};
const std::vector<DataType> kFloatTypes = {DataType::kF32, DataType::kF16, DataType::kBF16};

std::vector<float> random_floats(std::size_t count, std::mt19937& random) {
  std::vector<float> values(count);
  for (float& value : values) value = std::normal_distribution<float>()(random);
  return values;
}

// What the activations stand for, in double precision.
double activation(const ActivationRows& x, std::size_t row, std::size_t column) {
  return double{x.scales(row)[column / kGroup]} * x.values(row)[column];
}

class MultiplyTest : public testing::SimdTest {
 protected:
  std::mt19937 random_{20261126};
};

TEST_P(MultiplyTest, BytesMatchDoublePrecision) {
  for (const DataType type : kByteTypes) {
    SCOPED_TRACE(to_string(type));
    const bool super = type == DataType::kQ4_K || type == DataType::kQ6_K;
    const std::size_t columns = super ? 512 : 96;
    for (const std::size_t outputs : {std::size_t{1}, std::size_t{16}, std::size_t{75}}) {
      const RandomTensor tensor = random_tensor(type, static_cast<std::int64_t>(outputs),
                                                static_cast<std::int64_t>(columns), random_);
      const std::vector<float> weights = tensor.values();
      PageArena arena;
      const Matrix matrix(tensor.view, arena);
      ActivationRows x(kRows, columns);
      for (std::size_t row = 0; row < kRows; ++row)
        quantize(random_floats(columns, random_), x, row);
      // What lies beyond a row of the output must stay as it is.
      constexpr float kUntouched = -12345;
      const std::size_t stride = outputs + 3;
      std::vector<float> out(kRows * stride, kUntouched);
      multiply(matrix, {0, matrix.panels()}, x, {0, kRows}, out.data(), stride);
      for (std::size_t row = 0; row < kRows; ++row) {
        for (std::size_t i = 0; i < outputs; ++i) {
          double sum = 0;
          double magnitude = 0;
          for (std::size_t k = 0; k < columns; ++k) {
            const double product = double{weights[i * columns + k]} * activation(x, row, k);
            sum += product;
            magnitude += std::abs(product);
          }
          ASSERT_NEAR(out[row * stride + i], sum, 1e-6 * magnitude) << row << " " << i;
        }
        for (std::size_t i = outputs; i < stride; ++i) ASSERT_EQ(out[row * stride + i], kUntouched);
      }
    }
  }
}

TEST_P(MultiplyTest, FloatsMatchDoublePrecision) {
  for (const DataType type : kFloatTypes) {
    SCOPED_TRACE(to_string(type));
    for (const std::size_t columns : {std::size_t{1}, std::size_t{45}, std::size_t{64}}) {
      constexpr std::size_t kOutputs = 37;
      const RandomTensor tensor =
          random_tensor(type, kOutputs, static_cast<std::int64_t>(columns), random_);
      const std::vector<float> weights = tensor.values();
      PageArena arena;
      const Matrix matrix(tensor.view, arena);
      const std::vector<float> x = random_floats(kRows * columns, random_);
      std::vector<float> out(kRows * kOutputs);
      multiply(matrix, {0, matrix.panels()}, x.data(), columns, {0, kRows}, out.data(), kOutputs);
      for (std::size_t row = 0; row < kRows; ++row) {
        for (std::size_t i = 0; i < kOutputs; ++i) {
          double sum = 0;
          for (std::size_t k = 0; k < columns; ++k)
            sum += double{weights[i * columns + k]} * double{x[row * columns + k]};
          ASSERT_NEAR(out[row * kOutputs + i], sum, 1e-4) << row << " " << i;
        }
      }
    }
  }
}

TEST_P(MultiplyTest, ARowIsTheSameAloneAndInABatchAndPanelByPanel) {
  for (const DataType type : kByteTypes) {
    SCOPED_TRACE(to_string(type));
    const RandomTensor tensor = random_tensor(type, 48, 512, random_);
    PageArena arena;
    const Matrix matrix(tensor.view, arena);
    ActivationRows x(kRows, 512);
    for (std::size_t row = 0; row < kRows; ++row) quantize(random_floats(512, random_), x, row);
    std::vector<float> batch(kRows * 48);
    multiply(matrix, {0, matrix.panels()}, x, {0, kRows}, batch.data(), 48);
    std::vector<float> alone(kRows * 48);
    for (std::size_t row = 0; row < kRows; ++row)
      for (std::size_t panel = 0; panel < matrix.panels(); ++panel)
        multiply(matrix, {panel, panel + 1}, x, {row, row + 1}, &alone[panel * kPanelRows], 48);
    EXPECT_EQ(batch, alone);
  }
}

TANDEM_FOR_EVERY_SIMD_TARGET(MultiplyTest);

class TilesTest : public testing::TileUnitTest {};

// bfloat16 has 8 significant bits, and both factors are rounded to it.
TEST_P(TilesTest, MatchDoublePrecisionAsFarAsBfloat16Goes) {
  std::mt19937 random(20261126);
  for (const auto* types : {&kByteTypes, &kFloatTypes}) {
    for (const DataType type : *types) {
      SCOPED_TRACE(to_string(type));
      constexpr std::size_t kColumns = 512;
      constexpr std::size_t kOutputs = 75;
      constexpr std::size_t kMany = 45;
      const RandomTensor tensor = random_tensor(type, kOutputs, kColumns, random);
      const std::vector<float> weights = tensor.values();
      PageArena arena;
      const Matrix matrix(tensor.view, arena);
      const std::vector<float> x = random_floats(kMany * kColumns, random);
      const BrainRows rows(kMany, kColumns);
      for (std::size_t row = 0; row < kMany; ++row) rows.write({&x[row * kColumns], kColumns}, row);
      std::vector<float> out(kMany * kOutputs);
      multiply_tiles(matrix, {0, matrix.panels()}, rows, kMany, out.data(), kOutputs);
      double squares = 0;
      double reference_squares = 0;
      for (std::size_t row = 0; row < kMany; ++row) {
        for (std::size_t i = 0; i < kOutputs; ++i) {
          double sum = 0;
          for (std::size_t k = 0; k < kColumns; ++k)
            sum += double{weights[i * kColumns + k]} * double{x[row * kColumns + k]};
          squares += (out[row * kOutputs + i] - sum) * (out[row * kOutputs + i] - sum);
          reference_squares += sum * sum;
        }
      }
      EXPECT_LT(std::sqrt(squares / reference_squares), 0.004);

      std::vector<float> alone(kMany * kOutputs);
      const BrainRows one(1, kColumns);
      for (std::size_t row = 0; row < kMany; ++row) {
        one.write({&x[row * kColumns], kColumns}, 0);
        for (std::size_t panel = 0; panel < matrix.panels(); ++panel)
          multiply_tiles(matrix, {panel, panel + 1}, one, 1,
                         &alone[row * kOutputs + panel * kPanelRows], kOutputs);
      }
      EXPECT_EQ(out, alone);
    }
  }
}

TEST(MatrixTest, ExpandsToTheValuesOfTheFile) {
  std::mt19937 random(7);
  for (const auto* types : {&kByteTypes, &kFloatTypes}) {
    for (const DataType type : *types) {
      SCOPED_TRACE(to_string(type));
      const RandomTensor tensor = random_tensor(type, 19, 512, random);
      const std::vector<float> expected = tensor.values();
      PageArena arena;
      const Matrix matrix(tensor.view, arena);
      std::vector<float> row(512);
      for (std::size_t r = 0; r < 19; ++r) {
        matrix.expand_row(r, row);
        for (std::size_t k = 0; k < 512; ++k) ASSERT_EQ(row[k], expected[r * 512 + k]) << r;
      }
    }
  }
}

TEST(MatrixTest, RefusesWhatIsNotFinite) {
  std::mt19937 random(8);
  RandomTensor floats = random_tensor(DataType::kF32, 4, 32, random);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(floats.bytes.data() + 100, &nan, sizeof nan);
  PageArena arena;
  EXPECT_EQ(testing::error_code_of([&] { Matrix(floats.view, arena); }), ErrorCode::kCorrupt);
  for (const DataType type : kByteTypes) {
    SCOPED_TRACE(to_string(type));
    RandomTensor tensor = random_tensor(type, 2, 256, random);
    const std::uint16_t infinity = 0x7C00;
    std::memcpy(tensor.bytes.data() + (type == DataType::kQ6_K ? 208 : 0), &infinity, 2);
    EXPECT_EQ(testing::error_code_of([&] { Matrix(tensor.view, arena); }), ErrorCode::kCorrupt);
  }
}

TANDEM_FOR_EVERY_TILE_UNIT(TilesTest);

}  // namespace
}  // namespace tandem::kernels
