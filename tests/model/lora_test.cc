#include "model/lora.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "base/file.h"
#include "model/gguf_writer.h"
#include "model/safetensors_writer.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using testing::error_code_of;

// Two matrices; numbers that a half holds exactly.
const std::map<std::string, LowRankChange> kChanges = {
    {"layer.0.query.weight", {1, {1, 2, 3}, {0.5f, -1}}},
    {"layer.0.value.weight", {2, {1, 0, 0, 1}, {1, 2, 3, 4}}},
};

class LoraTest : public ::testing::Test {
 protected:
  std::filesystem::path path(const char* name) const { return folder_.path() / name; }

  std::unique_ptr<WeightFile> model(std::int64_t columns = 3) const {
    SafetensorsWriter writer(path("model"),
                             std::vector<TensorShape>{{"layer.0.query.weight", {2, columns}},
                                                      {"layer.0.value.weight", {2, 2}}});
    writer.write("layer.0.query.weight",
                 std::vector<float>(static_cast<std::size_t>(2 * columns), 10));
    writer.write("layer.0.value.weight", std::vector<float>{0, 0, 0, 0});
    writer.finish();
    return open_safetensors(path("model"));
  }

  testing::TemporaryFolder folder_;
};

TEST_F(LoraTest, BothKindsOfFilesAddScaledProducts) {
  write_lora_folder(path("folder"), 4, kChanges);
  write_lora_gguf(path("adapter.gguf"), "llama", 4, kChanges);
  const auto base = model();
  for (const char* const name : {"folder", "adapter.gguf"}) {
    SCOPED_TRACE(name);
    const LoraAdapter adapter = LoraAdapter::open(path(name));
    ASSERT_EQ(adapter.changes().size(), 2u);
    adapter.check(*base);
    // alpha / rank is 4 for the first and 2 for the second.
    EXPECT_EQ(adapter.changed(*base->find("layer.0.query.weight")),
              (std::vector<float>{12, 14, 16, 6, 2, -2}));
    EXPECT_EQ(adapter.changed(*base->find("layer.0.value.weight")),
              (std::vector<float>{2, 4, 6, 8}));
  }
}

TEST_F(LoraTest, AnotherModelIsRefused) {
  write_lora_folder(path("folder"), 1, kChanges);
  const LoraAdapter adapter = LoraAdapter::open(path("folder"));
  const auto wider = model(4);
  EXPECT_EQ(error_code_of([&] { adapter.changed(*wider->find("layer.0.query.weight")); }),
            ErrorCode::kInvalidArgument);
  auto changes = kChanges;
  changes["layer.1.query.weight"] = {1, {1}, {1}};
  const auto error = testing::error_of([&] { LoraAdapter("more", 1, changes).check(*wider); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(error->message().find("layer.1.query.weight"), std::string::npos);
}

TEST_F(LoraTest, VariantsThatWouldBeAnotherChangeAreRefused) {
  write_lora_folder(path("folder"), 1, kChanges);
  const auto config = path("folder") / "adapter_config.json";
  for (const char* const text :
       {R"({"peft_type": "LORA", "lora_alpha": 1, "use_dora": true})",
        R"({"peft_type": "LORA", "lora_alpha": 1, "use_rslora": true})",
        R"({"peft_type": "LORA", "lora_alpha": 1, "bias": "all"})",
        R"({"peft_type": "LORA", "lora_alpha": 1, "alpha_pattern": {"query": 2}})",
        R"({"peft_type": "LORA", "lora_alpha": 1, "modules_to_save": ["head"]})",
        R"({"peft_type": "IA3", "lora_alpha": 1})"}) {
    write_file_atomic(config, text);
    EXPECT_EQ(error_code_of([&] { LoraAdapter::open(path("folder")); }), ErrorCode::kUnsupported)
        << text;
  }
  for (const char* const text :
       {"", "[]", R"({"peft_type": "LORA"})", R"({"peft_type": "LORA", "lora_alpha": "8"})",
        R"({"peft_type": "LORA", "lora_alpha": 0})"}) {
    write_file_atomic(config, text);
    EXPECT_EQ(error_code_of([&] { LoraAdapter::open(path("folder")); }), ErrorCode::kCorrupt)
        << text;
  }
}

TEST_F(LoraTest, FactorsThatDoNotFitAreRefused) {
  const auto code = [&](const std::vector<GgufTensor>& tensors, float value = 1) {
    GgufMetadataWriter metadata;
    metadata.add_text("general.type", "adapter").add_text("adapter.type", "lora");
    metadata.add_fraction("adapter.lora.alpha", 1);
    GgufWriter writer(path("bad.gguf"), metadata, tensors);
    for (const GgufTensor& tensor : tensors) {
      std::int64_t count = 1;
      for (const std::int64_t size : tensor.shape) count *= size;
      const std::vector<float> values(static_cast<std::size_t>(count), value);
      writer.write_bytes(tensor.name, std::as_bytes(std::span(values)));
    }
    writer.finish();
    return error_code_of([&] { LoraAdapter::open(path("bad.gguf")); });
  };
  constexpr auto kF32 = DataType::kF32;
  EXPECT_EQ(code({{"q.lora_a", {1, 2}, kF32}, {"q.lora_b", {3, 1}, kF32}}), std::nullopt);
  EXPECT_EQ(code({{"q.lora_a", {1, 2}, kF32}}), ErrorCode::kCorrupt);
  EXPECT_EQ(code({{"q.lora_b", {3, 1}, kF32}}), ErrorCode::kCorrupt);
  EXPECT_EQ(code({{"q.lora_a", {1, 2}, kF32}, {"q.lora_b", {3, 2}, kF32}}), ErrorCode::kCorrupt);
  EXPECT_EQ(code({{"q.lora_a", {2}, kF32}, {"q.lora_b", {3, 1}, kF32}}), ErrorCode::kCorrupt);
  EXPECT_EQ(code({{"q.lora_a", {0, 2}, kF32}, {"q.lora_b", {3, 0}, kF32}}), ErrorCode::kCorrupt);
  EXPECT_EQ(code({}), ErrorCode::kCorrupt);
  EXPECT_EQ(code({{"q.weight", {3, 2}, kF32}}), ErrorCode::kUnsupported);
  EXPECT_EQ(code({{"q.lora_a", {1, 2}, kF32}, {"q.lora_b", {3, 1}, kF32}},
                 std::numeric_limits<float>::infinity()),
            ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([&] { LoraAdapter::open(path("absent.gguf")); }), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tandem
