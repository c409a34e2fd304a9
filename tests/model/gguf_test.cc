#include "model/gguf.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "tests/support/allocation_watch.h"
#include "tests/support/errors.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/json_lines.h"
#include "tests/support/mutants.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using testing::bytes_of;
using testing::error_code_of;
using testing::error_of;
using testing::gguf_string;
using testing::GgufBuilder;
using Texts = std::vector<std::string_view>;

class GgufTest : public ::testing::Test {
 protected:
  std::unique_ptr<GgufFile> open(const std::string& bytes) {
    const auto path = folder_.path() / "model.gguf";
    write_file_atomic(path, bytes);
    return open_gguf(path);
  }
  std::unique_ptr<GgufFile> open(const GgufBuilder& builder) { return open(builder.build()); }

  // For files that must be refused.
  std::optional<Error> error(const std::string& bytes) {
    return error_of([&] { open(bytes); });
  }
  std::optional<ErrorCode> code(const GgufBuilder& builder) {
    return error_code_of([&] { open(builder); });
  }

  testing::TemporaryFolder folder_;
};

GgufBuilder sample() {
  GgufBuilder builder;
  builder.add("general.architecture", testing::kGgufString, gguf_string("llama"))
      .add("llama.block_count", testing::kGgufU32, bytes_of<std::uint32_t>(30))
      .add("llama.rope.freq_base", testing::kGgufF32, bytes_of(100000.0f))
      .add("small", testing::kGgufI16, bytes_of<std::int16_t>(-7))
      .add("large", testing::kGgufU64, bytes_of<std::uint64_t>(UINT64_MAX))
      .add("double", testing::kGgufF64, bytes_of(0.5))
      .add("yes", testing::kGgufBool, "\x01")
      .add_array("tokens", testing::kGgufString, 3,
                 gguf_string("a") + gguf_string("") + gguf_string("\xff"))
      .add_array("types", testing::kGgufI32, 2,
                 bytes_of<std::int32_t>(1) + bytes_of<std::int32_t>(-1))
      .add_array("scores", testing::kGgufF32, 2, bytes_of(0.25f) + bytes_of(-1.0f))
      .add_array("nested", testing::kGgufArray, 1,
                 bytes_of<std::uint32_t>(testing::kGgufU8) + bytes_of<std::uint64_t>(2) + "ab")
      .add_tensor("matrix", testing::kGgmlF32, {2, 3},
                  bytes_of(0.f) + bytes_of(1.f) + bytes_of(2.f) + bytes_of(3.f) + bytes_of(4.f) +
                      bytes_of(5.f))
      .add_tensor("blocks", testing::kGgmlQ4_0, {32, 2}, std::string(36, '\x3c'))
      .add_tensor("counts", testing::kGgmlI32, {1}, bytes_of<std::int32_t>(5));
  return builder;
}

// Asks a file for everything that it has.
void read_everything(const GgufFile& file) {
  for (const TensorView& tensor : file.tensors()) {
    ASSERT_EQ(file.find(tensor.name), &tensor);
    if (tensor.type == DataType::kI32 || tensor.type == DataType::kI64) continue;
    dequantize(tensor);
  }
  for (const char* key :
       {"general.architecture", "llama.block_count", "llama.rope.freq_base", "small", "large",
        "double", "yes", "tokens", "types", "scores", "nested", "general.alignment"}) {
    error_of([&] { file.integer(key); });
    error_of([&] { file.number(key); });
    error_of([&] { file.boolean(key); });
    error_of([&] { file.text(key); });
    error_of([&] { file.texts(key); });
    error_of([&] { file.integers(key); });
    error_of([&] { file.floats(key); });
  }
}

