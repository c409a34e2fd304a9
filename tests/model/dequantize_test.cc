#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "model/weights.h"
#include "tests/support/errors.h"
#include "tests/support/half.h"
#include "tests/support/hex.h"
#include "tests/support/json_lines.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using testing::from_hex;
using testing::read_reference;
using testing::source_folder;

TensorView view_of(const std::string& bytes, DataType type, std::int64_t count) {
  return {.name = "t",
          .type = type,
          .shape = {count},
          .data = std::as_bytes(std::span(bytes.data(), bytes.size()))};
}

TEST(DequantizeTest, MatchesGgufPackageBitForBit) {
  const std::map<std::string, DataType> types = {
      {"Q4_0", DataType::kQ4_0}, {"Q4_1", DataType::kQ4_1}, {"Q5_0", DataType::kQ5_0},
      {"Q8_0", DataType::kQ8_0}, {"Q4_K", DataType::kQ4_K}, {"Q6_K", DataType::kQ6_K},
      {"F16", DataType::kF16},   {"BF16", DataType::kBF16}, {"F32", DataType::kF32}};
  const auto cases = read_reference(source_folder() / "tests/model/references/dequantize.jsonl");
  ASSERT_EQ(cases.size(), types.size());
  for (const auto& reference : cases) {
    SCOPED_TRACE(reference["type"].get<std::string>());
    const std::string blocks = from_hex(reference["blocks"]);
    const std::string value_bytes = from_hex(reference["values"]);
    std::vector<float> expected(value_bytes.size() / sizeof(float));
    std::memcpy(expected.data(), value_bytes.data(), value_bytes.size());
    std::vector<float> values(expected.size());
    dequantize(view_of(blocks, types.at(reference["type"]), std::ssize(values)), values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::isnan(expected[i])) {
        EXPECT_TRUE(std::isnan(values[i])) << i;
      } else {
        EXPECT_EQ(std::bit_cast<std::uint32_t>(values[i]),
                  std::bit_cast<std::uint32_t>(expected[i]))
            << i << ": " << values[i] << " instead of " << expected[i];
      }
    }
  }
}

TEST(DequantizeTest, EveryHalfHasItsIeeeValue) {
  std::string bytes;
  for (int half = 0; half < 65536; ++half) {
    bytes += static_cast<char>(half & 0xFF);
    bytes += static_cast<char>(half >> 8);
  }
  std::vector<float> values(65536);
  dequantize(view_of(bytes, DataType::kF16, 65536), values);
  for (int half = 0; half < 65536; ++half) {
    const float value = values[static_cast<std::size_t>(half)];
    ASSERT_EQ(std::signbit(value), half >= 0x8000) << half;
    const int magnitude = half & 0x7FFF;
    constexpr int kInfinity = 0x7C00;
    if (magnitude > kInfinity) {
      ASSERT_TRUE(std::isnan(value)) << half;
    } else if (magnitude == kInfinity) {
      ASSERT_TRUE(std::isinf(value)) << half;
    } else {
      ASSERT_EQ(value, testing::from_half(static_cast<std::uint16_t>(half))) << half;
    }
  }
}

TEST(DequantizeTest, UnalignedDataIsRead) {
  const float expected[] = {1.5f, -2.25f};
  std::string bytes(1 + sizeof expected, '\0');
  std::memcpy(bytes.data() + 1, expected, sizeof expected);
  TensorView tensor{.name = "t", .type = DataType::kF32, .shape = {2}, .data = {}};
  tensor.data = std::as_bytes(std::span(bytes.data() + 1, sizeof expected));
  std::vector<float> values(2);
  dequantize(tensor, values);
  EXPECT_EQ(values, std::vector<float>({1.5f, -2.25f}));
}

TEST(DequantizeTest, IntegersAreRefused) {
  const std::string bytes(8, '\0');
  std::vector<float> values(1);
  EXPECT_EQ(testing::error_code_of([&] { dequantize(view_of(bytes, DataType::kI64, 1), values); }),
            ErrorCode::kUnsupported);
}

TEST(DequantizeTest, OutputOfAnotherSizeIsABug) {
  const std::string bytes(8, '\0');
  std::vector<float> values(1);
  EXPECT_EQ(testing::error_code_of([&] { dequantize(view_of(bytes, DataType::kF32, 2), values); }),
            ErrorCode::kInternal);
}

TEST(TensorSizeTest, ImpossibleShapesHaveNone) {
  const auto size = [](DataType type, std::vector<std::int64_t> shape) {
    return tensor_size_bytes(type, shape);
  };
  EXPECT_EQ(size(DataType::kF32, {}), 4u);
  EXPECT_EQ(size(DataType::kF32, {3, 0}), 0u);
  EXPECT_EQ(size(DataType::kQ4_K, {2, 512}), 4 * 144u);
  EXPECT_EQ(size(DataType::kQ4_0, {64, 16}), std::nullopt);
  EXPECT_EQ(size(DataType::kQ4_0, {}), std::nullopt);
  EXPECT_EQ(size(DataType::kF16, {-1, -1}), std::nullopt);
  EXPECT_EQ(size(DataType::kF16, {std::int64_t{1} << 32, std::int64_t{1} << 32}), std::nullopt);
  EXPECT_EQ(size(DataType::kI64, {std::int64_t{1} << 61}), std::nullopt);
}

}  // namespace
}  // namespace tandem
