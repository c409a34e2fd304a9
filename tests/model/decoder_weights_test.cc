#include "model/decoder_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "tests/support/decoder_gguf.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using nlohmann::json;
using testing::error_of;
using ::testing::HasSubstr;

std::filesystem::path family(const std::string& name) {
  return testing::source_folder() / "tests/model/references/families" / name;
}

// A copy of a family's folder, to be damaged.
class FolderCopy {
 public:
  explicit FolderCopy(const std::string& name) {
    std::filesystem::copy(family(name), path(), std::filesystem::copy_options::recursive);
  }

  std::filesystem::path path() const { return folder_.path() / "model"; }

  void change_json(const char* file, const json::json_pointer& where, const json& value) const {
    json content = json::parse(read_file(path() / file));
    content[where] = value;
    write_file_atomic(path() / file, content.dump());
  }
  // Adds tensors to model.safetensors, or renames them where `from` is not empty.
  void rename_tensor(std::string_view from, std::string_view to) const {
    std::string bytes = read_file(path() / "model.safetensors");
    const auto at = bytes.find("\"" + std::string(from) + "\"");
    ASSERT_NE(at, std::string::npos);
    ASSERT_EQ(from.size(), to.size()) << "the header may not grow";
    bytes.replace(at + 1, from.size(), to);
    write_file_atomic(path() / "model.safetensors", bytes);
  }

  std::optional<Error> error() const {
    return error_of([&] { (void)DecoderWeights::open(path()); });
  }

 private:
  testing::TemporaryFolder folder_;
};

TEST(DecoderWeightsTest, GivesTheSameNamesAndShapesForFolderAndGguf) {
  for (const char* name : {"llama", "mistral", "qwen2", "qwen3", "gemma3"}) {
    SCOPED_TRACE(name);
    const auto folder = DecoderWeights::open(family(name));
    const testing::TemporaryFolder temporary;
    write_file_atomic(temporary.path() / "m.gguf", testing::DecoderGguf(family(name)).build());
    const auto gguf = DecoderWeights::open(temporary.path() / "m.gguf");
    ASSERT_EQ(folder.tensors().size(), gguf.tensors().size());
    for (std::size_t i = 0; i < gguf.tensors().size(); ++i) {
      EXPECT_EQ(folder.tensors()[i].name, gguf.tensors()[i].name);
      EXPECT_EQ(folder.tensors()[i].shape, gguf.tensors()[i].shape);
    }
    EXPECT_EQ(folder.config().tied_output, folder.find("output.weight") == nullptr);
    EXPECT_EQ(folder.config().architecture, gguf.config().architecture);
  }
}

TEST(DecoderWeightsTest, FindsTensorsByTheNamesOfGguf) {
  const auto weights = DecoderWeights::open(family("gemma3"));
  const std::array<std::int64_t, 1> hidden = {32};
  // What Gemma calls post_attention_layernorm stands where that name says; elsewhere it does not.
  EXPECT_NE(weights.require("blk.6.post_attention_norm.weight", hidden).data.data(),
            weights.require("blk.6.ffn_norm.weight", hidden).data.data());
  EXPECT_EQ(weights.find("blk.7.ffn_norm.weight"), nullptr);
  EXPECT_EQ(weights.find("model.norm.weight"), nullptr);
}

TEST(DecoderWeightsTest, NamesTheTensorThatIsMissingUnknownOrMisshapen) {
  FolderCopy missing("qwen2");
  missing.rename_tensor("model.layers.1.self_attn.q_proj.bias",
                        "model.layers.1.self_attn.q_proj.tail");
  EXPECT_EQ(missing.error()->code(), ErrorCode::kCorrupt);
  EXPECT_THAT(missing.error()->message(), HasSubstr("model.layers.1.self_attn.q_proj.bias"));

  FolderCopy fewer("gemma3");  // more layers in the file than in the configuration
  fewer.change_json("config.json", "/num_hidden_layers"_json_pointer, 6);
  fewer.change_json("config.json", "/layer_types"_json_pointer, nullptr);
  EXPECT_EQ(fewer.error()->code(), ErrorCode::kUnsupported);
  EXPECT_THAT(fewer.error()->message(), HasSubstr("model.layers.6."));

  FolderCopy other("llama");
  other.change_json("config.json", "/intermediate_size"_json_pointer, 41);
  EXPECT_EQ(other.error()->code(), ErrorCode::kCorrupt);
  EXPECT_THAT(other.error()->message(), HasSubstr("[40, 32], expected [41, 32]"));

  FolderCopy tied("llama");  // the file has an output layer that the configuration denies
  tied.change_json("config.json", "/tie_word_embeddings"_json_pointer, true);
  EXPECT_EQ(tied.error()->code(), ErrorCode::kCorrupt);
  EXPECT_THAT(tied.error()->message(), HasSubstr("lm_head.weight"));

  FolderCopy untied("qwen3");
  untied.change_json("config.json", "/tie_word_embeddings"_json_pointer, false);
  EXPECT_EQ(untied.error()->code(), ErrorCode::kCorrupt);
  EXPECT_THAT(untied.error()->message(), HasSubstr("lm_head.weight"));

  FolderCopy none("llama");
  std::filesystem::remove(none.path() / "model.safetensors");
  EXPECT_EQ(none.error()->code(), ErrorCode::kNotFound);
}

TEST(DecoderWeightsTest, RefusesAnIndexThatCannotBeTrue) {
  constexpr const char* kIndex = "model.safetensors.index.json";
  const auto map = "/weight_map"_json_pointer;
  const auto head = "/weight_map/lm_head.weight"_json_pointer;
  struct Case {
    json::json_pointer where;
    json value;
    ErrorCode code;
  };
  const std::vector<Case> cases = {
      {map, nullptr, ErrorCode::kCorrupt},
      {map, json::object(), ErrorCode::kCorrupt},
      {map, {"model-00001-of-00004.safetensors"}, ErrorCode::kCorrupt},
      {map, {{"lm_head.weight", "model-00004-of-00004.safetensors"}}, ErrorCode::kCorrupt},
      {head, 7, ErrorCode::kCorrupt},
      {head, "../model-00004-of-00004.safetensors", ErrorCode::kCorrupt},
      {head, "/etc/passwd", ErrorCode::kCorrupt},
      {head, "model-00005-of-00004.safetensors", ErrorCode::kNotFound},
  };
  for (const auto& [where, value, code] : cases) {
    SCOPED_TRACE(value.dump());
    FolderCopy copy("mistral");
    copy.change_json(kIndex, where, value);
    ASSERT_TRUE(copy.error().has_value());
    EXPECT_EQ(copy.error()->code(), code) << copy.error()->what();
  }
  FolderCopy twice("mistral");
  std::filesystem::copy(twice.path() / "model-00004-of-00004.safetensors",
                        twice.path() / "again.safetensors");
  twice.change_json(kIndex, "/weight_map/again"_json_pointer, "again.safetensors");
  EXPECT_EQ(twice.error()->code(), ErrorCode::kCorrupt);
  EXPECT_THAT(twice.error()->message(), HasSubstr("in another file"));
}

}  // namespace
}  // namespace tandem