TEST_F(GgufTest, MetadataIsReadByType) {
  const auto file = open(sample());
  EXPECT_EQ(file->text("general.architecture"), "llama");
  EXPECT_EQ(file->integer("llama.block_count"), 30);
  EXPECT_EQ(file->number("llama.block_count"), 30.0);
  EXPECT_EQ(file->number("llama.rope.freq_base"), 100000.0);
  EXPECT_EQ(file->number("double"), 0.5);
  EXPECT_EQ(file->integer("small"), -7);
  EXPECT_EQ(file->boolean("yes"), true);
  EXPECT_EQ(file->texts("tokens"), Texts({"a", "", "\xff"}));
  EXPECT_EQ(file->integers("types"), std::vector<std::int64_t>({1, -1}));
  EXPECT_EQ(file->floats("scores"), std::vector<float>({0.25f, -1.0f}));
}

TEST_F(GgufTest, AbsentKeysAreNull) {
  const auto file = open(sample());
  EXPECT_EQ(file->text("absent"), std::nullopt);
  EXPECT_EQ(file->integer("absent"), std::nullopt);
  EXPECT_EQ(file->texts("absent"), std::nullopt);
}

TEST_F(GgufTest, KeysOfAnotherTypeAreRefused) {
  const auto file = open(sample());
  EXPECT_EQ(error_code_of([&] { file->integer("general.architecture"); }), ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([&] { file->integer("yes"); }), ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([&] { file->integer("large"); }), ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([&] { file->text("small"); }), ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([&] { file->texts("types"); }), ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([&] { file->floats("tokens"); }), ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([&] { file->integers("nested"); }), ErrorCode::kCorrupt);
}

