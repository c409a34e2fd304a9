#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "model/weights.h"
#include "tests/support/allocation_watch.h"
#include "tests/support/errors.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/json_lines.h"
#include "tests/support/mutants.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using testing::bytes_of;
using testing::error_of;

class SafetensorsTest : public ::testing::Test {
 protected:
  std::unique_ptr<WeightFile> open(const std::string& bytes) {
    const auto path = folder_.path() / "model.safetensors";
    write_file_atomic(path, bytes);
    return open_safetensors(path);
  }
  std::unique_ptr<WeightFile> open(const std::string& header, std::size_t data_bytes) {
    return open(bytes_of<std::uint64_t>(header.size()) + header + std::string(data_bytes, '\0'));
  }
  std::optional<ErrorCode> code(const std::string& header, std::size_t data_bytes) {
    return testing::error_code_of([&] { open(header, data_bytes); });
  }

  testing::TemporaryFolder folder_;
};

std::string sample() {
  const std::string header = R"({"__metadata__":{"format":"pt"},)"
                             R"("matrix":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                             R"("scalar":{"dtype":"BF16","shape":[],"data_offsets":[32,34]},)"
                             R"("ids":{"shape":[1],"data_offsets":[24,32],"dtype":"I64"},)"
                             R"("empty":{"dtype":"F16","shape":[0,4],"data_offsets":[34,34]}}   )";
  std::string data;
  for (int i = 0; i < 6; ++i) data += bytes_of(static_cast<float>(i));
  data += bytes_of<std::int64_t>(-5) + std::string("\x80\x3f", 2);
  return bytes_of<std::uint64_t>(header.size()) + header + data;
}

TEST_F(SafetensorsTest, TensorsAreRead) {
  const auto file = open(sample());
  ASSERT_EQ(file->tensors().size(), 4u);
  const std::vector<std::int64_t> shape = {2, 3};
  std::vector<float> values(6);
  dequantize(file->require("matrix", shape), values);
  EXPECT_EQ(values, std::vector<float>({0, 1, 2, 3, 4, 5}));
  std::vector<float> scalar(1);
  dequantize(file->require("scalar", {}), scalar);
  EXPECT_EQ(scalar[0], 1.0f);
  EXPECT_EQ(file->find("ids")->type, DataType::kI64);
  EXPECT_EQ(file->find("empty")->element_count(), 0);
  EXPECT_EQ(file->find("__metadata__"), nullptr);
}

TEST_F(SafetensorsTest, UnknownDataTypeIsNamed) {
  const auto refused =
      error_of([&] { open(R"({"w":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", 4); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), ErrorCode::kUnsupported);
  EXPECT_NE(refused->message().find("F8_E4M3"), std::string::npos);
}

