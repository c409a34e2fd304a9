// Frequencies of ROPE_INIT_FUNCTIONS of `transformers` 5.23.0, in float32, at the settings of real
// models.
#include "model/rotary.h"

#include <gtest/gtest.h>

#include <string>

namespace tandem {
namespace {

struct Case {
  std::string name;
  double base;
  int size;
  RotaryScaling scaling;
  float magnitude;
  std::vector<std::pair<std::size_t, double>> frequencies;  // some pairs
};

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = {
      {"Qwen 2.5",
       1e6,
       128,
       {.type = RotaryScalingType::kYarn, .factor = 4, .original_context = 32768},
       1.138629436f,
       {{0, 1.0},
        {20, 0.01333521492779255},
        {23, 0.006978305988013744},
        {24, 0.005375321488827467},
        {30, 0.0010643609566614032},
        {36, 0.0001798411540221423},
        {39, 6.490394298452884e-05},
        {40, 4.4456985051510856e-05},
        {63, 3.102344408034696e-07}}},
      {"YaRN with all settings stated",
       1e4,
       64,
       {.type = RotaryScalingType::kYarn,
        .factor = 16,
        .original_context = 4096,
        .beta_fast = 8,
        .beta_slow = 2,
        .magnitude = 1.5},
       1.5f,
       {{0, 1.0},
        {15, 0.01333521492779255},
        {16, 0.008437499403953552},
        {18, 0.0029874383471906185},
        {20, 0.00069174834061414},
        {21, 0.00014821086369920522},
        {31, 8.33450940262992e-06}}},
      {"Llama 3.1",
       5e5,
       128,
       {.type = RotaryScalingType::kLlama3, .factor = 8, .original_context = 8192},
       1.0f,
       {{0, 1.0},
        {28, 0.0032114461064338684},
        {29, 0.0021665706299245358},
        {30, 0.0013718936825171113},
        {34, 0.0001785077911335975},
        {35, 9.556212171446532e-05},
        {63, 3.068925877869333e-07}}},
      {"linear",
       1e4,
       8,
       {.type = RotaryScalingType::kLinear, .factor = 8},
       1.0f,
       {{0, 0.125}, {1, 0.0125}, {2, 0.00125}, {3, 0.000125}}},
  };
  return kCases;
}

TEST(RotaryTest, FrequenciesMatchTransformers) {
  for (const Case& example : cases()) {
    SCOPED_TRACE(example.name);
    const auto frequencies = rotary_frequencies(example.base, example.size, example.scaling);
    ASSERT_EQ(frequencies.size(), static_cast<std::size_t>(example.size) / 2);
    for (const auto& [pair, expected] : example.frequencies)
      EXPECT_NEAR(frequencies[pair], expected, 1e-6 * expected) << pair;
    EXPECT_FLOAT_EQ(rotary_magnitude(example.scaling), example.magnitude);
  }
}

}  // namespace
}  // namespace tandem
