// Logits against `transformers` (references/make_cross_encoders.py), by both executors.
#include "model/cross_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "model/safetensors_writer.h"
#include "tests/support/errors.h"
#include "tests/support/json_lines.h"
#include "tests/support/paths.h"
#include "tests/support/tile_units.h"

namespace tandem {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::filesystem::path reference(const std::string& name) {
  return testing::source_folder() / "tests/model/references/cross_encoders" / name;
}

std::vector<json> lines_of(const std::string& name) {
  return testing::read_reference(reference(name) / "logits.jsonl");
}

// With kNone by LibTorch, else by tiles.
class CrossEncoderTest : public testing::TileUnitTest {
 protected:
  static bool by_tiles() { return GetParam() != kernels::TileUnit::kNone; }
  // Random weights even nothing out, so that bfloat16 costs more than it does in real models. A
  // token of the wrong type moves a logit by 1 and more.
  static float tolerance() { return by_tiles() ? 0.5f : 2e-5f; }

  static void expect_logits_of(const std::string& name) {
    const auto model = CrossEncoder::load(reference(name),
                                          by_tiles() ? BertExecutor::kTiles : BertExecutor::kTorch);
    std::vector<TextPair> pairs;
    std::vector<float> expected;
    for (const json& line : lines_of(name)) {
      pairs.push_back({line["tokens"], line["first_length"]});
      expected.push_back(line["logit"]);
    }
    ASSERT_FALSE(pairs.empty());
    const auto logits = model->score(pairs);
    for (std::size_t i = 0; i < pairs.size(); ++i)
      EXPECT_NEAR(logits[i], expected[i], tolerance()) << name << ", pair " << i;
  }
};

TEST_P(CrossEncoderTest, Bert) {
  expect_logits_of("bert");
}
TEST_P(CrossEncoderTest, XlmRoberta) {
  expect_logits_of("xlm_roberta");
}

TANDEM_FOR_EVERY_EXECUTOR(CrossEncoderTest);

TEST(CrossEncoderLoadTest, RefusesAnEncoderWithoutAHead) {
  const auto folder = testing::source_folder() / "tests/model/references/encoders/bert";
  const auto error = testing::error_of([&] { (void)CrossEncoder::load(folder); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error->message(), HasSubstr("classifier.weight"));
  EXPECT_THAT(error->advice(), HasSubstr("cross-encoder"));
}

// The tensors of the reference, but for `name`, which gets another shape.
std::optional<Error> error_with_shape(const std::string& name,
                                      const std::vector<std::int64_t>& shape) {
  const testing::TemporaryFolder folder;
  std::filesystem::copy_file(reference("bert") / "config.json", folder.path() / "config.json");
  const auto source = open_safetensors(reference("bert") / "model.safetensors");
  std::vector<TensorShape> shapes;
  for (const TensorView& tensor : source->tensors())
    shapes.push_back({tensor.name, tensor.name == name ? shape : tensor.shape});
  SafetensorsWriter writer(folder.path() / "model.safetensors", shapes);
  for (const TensorShape& tensor : shapes) {
    std::int64_t count = 1;
    for (const std::int64_t size : tensor.shape) count *= size;
    writer.write(tensor.name, std::vector<float>(static_cast<std::size_t>(count), 0.5f));
  }
  writer.finish();
  return testing::error_of([&] { (void)CrossEncoder::load(folder.path()); });
}

TEST(CrossEncoderLoadTest, RefusesHeadsOfOtherShapes) {
  EXPECT_FALSE(error_with_shape("", {}).has_value());
  const auto labels = error_with_shape("classifier.weight", {3, 64});
  ASSERT_TRUE(labels.has_value());
  EXPECT_EQ(labels->code(), ErrorCode::kUnsupported);
  EXPECT_THAT(labels->message(), HasSubstr("3 labels"));
  for (const auto& [name, shape] : std::vector<std::pair<std::string, std::vector<std::int64_t>>>{
           {"classifier.weight", {1, 63}},
           {"classifier.weight", {1}},
           {"classifier.bias", {2}},
           {"bert.pooler.dense.weight", {64, 32}},
           {"bert.pooler.dense.bias", {65}}}) {
    const auto error = error_with_shape(name, shape);
    ASSERT_TRUE(error.has_value()) << name;
    EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << error->what();
  }
}

TEST(PairLayoutTest, JoinsAndCutsTextsAsTransformersDoes) {
  const auto tokenizer = open_tokenizer(reference("bert"));
  const BertConfig config = BertCheckpoint::open(reference("bert")).config;
  const PairLayout layout(config, *tokenizer, 1000);
  EXPECT_EQ(layout.max_tokens(), 40u);
  for (const json& line : lines_of("bert")) {
    const TextPair pair = layout.join(tokenizer->encode(line["first"].get<std::string>()),
                                      tokenizer->encode(line["second"].get<std::string>()));
    EXPECT_EQ(pair.tokens, line["tokens"].get<std::vector<TokenId>>()) << line["first"];
    EXPECT_EQ(pair.first_length, line["first_length"].get<std::size_t>()) << line["first"];
  }
}

TEST(PairLayoutTest, RobertaHasTwoSeparators) {
  const auto tokenizer = open_tokenizer(reference("bert"));  // [CLS] is 2, [SEP] is 3
  BertConfig config;
  config.max_positions = 10;
  config.first_position = 2;
  const TextPair pair =
      PairLayout(config, *tokenizer, 10).join(std::vector<TokenId>{7}, std::vector<TokenId>(9, 8));
  EXPECT_EQ(pair.tokens, (std::vector<TokenId>{2, 7, 3, 3, 8, 8, 8, 8, 8, 3}));
  EXPECT_EQ(pair.first_length, 4u);
}

TEST(PairLayoutTest, RefusesSequencesWithoutRoomForText) {
  const auto tokenizer = open_tokenizer(reference("bert"));
  const BertConfig config = BertCheckpoint::open(reference("bert")).config;
  for (const std::size_t longest : {0, 1, 4}) {
    const auto error = testing::error_of([&] { PairLayout(config, *tokenizer, longest); });
    ASSERT_TRUE(error.has_value()) << longest;
    EXPECT_EQ(error->code(), ErrorCode::kUnsupported);
  }
  EXPECT_NO_THROW(PairLayout(config, *tokenizer, 5));
}

}  // namespace
}  // namespace tandem
