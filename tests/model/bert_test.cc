// The numbers of a whole encoder are compared with sentence-transformers in
// tests/retriever/encoder_test.cc; here are the properties and the refusals.
#include "model/bert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"
#include "tests/support/tile_units.h"

namespace tandem {
namespace {

using ::testing::HasSubstr;
using Sequences = std::vector<std::vector<TokenId>>;

std::vector<float> pooled(const BertModel& model, const Sequences& sequences,
                          Pooling pooling = Pooling::kMean, Urgency urgency = Urgency::kWaitedFor) {
  std::vector<float> out(sequences.size() * static_cast<std::size_t>(model.config().hidden_size));
  model.pooled_states(sequences, {}, pooling, urgency, out);
  return out;
}

// Of lengths that fill tiles and that do not, more rows in all than a thread takes at once.
Sequences some_sequences() {
  Sequences sequences;
  for (const std::size_t length : {2, 3, 3, 17, 17, 40, 512, 5, 32, 250}) {
    std::vector<TokenId> tokens(length, 2000);
    for (std::size_t i = 0; i < length; ++i)
      tokens[i] += static_cast<TokenId>((i * 37 + sequences.size() * 11) % 20000);
    sequences.push_back(tokens);
  }
  return sequences;
}

// With kNone by LibTorch, else by tiles.
class MiniLmTest : public testing::TileUnitTest {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(testing::encoder_folder()))
      GTEST_SKIP() << testing::encoder_folder() << " is not there";
    TileUnitTest::SetUp();
    if (!IsSkipped())
      model_ = BertModel::load(testing::encoder_folder(),
                               by_tiles() ? BertExecutor::kTiles : BertExecutor::kTorch);
  }
  static bool by_tiles() { return GetParam() != kernels::TileUnit::kNone; }

  std::unique_ptr<BertModel> model_;
};

TEST_P(MiniLmTest, ReadsItsConfiguration) {
  EXPECT_EQ(model_->config().hidden_size, 384);
  EXPECT_EQ(model_->config().layer_count, 6);
  EXPECT_EQ(model_->config().head_count, 12);
  EXPECT_EQ(model_->config().max_positions, 512);
}

TEST_P(MiniLmTest, ASequenceDoesNotSeeItsBatch) {
  const Sequences sequences = some_sequences();
  const float tolerance = by_tiles() ? 0.0f : 2e-5f;
  for (const Pooling pooling : {Pooling::kMean, Pooling::kCls}) {
    const auto together = pooled(*model_, sequences, pooling);
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const auto alone = pooled(*model_, {sequences[i]}, pooling);
      for (std::size_t k = 0; k < alone.size(); ++k)
        ASSERT_NEAR(alone[k], together[i * alone.size() + k], tolerance) << i << " " << k;
    }
  }
}

TEST_P(MiniLmTest, CallsAtOnceGetWhatTheyGetAlone) {
  const Sequences sequences = some_sequences();
  const auto expected = pooled(*model_, sequences);
  std::vector<std::vector<float>> results(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < results.size(); ++i)
    threads.emplace_back([&, i] {
      const Urgency urgency = i % 2 == 0 ? Urgency::kWaitedFor : Urgency::kBackground;
      for (int round = 0; round < 3; ++round)
        results[i] = pooled(*model_, sequences, Pooling::kMean, urgency);
    });
  for (auto& thread : threads) thread.join();
  for (const auto& result : results)
    for (std::size_t k = 0; k < expected.size(); ++k) ASSERT_NEAR(result[k], expected[k], 2e-5f);
}

TEST_P(MiniLmTest, AnEmptyBatchIsNothing) {
  for (const Urgency urgency : {Urgency::kWaitedFor, Urgency::kBackground})
    EXPECT_TRUE(pooled(*model_, {}, Pooling::kMean, urgency).empty());
}