TEST_F(SafetensorsTest, BrokenPromisesAreCorrupt) {
  const auto tensor = [](const std::string& shape, const std::string& offsets) {
    return R"({"w":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  ASSERT_EQ(code(tensor("[2]", "[0,8]"), 8), std::nullopt);
  const struct {
    std::string header;
    std::size_t data_bytes;
  } cases[] = {
      {"", 0},
      {"[]", 0},
      {"{", 0},
      {"{}", 8},                      // bytes that belong to no tensor
      {tensor("[2]", "[0,8]"), 7},    // truncated
      {tensor("[2]", "[0,8]"), 9},    // longer than stated
      {tensor("[3]", "[0,8]"), 8},    // shape and size differ
      {tensor("[2]", "[4,12]"), 12},  // gap
      {tensor("[2]", "[8,0]"), 8},    // reversed
      {tensor("[-2]", "[0,8]"), 8},
      {tensor("[2.0]", "[0,8]"), 8},
      {tensor("[[2]]", "[0,8]"), 8},
      {tensor("2", "[0,8]"), 8},
      {tensor("[2]", "[0]"), 8},
      {tensor("[2]", "[0,8,8]"), 8},
      {tensor("[2]", "{}"), 8},
      {tensor("[4294967296,4294967296]", "[0,0]"), 0},
      {tensor("[4611686018427387904]", "[0,0]"), 0},
      {tensor("[18446744073709551615]", "[0,8]"), 8},
      {tensor("[2]", "[18446744073709551608,18446744073709551615]"), 8},
      {R"({"w":{"dtype":"F32","shape":[2]}})", 8},
      {R"({"w":{"shape":[2],"data_offsets":[0,8]}})", 8},
      {R"({"w":{"dtype":"F32","data_offsets":[0,4]}})", 4},
      {R"({"w":{"dtype":"F32","shape":[],"shape":[],"data_offsets":[0,4]}})", 4},
      {R"({"w":7})", 0},
      {R"({"w":null})", 0},
      {R"({"__metadata__":{"a":{}}})", 0},
      {R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
       R"("v":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       4},
      {R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
       R"("w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8},
  };
  for (const auto& broken : cases) {
    EXPECT_EQ(code(broken.header, broken.data_bytes), ErrorCode::kCorrupt) << broken.header;
  }
  EXPECT_EQ(testing::error_code_of([&] { open(std::string("\x01\0\0", 3)); }), ErrorCode::kCorrupt);
}

TEST_F(SafetensorsTest, HeaderSizeIsNotBelieved) {
  for (const std::uint64_t size : {1ull << 20, 1ull << 40, ~0ull, ~0ull - 7}) {
    testing::reset_largest_allocation();
    EXPECT_EQ(testing::error_code_of([&] { open(bytes_of(size) + "{}"); }), ErrorCode::kCorrupt);
    EXPECT_LT(testing::largest_allocation_bytes(), 100'000u);
  }
}

TEST_F(SafetensorsTest, DeepNestingIsRefused) {
  EXPECT_EQ(code(std::string(1'000'000, '['), 0), ErrorCode::kCorrupt);
  std::string objects;
  for (int depth = 0; depth < 100'000; ++depth) objects += R"({"a":)";
  EXPECT_EQ(code(objects, 0), ErrorCode::kCorrupt);
}

TEST_F(SafetensorsTest, MutantsAreReadOrRefused) {
  testing::MemoryFile mutant;
  int opened = 0;
  int refused = 0;
  constexpr std::uint64_t kSeed = 72;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  testing::reset_largest_allocation();
  testing::for_each_mutant(sample(), kSeed, 8000, [&](const std::string& bytes) {
    mutant.write(bytes);
    try {
      const auto file = open_safetensors(mutant.path());
      for (const TensorView& tensor : file->tensors()) {
        if (tensor.type == DataType::kI32 || tensor.type == DataType::kI64) continue;
        dequantize(tensor);
      }
      ++opened;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported)
          << error.what();
      ++refused;
    }
  });
  EXPECT_LT(testing::largest_allocation_bytes(), 100'000u);
  EXPECT_GT(opened, 100);
  EXPECT_GT(refused, 1000);
}

TEST(SafetensorsModelTest, TensorsMatchSafetensorsPackage) {
  const auto path = testing::encoder_folder() / "model.safetensors";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent; run scripts/models";
  const auto file = open_safetensors(path);
  const auto references = testing::read_reference(testing::source_folder() /
                                                  "tests/model/references/minilm_tensors.jsonl");
  ASSERT_EQ(file->tensors().size(), references.size());
  for (const auto& reference : references) {
    const TensorView* tensor = file->find(reference["name"].get<std::string>());
    ASSERT_NE(tensor, nullptr) << reference;
    EXPECT_EQ(to_string(tensor->type), reference["type"].get<std::string>()) << reference;
    EXPECT_EQ(tensor->shape, reference["shape"].get<std::vector<std::int64_t>>()) << reference;
    EXPECT_EQ(sha256_hex({reinterpret_cast<const char*>(tensor->data.data()), tensor->data.size()}),
              reference["sha256"].get<std::string>())
        << reference;
  }
}

}  // namespace
}  // namespace tandem
