// The networks that are trained against those that serve, and what a step does to them.
#include "trainer/joint_networks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <string>

#include "base/error.h"
#include "model/torch_decoder.h"
#include "tests/support/paths.h"
#include "tests/trainer/workers.h"

namespace tandem {
namespace {

std::filesystem::path reference_folder(const std::string& name) {
  return testing::source_folder() / "tests/model/references" / name;
}

std::vector<TokenId> tokens_from(int first, int count, int step) {
  std::vector<TokenId> tokens;
  tokens.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) tokens.push_back(3 + (first + i * step) % 40);
  return tokens;
}

JointOptions exact() {
  JointOptions options;
  options.precision = TrainingPrecision::kFloat;
  return options;
}

struct Networks {
  explicit Networks(const JointOptions& options, const std::string& family = "families/llama",
                    Pooling pooling = Pooling::kMean, WorkerGroup& workers = WorkerGroup::alone())
      : joint(JointNetworks::load(encoder, pooling, &load_decoder(family), options, workers)) {}

  const DecoderWeights& load_decoder(const std::string& family) {
    decoder.emplace(DecoderWeights::open(reference_folder(family)));
    return *decoder;
  }

  BertCheckpoint encoder = BertCheckpoint::open(reference_folder("encoders/bert"));
  std::optional<DecoderWeights> decoder;
  std::unique_ptr<JointNetworks> joint;
};

std::map<std::string, std::vector<float>> weights_of(const JointNetworks& networks,
                                                     bool of_encoder) {
  std::map<std::string, std::vector<float>> weights;
  const auto visit = [&](std::string_view name, std::span<const std::int64_t>,
                         std::span<const float> values) {
    weights[std::string(name)].assign(values.begin(), values.end());
  };
  of_encoder ? networks.visit_encoder(visit) : networks.visit_generator(visit);
  return weights;
}

float largest_difference(const std::map<std::string, std::vector<float>>& a,
                         const std::map<std::string, std::vector<float>>& b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (const auto& [name, values] : a)
    for (std::size_t i = 0; i < values.size(); ++i)
      largest = std::max(largest, std::abs(values[i] - b.at(name)[i]));
  return largest;
}

// Two questions that share a passage, of different lengths and numbers of passages.
std::vector<TrainingQuestion> sample_batch() {
  TrainingQuestion one;
  one.query = tokens_from(1, 5, 3);
  one.passages = {tokens_from(7, 9, 5), tokens_from(2, 6, 7), tokens_from(5, 4, 11)};
  one.passage_ids = {10, 11, 12};
  one.positive_ids = {11};
  one.prompts = {tokens_from(3, 12, 5), tokens_from(4, 9, 3), tokens_from(9, 7, 7)};
  one.answer = tokens_from(20, 3, 1);
  TrainingQuestion two;
  two.query = tokens_from(13, 4, 7);
  two.passages = {tokens_from(2, 6, 7), tokens_from(21, 8, 3)};
  two.passage_ids = {11, 13};
  two.positive_ids = {13, 99};
  two.prompts = {tokens_from(6, 8, 9), tokens_from(8, 11, 3)};
  two.answer = tokens_from(30, 1, 1);
  return {one, two};
}

// A question that the generator alone learns from.
TrainingQuestion sample_of_generator() {
  TrainingQuestion question;
  question.together = tokens_from(14, 13, 5);
  question.answer = tokens_from(33, 2, 3);
  return question;
}

class DecoderWithGradientTest : public ::testing::TestWithParam<const char*> {};

TEST_P(DecoderWithGradientTest, ScoresAnswersAsTheReferenceDoes) {
  const std::string family = std::string("families/") + GetParam();
  const auto model = TorchDecoder::load(DecoderWeights::open(reference_folder(family)));
  Networks networks(exact(), family);
  const auto prompt = tokens_from(5, 40, 7);  // beyond the windows of the families that have one
  const auto answer = tokens_from(9, 4, 3);

  const auto scores = networks.joint->score(prompt, answer);

  ASSERT_EQ(scores.size(), answer.size());
  auto cache = model->make_cache(64);
  std::vector<float> logits(static_cast<std::size_t>(model->config().vocabulary_size));
  model->forward(prompt, *cache, logits);
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const float top = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit - top));
    EXPECT_NEAR(scores[i], logits[static_cast<std::size_t>(answer[i])] - top - std::log(sum), 1e-4)
        << "token " << i;
    model->forward({&answer[i], 1}, *cache, logits);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, DecoderWithGradientTest,
                         ::testing::Values("llama", "mistral", "qwen2", "qwen2_window", "qwen3",
                                           "gemma3"));

