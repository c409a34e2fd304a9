// Steps on pairs of answers, by a tiny decoder.
#include "trainer/preference_network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "tests/support/errors.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

std::filesystem::path reference_folder(const char* name) {
  return testing::source_folder() / "tests/model/references" / name;
}

std::vector<TokenId> tokens_from(int first, int count, int step) {
  std::vector<TokenId> tokens;
  tokens.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) tokens.push_back(3 + (first + i * step) % 40);
  return tokens;
}

class PreferenceNetworkTest : public ::testing::Test {
 protected:
  std::unique_ptr<PreferenceNetwork> load() const {
    return PreferenceNetwork::load(decoder_, options_);
  }
  std::map<std::string, std::vector<float>> weights_of(const PreferenceNetwork& network) const {
    std::map<std::string, std::vector<float>> weights;
    network.visit(
        [&](std::string_view name, std::span<const std::int64_t>, std::span<const float> values) {
          weights[std::string(name)].assign(values.begin(), values.end());
        });
    return weights;
  }
  // With what the decoder finds of them as the reference.
  std::vector<PreferenceTokens> batch() const {
    std::vector<PreferenceTokens> pairs = {
        {"one", tokens_from(3, 12, 5), tokens_from(20, 3, 1), tokens_from(9, 5, 7), {}},
        {"two", tokens_from(4, 7, 3), tokens_from(30, 2, 3), tokens_from(31, 1, 3), {}},
        {"three", tokens_from(8, 17, 9), tokens_from(2, 6, 11), tokens_from(12, 4, 3), {}},
        {"four", tokens_from(1, 4, 7), tokens_from(5, 1, 1), tokens_from(6, 2, 13), {}}};
    const auto scores = load()->score(pairs);
    for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i].reference = scores[i];
    return pairs;
  }

  PreferenceFigures figures_of(std::span<const PreferenceTokens> pairs,
                               const PreferenceStep& step) const {
    std::vector<PairLikelihoods> reference;
    for (const PreferenceTokens& pair : pairs) reference.push_back(pair.reference);
    return preference_figures(step.likelihoods, reference, options_.beta);
  }

  PreferenceOptions options_{.beta = 0.5, .precision = TrainingPrecision::kFloat};
  DecoderWeights decoder_ = DecoderWeights::open(reference_folder("families/llama"));
};

// By the network that answers are otherwise scored with.
TEST_F(PreferenceNetworkTest, AnswersAreAsLikelyAsTheJointNetworksFindThem) {
  JointOptions joint;
  joint.precision = TrainingPrecision::kFloat;
  const auto other = JointNetworks::load(BertCheckpoint::open(reference_folder("encoders/bert")),
                                         Pooling::kMean, &decoder_, joint);
  const auto likelihood = [&](const PreferenceTokens& pair, const std::vector<TokenId>& answer) {
    const auto scores = other->score(pair.prompt, answer);
    return std::accumulate(scores.begin(), scores.end(), 0.0);
  };
  for (const PreferenceTokens& pair : batch()) {
    EXPECT_NEAR(pair.reference.chosen, likelihood(pair, pair.chosen), 1e-4) << pair.id;
    EXPECT_NEAR(pair.reference.rejected, likelihood(pair, pair.rejected), 1e-4) << pair.id;
  }
}