// Random tokens, in which a network finds nothing to hold on to: real texts are closer
// (tests/retriever/encoder_test.cc).
TEST_P(MiniLmTest, StatesAreThoseOfTheReference) {
  const Sequences sequences = some_sequences();
  const auto reference = BertModel::load(testing::encoder_folder(), BertExecutor::kTorch);
  for (const Pooling pooling : {Pooling::kMean, Pooling::kCls}) {
    const auto expected = pooled(*reference, sequences, pooling);
    const auto states = pooled(*model_, sequences, pooling);
    const std::size_t width = expected.size() / sequences.size();
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      double apart = 0;
      double length = 0;
      for (std::size_t k = i * width; k < (i + 1) * width; ++k) {
        apart += std::pow(double{states[k]} - double{expected[k]}, 2);
        length += std::pow(double{expected[k]}, 2);
      }
      EXPECT_LT(std::sqrt(apart / length), 0.02) << sequences[i].size() << " tokens";
    }
  }
}

TANDEM_FOR_EVERY_TILE_UNIT(MiniLmTest);
INSTANTIATE_TEST_SUITE_P(Torch, MiniLmTest, ::testing::Values(kernels::TileUnit::kNone));

// A folder as BertModel::load reads it, its configuration changed by the test.
class BertLoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(testing::encoder_folder()))
      GTEST_SKIP() << testing::encoder_folder() << " is not there";
    config_ = nlohmann::json::parse(read_file(testing::encoder_folder() / "config.json"));
    std::filesystem::create_symlink(testing::encoder_folder() / "model.safetensors",
                                    folder_.path() / "model.safetensors");
  }

  std::optional<Error> load() {
    write_file_atomic(folder_.path() / "config.json", config_.dump());
    return testing::error_of([&] { (void)BertModel::load(folder_.path()); });
  }

  testing::TemporaryFolder folder_;
  nlohmann::json config_;
};

TEST_F(BertLoadTest, LoadsWhatIsUnchanged) {
  EXPECT_FALSE(load().has_value());
}

TEST_F(BertLoadTest, RefusesNumbersThatDoNotFitTheWeights) {
  for (const auto& [key, values] : std::map<std::string, std::vector<nlohmann::json>>{
           {"hidden_size", {0, -384, 383, 768, "384", 1e30, nullptr}},
           {"num_hidden_layers", {0, 7, 1 << 30}},
           {"num_attention_heads", {0, 5, 7}},
           {"intermediate_size", {0, 1535}},
           {"vocab_size", {0, 30521, 1ll << 40}},
           {"max_position_embeddings", {0, 511}},
           {"layer_norm_eps", {-1, 2, "x"}}}) {
    const auto kept = config_;
    for (const auto& value : values) {
      config_[key] = value;
      const auto error = load();
      ASSERT_TRUE(error.has_value()) << key << " = " << value;
      EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << error->what();
    }
    config_ = kept;
  }
}

TEST_F(BertLoadTest, RefusesWhatItWouldComputeWrongly) {
  for (const auto& [key, value] :
       std::map<std::string, std::string>{{"hidden_act", "relu"},
                                          {"model_type", "deberta-v2"},
                                          {"position_embedding_type", "relative_key"}}) {
    const auto kept = config_;
    config_[key] = value;
    const auto error = load();
    ASSERT_TRUE(error.has_value()) << key;
    EXPECT_EQ(error->code(), ErrorCode::kUnsupported) << error->what();
    EXPECT_THAT(error->message(), HasSubstr(value));
    config_ = kept;
  }
}

TEST_F(BertLoadTest, NamesTheFileThatIsMissing) {
  std::filesystem::remove(folder_.path() / "model.safetensors");
  const auto error = load();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kNotFound);
  EXPECT_THAT(error->message(), HasSubstr("model.safetensors"));
}

TEST_F(BertLoadTest, RefusesAConfigurationThatIsNotJson) {
  write_file_atomic(folder_.path() / "config.json", "{\"hidden_size\": 384,");
  const auto error = testing::error_of([&] { (void)BertModel::load(folder_.path()); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace tandem