class EncoderWithGradientTest : public ::testing::TestWithParam<const char*> {};

TEST_P(EncoderWithGradientTest, GivesTheVectorsOfTheEncoderThatServes) {
  for (const Pooling pooling : {Pooling::kMean, Pooling::kCls}) {
    const auto folder = reference_folder(std::string("encoders/") + GetParam());
    const BertCheckpoint checkpoint = BertCheckpoint::open(folder);
    const auto networks = JointNetworks::load(checkpoint, pooling, nullptr, exact());
    const std::vector<std::vector<TokenId>> sequences = {tokens_from(1, 9, 3), tokens_from(4, 5, 7),
                                                         tokens_from(2, 9, 5)};
    const auto vectors = networks->encode(sequences);

    const auto model = BertModel::load(folder, BertExecutor::kTorch);
    const auto width = static_cast<std::size_t>(model->config().hidden_size);
    std::vector<float> states(sequences.size() * width);
    model->pooled_states(sequences, pooling, states);
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const auto row = std::span(states).subspan(i * width, width);
      const double length = std::sqrt(std::inner_product(row.begin(), row.end(), row.begin(), 0.0));
      for (std::size_t j = 0; j < width; ++j)
        EXPECT_NEAR(vectors[i * width + j], row[j] / length, 1e-5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, EncoderWithGradientTest,
                         ::testing::Values("bert", "xlm_roberta"));

TEST(JointNetworksTest, WeightsComeBackUnderTheNamesOfTheFile) {
  Networks networks(exact());
  const auto generator = weights_of(*networks.joint, false);
  ASSERT_EQ(generator.size(), networks.decoder->tensors().size());
  for (const TensorView& tensor : networks.decoder->tensors()) {
    EXPECT_EQ(generator.at(tensor.name), dequantize(tensor)) << tensor.name;
  }
  for (const auto& [name, values] : weights_of(*networks.joint, true))
    EXPECT_NE(networks.encoder.file->find(name), nullptr) << name;
}

TEST(JointNetworksTest, StepsLowerTheLossOfTheirBatch) {
  for (const auto kind :
       {JointLossKind::kRagSequence, JointLossKind::kRagToken, JointLossKind::kEmdr2,
        JointLossKind::kPerplexityDistillation, JointLossKind::kReplug}) {
    JointOptions options = exact();
    options.loss.kind = kind;
    options.contrastive_weight = 1;
    Networks networks(options);
    const auto batch = sample_batch();
    const StepResult first = networks.joint->step(batch, {1e-3, 1e-3});
    StepResult last;
    for (int i = 0; i < 15; ++i) last = networks.joint->step(batch, {1e-3, 1e-3});
    EXPECT_TRUE(last.finite);
    EXPECT_GT(first.encoder_gradient, 0);
    EXPECT_GT(first.generator_gradient, 0);
    EXPECT_LT(last.loss, first.loss * 0.9) << "kind " << static_cast<int>(kind);
  }
}

TEST(JointNetworksTest, HowPassesAreDividedChangesNothing) {
  JointOptions whole = exact();
  whole.contrastive_weight = 0.5;
  JointOptions divided = whole;
  divided.encoder_tokens = 1;
  divided.generator_tokens = 1;
  Networks a(whole);
  Networks b(divided);
  auto batch = sample_batch();
  batch[1].together = tokens_from(11, 15, 3);
  batch.push_back(sample_of_generator());
  const StepResult from_a = a.joint->step(batch, {1e-3, 1e-3});
  const StepResult from_b = b.joint->step(batch, {1e-3, 1e-3});
  EXPECT_NEAR(from_a.loss, from_b.loss, 1e-5);
  EXPECT_NEAR(from_a.encoder_gradient, from_b.encoder_gradient, 1e-4);
  EXPECT_NEAR(from_a.generator_gradient, from_b.generator_gradient, 1e-4);
}

// More of them than questions too, so that some have nothing to do.
TEST(JointNetworksTest, WorkersTogetherTakeTheStepsOfOne) {
  for (const auto kind : {JointLossKind::kRagSequence, JointLossKind::kReplug}) {
    JointOptions options = exact();
    options.loss.kind = kind;
    options.contrastive_weight = 0.5;
    options.encoder_tokens = 16;  // some workers' texts are more than one pass
    options.generator_tokens = 20;
    auto batch = sample_batch();
    batch.push_back(sample_of_generator());
    Networks alone(options);
    std::vector<StepResult> expected;
    expected.reserve(3);
    for (int i = 0; i < 3; ++i) expected.push_back(alone.joint->step(batch, {1e-3, 1e-3}));
    for (const int count : {2, 4}) {
      std::vector<std::map<std::string, std::vector<float>>> encoders(
          static_cast<std::size_t>(count));
      auto generators = encoders;
      testing::with_workers(count, [&](WorkerGroup& workers) {
        Networks networks(options, "families/llama", Pooling::kMean, workers);
        for (const StepResult& of_one : expected) {
          const StepResult result = networks.joint->step(batch, {1e-3, 1e-3});
          EXPECT_NEAR(result.loss, of_one.loss, 1e-4);
          EXPECT_NEAR(result.joint, of_one.joint, 1e-4);
          EXPECT_NEAR(result.contrastive, of_one.contrastive, 1e-4);
          EXPECT_NEAR(result.generator, of_one.generator, 1e-4);
          EXPECT_NEAR(result.retriever, of_one.retriever, 1e-4);
          EXPECT_NEAR(result.encoder_gradient / of_one.encoder_gradient, 1, 1e-3);
          EXPECT_NEAR(result.generator_gradient / of_one.generator_gradient, 1, 1e-3);
          EXPECT_EQ(result.generator_tokens, of_one.generator_tokens);
        }
        const auto rank = static_cast<std::size_t>(workers.rank());
        encoders[rank] = weights_of(*networks.joint, true);
        generators[rank] = weights_of(*networks.joint, false);
      });
      for (std::size_t rank = 1; rank < encoders.size(); ++rank) {
        EXPECT_EQ(encoders[rank], encoders[0]) << "every worker has the same bits";
        EXPECT_EQ(generators[rank], generators[0]);
      }
      // Where a gradient is almost 0, Adam's first step goes either way.
      EXPECT_LT(largest_difference(encoders[0], weights_of(*alone.joint, true)), 7e-3f);
    }
  }
}

TEST(JointNetworksTest, AQuestionWithoutPassagesTeachesTheGeneratorAlone) {
  for (const AnswerLikelihood likelihood : {AnswerLikelihood::kSum, AnswerLikelihood::kMean}) {
    JointOptions options = exact();
    options.contrastive_weight = 0.5;
    options.loss.likelihood = likelihood;
    Networks networks(options);
    const TrainingQuestion alone = sample_of_generator();
    const auto scores = networks.joint->score(alone.together, alone.answer);
    double loss = -std::accumulate(scores.begin(), scores.end(), 0.0);
    if (likelihood == AnswerLikelihood::kMean) loss /= static_cast<double>(scores.size());

    const StepResult of_one = networks.joint->step({&alone, 1}, {0, 0});
    EXPECT_NEAR(of_one.loss, loss, 1e-4);
    EXPECT_EQ(of_one.encoder_gradient, 0);
    EXPECT_GT(of_one.generator_gradient, 0);

    // Beside others it is one of the batch: their mean, and nothing of it in the encoder.
    auto batch = sample_batch();
    const StepResult others = networks.joint->step(batch, {0, 0});
    batch.push_back(alone);
    const StepResult all = networks.joint->step(batch, {0, 0});
    EXPECT_NEAR(all.joint, (2 * others.joint + loss) / 3, 1e-4);
    EXPECT_NEAR(all.contrastive, others.contrastive, 1e-6);
  }
}

// By the definition (Izacard et al. 2022, section 2.2), from what the networks say of each text.
TEST(JointNetworksTest, LeaveOneOutHoldsPassagesAgainstWhatIsWorseWithoutThem) {
  JointOptions options = exact();
  options.loss.kind = JointLossKind::kLeaveOneOut;
  options.contrastive_weight = 0;
  Networks networks(options);
  TrainingQuestion question = sample_batch().front();
  question.together = tokens_from(11, 15, 3);
  const auto likelihood = [&](const std::vector<TokenId>& prompt) {
    const auto scores = networks.joint->score(prompt, question.answer);
    return std::accumulate(scores.begin(), scores.end(), 0.0);
  };
  const auto vectors = networks.joint->encode(
      {{question.query, question.passages[0], question.passages[1], question.passages[2]}});
  const std::size_t width = vectors.size() / 4;
  std::vector<double> p;
  std::vector<double> q;
  for (std::size_t k = 0; k < 3; ++k) {
    const auto* const passage = vectors.data() + (k + 1) * width;
    p.push_back(std::exp(std::inner_product(passage, passage + width, vectors.data(), 0.0) /
                         options.score_temperature));
    q.push_back(std::exp(-likelihood(question.prompts[k])));
  }
  double divergence = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const double of_q = q[k] / std::accumulate(q.begin(), q.end(), 0.0);
    const double of_p = p[k] / std::accumulate(p.begin(), p.end(), 0.0);
    divergence += of_q * std::log(of_q / of_p);
  }

  const StepResult result = networks.joint->step({&question, 1}, {0, 0});
  EXPECT_NEAR(result.retriever, divergence, 1e-3);
  EXPECT_NEAR(result.generator, -likelihood(question.together), 1e-4);
  EXPECT_NEAR(result.joint, result.retriever + result.generator, 1e-4);
  EXPECT_GT(result.encoder_gradient, 0);
  EXPECT_GT(result.generator_gradient, 0);
}

TEST(JointNetworksTest, NegativesThatAreGivenCountInTheContrastiveLoss) {
  JointOptions options = exact();
  Networks networks(options);
  auto batch = sample_batch();
  const StepResult without = networks.joint->step(batch, {0, 0});
  batch[0].negatives = {tokens_from(17, 5, 3)};
  batch[0].negative_ids = {77};
  const StepResult with = networks.joint->step(batch, {0, 0});
  EXPECT_GT(with.contrastive, without.contrastive);
  EXPECT_NEAR(with.joint, without.joint, 1e-5);
}

TEST(JointNetworksTest, LayersThatAreComputedTwiceChangeNothing) {
  for (const int lora_rank : {0, 2}) {
    for (const char* const family : {"families/llama", "families/gemma3"}) {
      JointOptions kept;
      kept.generator.lora_rank = lora_rank;
      JointOptions recomputed = kept;
      recomputed.checkpoint_activations = true;
      Networks a(kept, family);
      Networks b(recomputed, family);
      for (int i = 0; i < 2; ++i) {
        const StepResult from_a = a.joint->step(sample_batch(), {1e-3, 1e-3});
        const StepResult from_b = b.joint->step(sample_batch(), {1e-3, 1e-3});
        EXPECT_EQ(from_a.loss, from_b.loss);
        EXPECT_EQ(from_a.generator_gradient, from_b.generator_gradient);
        EXPECT_GT(from_b.generator_gradient, 0);
      }
      EXPECT_EQ(largest_difference(weights_of(*a.joint, false), weights_of(*b.joint, false)), 0);
    }
  }
}

TEST(JointNetworksTest, TheGradientOfTheEncoderIsThatOfDifferences) {
  JointOptions options = exact();
  options.contrastive_weight = 0.5;
  options.gradient_limit = 0;
  options.encoder_tokens = 1;  // the gradient goes through vectors that are computed twice
  options.encoder.weight_decay = 0;
  // Where Adam's first step goes is the sign of the gradient: the loss after a small one has fallen
  // by the sum of its absolute values times the rate, the first term of Taylor's series.
  options.generator.trained = false;
  Networks networks(options);
  const auto batch = sample_batch();
  const auto before = weights_of(*networks.joint, true);
  const double rate = 1e-5;
  const StepResult first = networks.joint->step(batch, {rate, 0});
  const auto after = weights_of(*networks.joint, true);
  const StepResult second = networks.joint->step(batch, {0, 0});
  EXPECT_GT(largest_difference(before, after), 0.9f * static_cast<float>(rate));
  EXPECT_LT(second.loss, first.loss);
  // The norm bounds the sum of absolute values from below, and the root of their number times it
  // from above (Cauchy and Schwarz).
  std::size_t count = 0;
  for (const auto& [name, values] : before) count += values.size();
  const double fallen = (first.loss - second.loss) / rate;
  EXPECT_GT(fallen, 0.8 * first.encoder_gradient);
  EXPECT_LT(fallen, 1.2 * first.encoder_gradient * std::sqrt(static_cast<double>(count)));
}

TEST(JointNetworksTest, ANetworkThatIsNotTrainedStays) {
  for (const bool encoder_trained : {true, false}) {
    JointOptions options = exact();
    options.encoder.trained = encoder_trained;
    options.generator.trained = !encoder_trained;
    Networks networks(options);
    const auto encoder = weights_of(*networks.joint, true);
    const auto generator = weights_of(*networks.joint, false);
    networks.joint->step(sample_batch(), {1e-3, 1e-3});
    EXPECT_EQ(largest_difference(encoder, weights_of(*networks.joint, true)) > 0, encoder_trained);
    EXPECT_EQ(largest_difference(generator, weights_of(*networks.joint, false)) > 0,
              !encoder_trained);
  }
}

TEST(JointNetworksTest, LoraBeginsAtTheWeightsAndChangesMatricesOnly) {
  JointOptions options = exact();
  options.encoder.lora_rank = 2;
  options.generator.lora_rank = 2;
  Networks networks(options);
  Networks full(exact());
  for (const bool of_encoder : {true, false}) {
    const auto before = weights_of(*networks.joint, of_encoder);
    EXPECT_EQ(largest_difference(before, weights_of(*full.joint, of_encoder)), 0);
  }
  const auto before = weights_of(*networks.joint, false);
  const StepResult first = networks.joint->step(sample_batch(), {1e-2, 1e-2});
  StepResult last;
  for (int i = 0; i < 10; ++i) last = networks.joint->step(sample_batch(), {1e-2, 1e-2});
  EXPECT_LT(last.loss, first.loss);
  for (const auto& [name, values] : weights_of(*networks.joint, false)) {
    const bool is_matrix = name.starts_with("blk.") && name.find("norm") == std::string::npos;
    EXPECT_EQ(values != before.at(name), is_matrix) << name;
  }
}

TEST(JointNetworksTest, ANumberThatIsNotFiniteChangesNothing) {
  JointOptions options = exact();
  options.gradient_limit = 0;
  Networks networks(options);
  // A rate that throws the weights out of what a float holds: the next loss is not a number.
  networks.joint->step(sample_batch(), {1e30, 1e30});
  const auto before = weights_of(*networks.joint, true);
  const StepResult result = networks.joint->step(sample_batch(), {1e-3, 1e-3});
  EXPECT_FALSE(result.finite);
  EXPECT_EQ(largest_difference(before, weights_of(*networks.joint, true)), 0);
}

TEST(JointNetworksTest, OptionsOutOfRangeAreRefused) {
  JointOptions options = exact();
  options.score_temperature = 0;
  EXPECT_THROW(Networks{options}, Error);
  options = exact();
  options.encoder.lora_rank = -1;
  EXPECT_THROW(Networks{options}, Error);
}

}  // namespace
}  // namespace tandem
