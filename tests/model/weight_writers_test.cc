// What is written is what is read again, and what GGML's own quantiser would have written.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "model/decoder_weights.h"
#include "model/ggml_blocks.h"
#include "model/gguf_copy.h"
#include "model/quantize.h"
#include "model/safetensors_writer.h"
#include "tests/support/decoder_gguf.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/half.h"
#include "tests/support/hex.h"
#include "tests/support/json_lines.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(HalfTest, EveryHalfComesBackAndWhatLiesBetweenGoesToTheNearest) {
  for (std::uint32_t bits = 0; bits < 0x7BFF; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = testing::from_half(half);
    const float next = testing::from_half(static_cast<std::uint16_t>(bits + 1));
    ASSERT_EQ(float_to_half(value), half);
    ASSERT_EQ(float_to_half(-value), half | 0x8000);
    const float middle = value + (next - value) / 2;  // exact: floats have 13 bits more
    ASSERT_EQ(float_to_half(middle), bits + bits % 2) << "ties go to even";
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(float_to_half(std::nextafter(middle, next)), bits + 1);
  }
  EXPECT_EQ(float_to_half(65504), 0x7BFF);
  EXPECT_EQ(float_to_half(65520), 0x7C00);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::infinity()), 0x7C00);
  EXPECT_GT(float_to_half(kNan) & 0x7FFF, 0x7C00);
}

TEST(QuantizeTest, MatchesGgufPackageByteForByte) {
  const std::map<std::string, DataType> types = {{"Q8_0", DataType::kQ8_0},
                                                 {"Q4_0", DataType::kQ4_0},
                                                 {"Q4_1", DataType::kQ4_1},
                                                 {"F16", DataType::kF16},
                                                 {"BF16", DataType::kBF16}};
  const auto cases =
      testing::read_reference(testing::source_folder() / "tests/model/references/quantize.jsonl");
  ASSERT_EQ(cases.size(), types.size());
  for (const auto& reference : cases) {
    const std::string value_bytes = testing::from_hex(reference["values"]);
    std::vector<float> values(value_bytes.size() / sizeof(float));
    std::memcpy(values.data(), value_bytes.data(), value_bytes.size());
    const auto bytes = quantize(types.at(reference["type"]), values);
    const std::string blocks = testing::from_hex(reference["blocks"]);
    const auto expected = std::as_bytes(std::span(blocks));
    EXPECT_TRUE(std::ranges::equal(bytes, expected)) << reference["type"];
  }
}

// Every type that can be written, at the ends of what it can hold.
class QuantizedRangeTest : public ::testing::TestWithParam<DataType> {
 protected:
  static std::vector<float> read_again(const std::vector<float>& values) {
    const auto bytes = quantize(GetParam(), values);
    std::vector<float> read(values.size());
    dequantize({.name = "t",
                .type = GetParam(),
                .shape = {std::ssize(values)},
                .data = std::as_bytes(std::span(bytes))},
               read);
    return read;
  }
};

TEST_P(QuantizedRangeTest, TheLargestValueStaysFiniteAndTheNextDoesNot) {
  const float largest = largest_value(GetParam());
  for (const float end : {largest, -largest})
    for (const float value : read_again(std::vector<float>(32, end)))
      EXPECT_TRUE(std::isfinite(value));
  if (GetParam() == DataType::kF32) return;
  const std::vector<float> beyond(32, largest * 1.0001f);
  EXPECT_FALSE(std::ranges::all_of(read_again(beyond), [](float v) { return std::isfinite(v); }));
}

