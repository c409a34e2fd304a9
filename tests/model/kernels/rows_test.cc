#include "model/kernels/rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "tests/support/simd_targets.h"

namespace tandem::kernels {
namespace {

class RowsTest : public testing::SimdTest {
 protected:
  std::vector<float> floats(std::size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = 3 * std::normal_distribution<float>()(random_);
    return values;
  }

  std::mt19937 random_{20261126};
};

TEST_P(RowsTest, QuantizedValuesAreWithinHalfAStep) {
  for (const std::size_t columns : {std::size_t{1}, std::size_t{32}, std::size_t{77}}) {
    const std::vector<float> x = floats(columns);
    ActivationRows out(2, columns);
    quantize(x, out, 1);
    for (std::size_t k = 0; k < columns; ++k) {
      const float scale = out.scales(1)[k / kGroup];
      ASSERT_LE(std::abs(scale * out.values(1)[k] - x[k]), 0.501f * scale) << k;
    }
    for (std::size_t half = 0; half < 2 * out.groups(); ++half) {
      const std::int8_t* const first = out.values(1) + half * 16;
      EXPECT_EQ(out.sums(1)[half], std::accumulate(first, first + 16, 0));
    }
    for (std::size_t k = columns; k < out.groups() * kGroup; ++k) EXPECT_EQ(out.values(1)[k], 0);
  }
}

TEST_P(RowsTest, ZerosQuantizeToZeros) {
  const std::vector<float> x(32);
  ActivationRows out(1, 32);
  quantize(x, out, 0);
  EXPECT_EQ(out.scales(0)[0], 0.0f);
  for (std::size_t k = 0; k < 32; ++k) EXPECT_EQ(out.values(0)[k], 0);
}

TEST_P(RowsTest, RmsNormMatchesDoublePrecision) {
  for (const std::size_t columns : {std::size_t{3}, std::size_t{64}, std::size_t{100}}) {
    const std::vector<float> x = floats(columns);
    const std::vector<float> weight = floats(columns);
    std::vector<float> out(columns);
    rms_norm(x, weight.data(), 1e-5f, out.data());
    double squares = 0;
    for (const float value : x) squares += double{value} * double{value};
    const double factor = 1 / std::sqrt(squares / static_cast<double>(columns) + 1e-5);
    for (std::size_t k = 0; k < columns; ++k)
      ASSERT_NEAR(out[k], x[k] * factor * weight[k], 1e-5) << k;
  }
}

TEST_P(RowsTest, LayerNormMatchesDoublePrecision) {
  for (const std::size_t columns : {std::size_t{3}, std::size_t{64}, std::size_t{100}}) {
    std::vector<float> x = floats(columns);
    for (float& value : x) value += 50;  // the mean must go before squares are summed
    const std::vector<float> weight = floats(columns);
    const std::vector<float> bias = floats(columns);
    std::vector<float> out(columns);
    layer_norm(x, weight.data(), bias.data(), 1e-12f, out.data());
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(columns);
    double squares = 0;
    for (const float value : x) squares += (value - mean) * (value - mean);
    const double factor = 1 / std::sqrt(squares / static_cast<double>(columns) + 1e-12);
    for (std::size_t k = 0; k < columns; ++k)
      ASSERT_NEAR(out[k], (x[k] - mean) * factor * weight[k] + bias[k], 1e-4) << k;
  }
}

TEST_P(RowsTest, ActivationsMatchDoublePrecision) {
  std::vector<float> gate = floats(53);
  // Where e^-x overflows, and by the cube in GELU much earlier.
  for (int i = 0; i < 16; ++i)
    gate[static_cast<std::size_t>(i)] = static_cast<float>((i % 2 == 0 ? 1 : -1) * (5 + 12 * i));
  const std::vector<float> up = floats(53);
  std::vector<float> silu = gate;
  activate(DecoderActivation::kSilu, silu, up.data());
  std::vector<float> gelu = gate;
  activate(DecoderActivation::kGeluTanh, gelu, up.data());
  for (std::size_t k = 0; k < gate.size(); ++k) {
    const double x = gate[k];
    const double expected_silu = x / (1 + std::exp(-x)) * up[k];
    EXPECT_NEAR(silu[k], expected_silu, 2e-5 + 1e-6 * std::abs(expected_silu)) << x;
    const double inner = std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x);
    const double expected_gelu = 0.5 * x * (1 + std::tanh(inner)) * up[k];
    EXPECT_NEAR(gelu[k], expected_gelu, 2e-5 + 1e-6 * std::abs(expected_gelu)) << x;
  }
}

TEST_P(RowsTest, RotatesNeighboursOrHalves) {
  const std::vector<float> head = floats(10);  // the last two do not turn
  const std::vector<double> angles = {0.1, 1.0, -2.0, 3.0};
  std::vector<float> cosines, sines;
  for (const double angle : angles) {
    cosines.push_back(static_cast<float>(std::cos(angle)));
    sines.push_back(static_cast<float>(std::sin(angle)));
  }
  for (const RotaryPairs pairs : {RotaryPairs::kNeighbours, RotaryPairs::kHalves}) {
    std::vector<float> turned = head;
    rotate(pairs, turned.data(), cosines, sines.data());
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t a = pairs == RotaryPairs::kNeighbours ? 2 * i : i;
      const std::size_t b = pairs == RotaryPairs::kNeighbours ? 2 * i + 1 : i + 4;
      EXPECT_NEAR(turned[a], head[a] * std::cos(angles[i]) - head[b] * std::sin(angles[i]), 1e-5);
      EXPECT_NEAR(turned[b], head[a] * std::sin(angles[i]) + head[b] * std::cos(angles[i]), 1e-5);
    }
    EXPECT_EQ(turned[8], head[8]);
    EXPECT_EQ(turned[9], head[9]);
  }
}

TANDEM_FOR_EVERY_SIMD_TARGET(RowsTest);

}  // namespace
}  // namespace tandem::kernels