TEST_F(PreferenceNetworkTest, ABatchIsTheMeanOfItsPairsHoweverItIsDivided) {
  options_.chosen_weight = 0.5;
  auto pairs = batch();
  pairs[0].reference = {-3, -30};  // so that rewards differ
  pairs[2].reference.chosen += 4;
  const PreferenceStep whole = load()->step(pairs, 0);
  EXPECT_TRUE(whole.finite);
  double loss = 0;
  double margin = 0;
  std::int64_t tokens = 0;
  for (const PreferenceTokens& pair : pairs) {
    const PreferenceStep one = load()->step({&pair, 1}, 0);
    loss += one.loss / 4;
    margin += figures_of({&pair, 1}, one).margin / 4;
    tokens += one.tokens;
  }
  EXPECT_NEAR(whole.loss, loss, 1e-5);
  EXPECT_NEAR(figures_of(pairs, whole).margin, margin, 1e-5);
  EXPECT_NEAR(whole.loss, figures_of(pairs, whole).loss + 0.5 * whole.chosen, 1e-9);
  EXPECT_EQ(whole.tokens, tokens);

  options_.tokens = 1;  // each pair by itself
  const PreferenceStep divided = load()->step(pairs, 0);
  EXPECT_NEAR(divided.loss, whole.loss, 1e-5);
  EXPECT_NEAR(divided.gradient, whole.gradient, 1e-4 * whole.gradient);
  // The same pair several times is that pair.
  const std::vector<PreferenceTokens> same(4, pairs[2]);
  const PreferenceStep four = load()->step(same, 0);
  const PreferenceStep one = load()->step({same.data(), 1}, 0);
  EXPECT_NEAR(four.loss, one.loss, 1e-5);
  EXPECT_NEAR(four.gradient, one.gradient, 1e-4 * one.gradient);
}

TEST_F(PreferenceNetworkTest, StepsRaiseTheMarginFromNothing) {
  for (const int rank : {0, 2}) {
    options_.generator.lora_rank = rank;
    const auto pairs = batch();
    const auto network = load();
    const double rate = rank > 0 ? 1e-2 : 1e-3;
    const PreferenceStep first = network->step(pairs, rate);
    EXPECT_NEAR(first.loss, std::log(2.0), 1e-5);
    EXPECT_NEAR(figures_of(pairs, first).margin, 0, 1e-5);
    PreferenceStep last;
    for (int i = 0; i < 20; ++i) last = network->step(pairs, rate);
    EXPECT_LT(last.loss, 0.5) << rank;
    EXPECT_GT(figures_of(pairs, last).margin, 0.5) << rank;
    EXPECT_EQ(figures_of(pairs, last).wins, 1) << rank;
    EXPECT_EQ(network->changes().empty(), rank == 0);
  }
}

TEST_F(PreferenceNetworkTest, TheChosenAnswersOwnLossKeepsThemLikely) {
  const auto pairs = batch();
  const auto chosen_after = [&](double weight) {
    options_.chosen_weight = weight;
    const auto network = load();
    for (int i = 0; i < 20; ++i) network->step(pairs, 1e-3);
    return network->step(pairs, 0).chosen;
  };
  EXPECT_LT(chosen_after(2), chosen_after(0));
}

TEST_F(PreferenceNetworkTest, LayersThatAreComputedTwiceChangeNothing) {
  const auto pairs = batch();
  const auto kept = load();
  options_.checkpoint_activations = true;
  const auto recomputed = load();
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(kept->step(pairs, 1e-3).gradient, recomputed->step(pairs, 1e-3).gradient);
  EXPECT_EQ(weights_of(*kept), weights_of(*recomputed));
}

TEST_F(PreferenceNetworkTest, AStateThatWasSavedGoesOnToTheSameNumbers) {
  const testing::TemporaryFolder folder;
  const auto pairs = batch();
  const auto whole = load();
  whole->step(pairs, 1e-3);
  whole->save_state(folder.path() / "state.safetensors");
  whole->step(pairs, 1e-3);
  const auto resumed = load();
  resumed->load_state(folder.path() / "state.safetensors");
  resumed->step(pairs, 1e-3);
  EXPECT_EQ(weights_of(*whole), weights_of(*resumed));
}

TEST_F(PreferenceNetworkTest, ANumberThatIsNotFiniteChangesNothing) {
  options_.gradient_limit = 0;
  const auto pairs = batch();
  const auto network = load();
  network->step(pairs, 1e30);
  const auto before = weights_of(*network);
  EXPECT_FALSE(network->step(pairs, 1e-3).finite);
  EXPECT_EQ(weights_of(*network), before);
}

TEST_F(PreferenceNetworkTest, OptionsOutOfRangeAreRefused) {
  const auto refused = [&](const PreferenceOptions& options) {
    options_ = options;
    return testing::error_code_of([&] { load(); });
  };
  EXPECT_EQ(refused({.beta = 0}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused({.chosen_weight = -1}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused({.tokens = 0}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused({.generator = {.trained = false}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused({.generator = {.lora_rank = -1}}), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace tandem