TEST_P(QuantizedRangeTest, NumbersWhoseScaleHasNoInverseAreZero) {
  if (block_layout(GetParam()).elements == 1) return;
  for (const float tiny : {1e-38f, 1e-45f}) {
    std::vector<float> values(32, tiny);
    values[5] = -tiny;
    for (const float value : read_again(values)) EXPECT_EQ(value, 0.0f);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, QuantizedRangeTest,
                         ::testing::Values(DataType::kF32, DataType::kF16, DataType::kBF16,
                                           DataType::kQ8_0, DataType::kQ4_0, DataType::kQ4_1),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST(SafetensorsWriterTest, TensorsComeBackInWhateverOrderTheyWereWritten) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "model.safetensors";
  const std::vector<TensorShape> shapes = {{"b", {2, 3}}, {"a", {4}}, {"one", {}}};
  SafetensorsWriter writer(path, shapes);
  writer.write("a", std::vector<float>{1, 2, 3, 4});
  writer.write("one", std::vector<float>{7});
  EXPECT_FALSE(exists(path)) << "not before it is whole";
  writer.write("b", std::vector<float>{5, 6, 7, 8, 9, 10});
  writer.finish();

  const auto file = open_safetensors(path);
  ASSERT_EQ(file->tensors().size(), 3u);
  EXPECT_EQ(file->find("b")->shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(dequantize(*file->find("b")), (std::vector<float>{5, 6, 7, 8, 9, 10}));
  EXPECT_EQ(dequantize(*file->find("a")), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_TRUE(file->find("one")->shape.empty());
}

TEST(SafetensorsWriterTest, ANumberThatIsNotFiniteLeavesTheOldFile) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "model.safetensors";
  write_file_atomic(path, "old");
  {
    SafetensorsWriter writer(path, std::vector<TensorShape>{{"a", {2}}});
    try {
      writer.write("a", std::vector<float>{1, kNan});
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_NE(error.message().find("tensor a "), std::string::npos);
    }
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

class GgufCopyTest : public ::testing::Test {
 protected:
  GgufCopyTest() {
    const auto reference = testing::source_folder() / "tests/model/references/families/llama";
    write_file_atomic(source_path_, testing::DecoderGguf(reference).build());
    source_ = open_gguf(source_path_);
  }

  testing::TemporaryFolder folder_;
  std::filesystem::path source_path_ = folder_.path() / "source.gguf";
  std::filesystem::path path_ = folder_.path() / "copy.gguf";
  std::unique_ptr<GgufFile> source_;
};

TEST_F(GgufCopyTest, ACopyIsTheSameDecoder) {
  GgufCopy writer(path_, *source_, [](const TensorView& tensor) { return tensor.type; });
  writer.finish();
  const auto copy = open_gguf(path_);
  ASSERT_TRUE(std::ranges::equal(copy->metadata(), source_->metadata(),
                                 [](const GgufMetadata& a, const GgufMetadata& b) {
                                   return std::ranges::equal(a.bytes, b.bytes);
                                 }));
  ASSERT_EQ(copy->tensors().size(), source_->tensors().size());
  for (const TensorView& tensor : source_->tensors()) {
    const TensorView& other = *copy->find(tensor.name);
    EXPECT_EQ(other.shape, tensor.shape);
    EXPECT_EQ(dequantize(other), dequantize(tensor)) << tensor.name;
  }
  EXPECT_EQ(DecoderWeights::open(path_).config().layer_count,
            DecoderWeights::open(source_path_).config().layer_count);
}

TEST_F(GgufCopyTest, TensorsThatWereWrittenReplaceThoseOfTheSource) {
  const TensorView& matrix = *source_->find("blk.0.attn_q.weight");
  const TensorView& vector = *source_->find("output_norm.weight");
  std::vector<float> trained = dequantize(matrix);
  for (float& value : trained) value += 0.25f;
  std::vector<float> norm(static_cast<std::size_t>(vector.element_count()), 1.5f);
  GgufCopy writer(path_, *source_, type_for_trained);
  writer.write(matrix.name, trained);
  writer.write(vector.name, norm);
  writer.finish();

  const auto copy = open_gguf(path_);
  EXPECT_EQ(dequantize(*copy->find(vector.name)), norm);
  const TensorView& written = *copy->find(matrix.name);
  EXPECT_EQ(written.type, type_for_trained(matrix));
  const float largest =
      std::abs(*std::ranges::max_element(trained, {}, [](float value) { return std::abs(value); }));
  const auto read = dequantize(written);
  for (std::size_t i = 0; i < trained.size(); ++i)
    ASSERT_NEAR(read[i], trained[i], largest / 127 * 0.51f);
  // What was not written is expanded and quantised as well.
  EXPECT_EQ(copy->find("blk.0.attn_k.weight")->type,
            type_for_trained(*source_->find("blk.0.attn_k.weight")));
  DecoderWeights::open(path_);
}

TEST_F(GgufCopyTest, ANumberThatTheTypeCannotHoldIsRefused) {
  GgufCopy writer(path_, *source_, type_for_trained);
  const TensorView& vector = *source_->find("output_norm.weight");
  std::vector<float> norm(static_cast<std::size_t>(vector.element_count()), 1.0f);
  norm.back() = kNan;
  EXPECT_THROW(writer.write(vector.name, norm), Error);
  const TensorView& matrix = *source_->find("blk.0.attn_q.weight");
  std::vector<float> weights = dequantize(matrix);
  weights.front() = 9e6f;
  try {
    writer.write(matrix.name, weights);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(error.message().find(matrix.name), std::string::npos);
  }
  EXPECT_FALSE(exists(path_));
}

TEST_F(GgufCopyTest, TheFileTypeIsThatOfMostWeights) {
  for (const auto& [type, number] : {std::pair{DataType::kQ8_0, 7}, {DataType::kQ4_1, 3}}) {
    GgufCopy writer(path_, *source_, [type = type](const TensorView& tensor) {
      return tensor.shape.size() == 2 && tensor_size_bytes(type, tensor.shape) ? type
                                                                               : DataType::kF32;
    });
    writer.finish();
    const auto copy = open_gguf(path_);
    EXPECT_EQ(copy->integer("general.file_type"), number);
    DecoderWeights::open(path_);
  }
}

TEST(GgufCopyAlignmentTest, IsNotThatOfTheSource) {
  const testing::TemporaryFolder folder;
  testing::GgufBuilder builder;
  builder.alignment = 1u << 20;
  builder.add("general.alignment", testing::kGgufU32, testing::bytes_of(1u << 20));
  builder.add_tensor("a", testing::kGgmlF32, {32}, std::string(128, '\0'));
  write_file_atomic(folder.path() / "source.gguf", builder.build());
  const auto source = open_gguf(folder.path() / "source.gguf");
  const auto path = folder.path() / "copy.gguf";
  GgufCopy(path, *source, [](const TensorView& tensor) { return tensor.type; }).finish();
  EXPECT_LT(std::filesystem::file_size(path), 1024u);
  EXPECT_EQ(open_gguf(path)->tensors().size(), 1u);
}

}  // namespace
}  // namespace tandem