TEST_F(GgufTest, TensorsHaveTheirShapeTurnedRound) {
  const auto file = open(sample());
  ASSERT_EQ(file->tensors().size(), 3u);
  const std::vector<std::int64_t> shape = {3, 2};
  const TensorView& matrix = file->require("matrix", shape);
  std::vector<float> values(6);
  dequantize(matrix, values);
  EXPECT_EQ(values, std::vector<float>({0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(file->find("absent"), nullptr);
}

TEST_F(GgufTest, RequireNamesTensorAndShapes) {
  const auto file = open(sample());
  const std::vector<std::int64_t> shape = {2, 3};
  const auto misshapen = error_of([&] { file->require("matrix", shape); });
  ASSERT_TRUE(misshapen);
  EXPECT_EQ(misshapen->code(), ErrorCode::kCorrupt);
  EXPECT_NE(misshapen->message().find("matrix"), std::string::npos);
  EXPECT_NE(misshapen->message().find("[3, 2], expected [2, 3]"), std::string::npos);
  EXPECT_EQ(error_code_of([&] { file->require("absent", shape); }), ErrorCode::kCorrupt);
}

TEST_F(GgufTest, VersionTwoAndOtherAlignmentsAreRead) {
  GgufBuilder builder;
  builder.version = 2;
  builder.alignment = 8;
  builder.add("general.alignment", testing::kGgufU32, bytes_of<std::uint32_t>(8))
      .add_tensor("a", testing::kGgmlF32, {1}, bytes_of(1.0f))
      .add_tensor("b", testing::kGgmlF32, {1}, bytes_of(2.0f));
  const auto file = open(builder);
  std::vector<float> value(1);
  dequantize(*file->find("b"), value);
  EXPECT_EQ(value[0], 2.0f);
}

TEST_F(GgufTest, FileWithoutTensorsIsReadWithoutPadding) {
  GgufBuilder builder;
  builder.add("yes", testing::kGgufBool, "\x01");
  std::string bytes = builder.build();
  bytes.resize(24 + 8 + 3 + 4 + 1);
  EXPECT_EQ(open(bytes)->boolean("yes"), true);
}

TEST_F(GgufTest, OtherVersionsAndByteOrdersAreUnsupported) {
  GgufBuilder builder = sample();
  for (const std::uint32_t version : {0u, 1u, 4u, 0x03000000u}) {
    builder.version = version;
    EXPECT_EQ(code(builder), ErrorCode::kUnsupported) << version;
  }
}

TEST_F(GgufTest, UnsupportedTensorTypeIsNamed) {
  GgufBuilder builder;
  builder.add_tensor("w", testing::kGgmlQ5_K, {256}, std::string(176, '\0'));
  const auto refused = error(builder.build());
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), ErrorCode::kUnsupported);
  EXPECT_NE(refused->message().find("Q5_K"), std::string::npos);
  for (const std::uint32_t type : {4u, 31u, 39u, 0xFFFFFFFFu}) {
    EXPECT_EQ(code(GgufBuilder().add_tensor("w", type, {256}, std::string(256, '\0'))),
              ErrorCode::kUnsupported);
  }
}

TEST_F(GgufTest, BrokenPromisesAreCorrupt) {
  const std::string data(64, '\0');
  const auto f32 = testing::kGgmlF32;
  EXPECT_EQ(error_code_of([&] { open(std::string()); }), ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([&] { open(std::string("GGML and more bytes")); }), ErrorCode::kCorrupt);
  EXPECT_EQ(code(GgufBuilder().add_tensor("a", f32, {17}, data)), ErrorCode::kCorrupt);
  EXPECT_EQ(code(GgufBuilder().add_tensor_at("a", f32, {16}, data, 32)), ErrorCode::kCorrupt);
  EXPECT_EQ(code(GgufBuilder().add_tensor_at("a", f32, {1}, data, 4)), ErrorCode::kCorrupt);
  EXPECT_EQ(code(GgufBuilder().add_tensor_at("a", f32, {1}, data, UINT64_MAX - 31)),
            ErrorCode::kCorrupt);
  EXPECT_EQ(code(GgufBuilder().add_tensor("a", f32, {UINT64_MAX}, data)), ErrorCode::kCorrupt);
  EXPECT_EQ(code(GgufBuilder().add_tensor("a", f32, {1ull << 32, 1ull << 32}, data)),
            ErrorCode::kCorrupt);
  EXPECT_EQ(code(GgufBuilder().add_tensor("a", f32, {1, 1, 1, 1, 1}, data)), ErrorCode::kCorrupt);
  EXPECT_EQ(code(GgufBuilder().add_tensor("a", testing::kGgmlQ4_0, {16, 2}, data)),
            ErrorCode::kCorrupt);
  EXPECT_EQ(code(GgufBuilder().add_tensor("a", f32, {1}, data).add_tensor("a", f32, {1}, data)),
            ErrorCode::kCorrupt);
  EXPECT_EQ(
      code(GgufBuilder().add_tensor("a", f32, {16}, data).add_tensor_at("b", f32, {1}, data, 32)),
      ErrorCode::kCorrupt);
  EXPECT_EQ(
      code(GgufBuilder().add("k", testing::kGgufBool, "\x01").add("k", testing::kGgufBool, "\x01")),
      ErrorCode::kCorrupt);
  EXPECT_EQ(code(GgufBuilder().add("k", 13, "\x01")), ErrorCode::kCorrupt);
  for (const std::uint32_t alignment : {0u, 3u, 33u}) {
    EXPECT_EQ(code(GgufBuilder()
                       .add("general.alignment", testing::kGgufU32, bytes_of(alignment))
                       .add_tensor("a", f32, {1}, data)),
              ErrorCode::kCorrupt)
        << alignment;
  }
}

TEST_F(GgufTest, CountsBeyondTheFileAreRefusedWithoutAllocating) {
  for (const std::uint64_t count : {1ull << 20, 1ull << 40, 1ull << 61, ~0ull}) {
    GgufBuilder tensors = sample();
    tensors.tensor_count = count;
    GgufBuilder metadata = sample();
    metadata.metadata_count = count;
    GgufBuilder texts;
    texts.add_array("tokens", testing::kGgufString, count, gguf_string("a"));
    GgufBuilder numbers;
    numbers.add_array("scores", testing::kGgufF64, count, bytes_of(1.0));
    for (const GgufBuilder& builder : {tensors, metadata, texts, numbers}) {
      const std::string bytes = builder.build();
      testing::reset_largest_allocation();
      EXPECT_EQ(error_code_of([&] { open(bytes); }), ErrorCode::kCorrupt);
      EXPECT_LT(testing::largest_allocation_bytes(), 100'000u);
    }
  }
}

TEST_F(GgufTest, DeeplyNestedArraysAreRefused) {
  std::string value;
  for (int depth = 0; depth < 100'000; ++depth) {
    value += bytes_of<std::uint32_t>(testing::kGgufArray) + bytes_of<std::uint64_t>(1);
  }
  GgufBuilder builder;
  builder.add("deep", testing::kGgufArray, value);
  EXPECT_EQ(code(builder), ErrorCode::kCorrupt);
}

TEST_F(GgufTest, NamesInMessagesAreShortAndValidText) {
  GgufBuilder builder;
  builder.add_tensor("\xff" + std::string(100'000, 'n'), testing::kGgmlF32, {9}, "");
  const auto refused = error(builder.build());
  ASSERT_TRUE(refused);
  EXPECT_LT(refused->message().size(), 400u);
  EXPECT_TRUE(is_valid_utf8(refused->message()));
}

TEST_F(GgufTest, MutantsAreReadOrRefused) {
  const std::string valid = sample().build();
  testing::MemoryFile mutant;
  int opened = 0;
  int refused = 0;
  constexpr std::uint64_t kSeed = 71;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  testing::reset_largest_allocation();
  testing::for_each_mutant(valid, kSeed, 8000, [&](const std::string& bytes) {
    mutant.write(bytes);
    try {
      const auto file = open_gguf(mutant.path());
      read_everything(*file);
      ++opened;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported)
          << error.what();
      ++refused;
    }
  });
  EXPECT_LT(testing::largest_allocation_bytes(), 100'000u);
  EXPECT_GT(opened, 1000);
  EXPECT_GT(refused, 1000);
}

TEST(GgufModelTest, TensorsMatchGgufPackage) {
  const auto path = testing::generator_file();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent; run scripts/models";
  const auto file = open_gguf(path);
  const auto references = testing::read_reference(testing::source_folder() /
                                                  "tests/model/references/smollm2_tensors.jsonl");
  ASSERT_EQ(file->tensors().size(), references.size());
  for (const auto& reference : references) {
    const TensorView* tensor = file->find(reference["name"].get<std::string>());
    ASSERT_NE(tensor, nullptr) << reference;
    EXPECT_EQ(to_string(tensor->type), reference["type"].get<std::string>()) << reference;
    EXPECT_EQ(tensor->shape, reference["shape"].get<std::vector<std::int64_t>>()) << reference;
    const std::vector<float> values = dequantize(*tensor);
    EXPECT_EQ(sha256_hex({reinterpret_cast<const char*>(values.data()), values.size() * 4}),
              reference["sha256"].get<std::string>())
        << reference;
  }
}

TEST(GgufModelTest, OpensInUnderATenthOfASecond) {
  const auto path = testing::generator_file();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent; run scripts/models";
  open_gguf(path);  // brings the header into the page cache
  const auto start = std::chrono::steady_clock::now();
  const auto file = open_gguf(path);
  EXPECT_EQ(file->texts("tokenizer.ggml.tokens")->size(), 49152u);
  EXPECT_GT(file->texts("tokenizer.ggml.merges")->size(), 40'000u);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  RecordProperty("milliseconds", std::to_string(seconds.count() * 1000));
  EXPECT_LT(seconds.count(), 0.1);
}

TEST(GgufModelTest, FileCutInHalfIsRefusedWithAdvice) {
  const auto path = testing::generator_file();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent; run scripts/models";
  testing::TemporaryFolder folder;
  const auto half = folder.path() / "half.gguf";
  std::filesystem::copy_file(path, half);
  std::filesystem::resize_file(half, std::filesystem::file_size(half) / 2);
  const auto refused = error_of([&] { open_gguf(half); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), ErrorCode::kCorrupt);
  EXPECT_NE(refused->message().find("half.gguf"), std::string::npos);
  EXPECT_EQ(refused->advice(), "fetch the model again");
}

}  // namespace
}  // namespace tandem
