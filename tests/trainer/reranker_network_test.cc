// Losses and gradients against PyTorch (tests/model/references/make_cross_encoders.py).
#include "trainer/reranker_network.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "model/cross_encoder.h"
#include "tests/support/errors.h"
#include "tests/support/json_lines.h"
#include "tests/support/reranker_folder.h"
#include "trainer/cross_encoder_folder.h"
#include "trainer/save_networks.h"

namespace tandem {
namespace {

using nlohmann::json;

std::vector<RankedPairs> reference_batch(const json& step) {
  std::vector<TextPair> pairs;
  for (const json& line : testing::read_reference(testing::reranker_folder() / "logits.jsonl"))
    pairs.push_back({line["tokens"], line["first_length"]});
  std::vector<RankedPairs> batch;
  for (const json& question : step["questions"]) {
    RankedPairs& ranked = batch.emplace_back();
    for (const json& i : question) ranked.push_back(pairs.at(i.get<std::size_t>()));
  }
  return batch;
}

class RerankerNetworkTest : public ::testing::Test {
 protected:
  std::unique_ptr<RerankerNetwork> load() const {
    return RerankerNetwork::load(BertCheckpoint::open(testing::reranker_folder()), options_);
  }
  static std::map<std::string, std::vector<float>> weights_of(const RerankerNetwork& network) {
    std::map<std::string, std::vector<float>> weights;
    network.visit(
        [&](std::string_view name, std::span<const std::int64_t>, std::span<const float> values) {
          weights[std::string(name)].assign(values.begin(), values.end());
        });
    return weights;
  }

  RerankerOptions options_{.precision = TrainingPrecision::kFloat};
  json step_ = json::parse(read_file(testing::reranker_folder() / "step.json"));
  std::vector<RankedPairs> batch_ = reference_batch(step_);
};

TEST_F(RerankerNetworkTest, LossAndGradientAreThoseOfTheReference) {
  for (const int tokens : {1, 4096}) {  // each question by itself, or together
    options_.tokens = tokens;
    const RerankerStep step = load()->step(batch_, 0);
    EXPECT_NEAR(step.loss, step_["loss"].get<double>(), 1e-4) << tokens;
    EXPECT_NEAR(step.gradient, step_["gradient"].get<double>(),
                1e-4 * step_["gradient"].get<double>())
        << tokens;
    EXPECT_TRUE(step.finite);
  }
}

TEST_F(RerankerNetworkTest, LearnsWhichPairIsRight) {
  const auto network = load();
  RerankerStep step;
  for (int i = 0; i < 30; ++i) step = network->step(batch_, 3e-3);
  EXPECT_LT(step.loss, 0.1);
  EXPECT_EQ(step.right, 1);

  // What is saved scores so too.
  const testing::TemporaryFolder folder;
  save_folder([&](const WeightVisitor& visit) { network->visit(visit); },
              testing::reranker_folder(), folder.path() / "saved");
  const auto saved = CrossEncoder::load(folder.path() / "saved", BertExecutor::kTorch);
  for (const RankedPairs& question : batch_) {
    const auto logits = saved->score(question);
    EXPECT_GT(logits[0], logits[1]);
    EXPECT_GT(logits[0], logits[2]);
  }
}

TEST_F(RerankerNetworkTest, EveryWeightOfTheFileLearns) {
  const auto network = load();
  const auto before = weights_of(*network);
  const auto file = open_safetensors(testing::reranker_folder() / "model.safetensors");
  EXPECT_EQ(before.size(), file->tensors().size());
  network->step(batch_, 1e-3);
  for (const auto& [name, values] : weights_of(*network)) {
    ASSERT_NE(file->find(name), nullptr) << name;
    // A constant added to all logits changes no softmax, nor one added to all keys.
    if (name == "classifier.bias" || name.ends_with("key.bias")) continue;
    EXPECT_NE(values, before.at(name)) << name;
  }
}

TEST_F(RerankerNetworkTest, AStateThatWasSavedGoesOnToTheSameNumbers) {
  const testing::TemporaryFolder folder;
  const auto whole = load();
  whole->step(batch_, 1e-3);
  whole->save_state(folder.path() / "state.safetensors");
  whole->step(batch_, 1e-3);
  const auto resumed = load();
  resumed->load_state(folder.path() / "state.safetensors");
  resumed->step(batch_, 1e-3);
  EXPECT_EQ(weights_of(*whole), weights_of(*resumed));
}

TEST_F(RerankerNetworkTest, OptionsOutOfRangeAreRefused) {
  options_.tokens = 0;
  EXPECT_EQ(testing::error_code_of([&] { load(); }), ErrorCode::kInvalidArgument);
  options_ = {.weight_decay = -1};
  EXPECT_EQ(testing::error_code_of([&] { load(); }), ErrorCode::kInvalidArgument);
}

// A cross-encoder of each family's encoder, which has no head: its encoder is as it was.
TEST(CrossEncoderFolderTest, AnEncoderGetsAHead) {
  for (const std::string name : {"bert", "xlm_roberta"}) {
    const auto from = testing::source_folder() / "tests/model/references/encoders" / name;
    const testing::TemporaryFolder folder;
    const auto to = folder.path() / "made";
    make_cross_encoder(from, to, 32, 1);
    EXPECT_NO_THROW((void)CrossEncoder::load(to, BertExecutor::kTorch)) << name;
    const json config = json::parse(read_file(to / "config.json"));
    EXPECT_EQ(config["architectures"][0], name == "bert" ? "BertForSequenceClassification"
                                                         : "XLMRobertaForSequenceClassification");
    EXPECT_EQ(config["id2label"].size(), 1u);
    EXPECT_EQ(json::parse(read_file(to / "tokenizer_config.json"))["model_max_length"], 32);

    const std::vector<std::vector<TokenId>> sequence = {{5, 6, 7, 8}};
    std::vector<float> before(64);
    std::vector<float> after(64);
    BertModel::load(from, BertExecutor::kTorch)->pooled_states(sequence, Pooling::kCls, before);
    BertModel::load(to, BertExecutor::kTorch)->pooled_states(sequence, Pooling::kCls, after);
    EXPECT_EQ(before, after) << name;

    const std::string weights = read_file(to / "model.safetensors");
    make_cross_encoder(from, to, 32, 1);
    EXPECT_EQ(read_file(to / "model.safetensors"), weights) << name;
    make_cross_encoder(from, to, 32, 2);
    EXPECT_NE(read_file(to / "model.safetensors"), weights) << name;
  }
}

}  // namespace
}  // namespace tandem
