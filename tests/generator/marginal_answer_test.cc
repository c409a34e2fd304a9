// Which of several answers is chosen, by a generator that answers from a script: probabilities that
// decide as wanted cannot be had from a real one.
#include "generator/marginal_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "tests/support/errors.h"
#include "tests/support/fake_generator.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Line {
  std::string text;
  std::vector<double> probabilities;  // of its tokens
  bool fails = false;
};

// Answers with the line of the passage that stands in the prompt: "passage 0", "passage 1", ...
class ScriptedGenerator final : public testing::FakeGenerator {
 public:
  explicit ScriptedGenerator(std::vector<Line> script) : script_(std::move(script)) {}

  GenerationResult generate(const Prompt& prompt, const GenerationOptions& options,
                            const TextSink& sink) const override {
    const std::string text = testing::text_of_bytes(prompt.tokens);
    std::vector<std::size_t> there;
    for (std::size_t i = 0; i < script_.size(); ++i) {
      if (text.find("passage " + std::to_string(i)) != std::string::npos) there.push_back(i);
    }
    EXPECT_EQ(there.size(), 1u) << "each passage stands alone in its prompt";
    const Line& line = script_.at(there.front());
    if (line.fails) throw Error(ErrorCode::kResourceExhausted, "no room");
    GenerationResult result;
    result.text = line.text;
    EXPECT_TRUE(options.top_log_probabilities.has_value());
    for (const double probability : line.probabilities) {
      result.log_probabilities.push_back(
          {{.token = 0, .log_probability = static_cast<float>(std::log(probability))}, {}});
    }
    if (!sink({line.text, result.log_probabilities}))
      result.finish_reason = FinishReason::kCancelled;
    return result;
  }

 private:
  std::vector<Line> script_;
};

std::vector<Hit> hits(std::size_t count) {
  std::vector<Hit> hits(count);
  for (std::size_t i = 0; i < count; ++i) {
    hits[i].passage.id = i;
    hits[i].passage.text = "This is passage " + std::to_string(i) + ".";
  }
  return hits;
}

std::vector<PassageId> ids(const MarginalAnswer& answer) {
  std::vector<PassageId> ids;
  for (const Hit& hit : answer.hits) ids.push_back(hit.passage.id);
  return ids;
}

MarginalAnswer choose(const Generator& generator, const std::vector<float>& cosines,
                      float temperature, const GenerationOptions& options = {}) {
  const std::vector<ChatMessage> messages = {{"user", "When?"}};
  return answer_from_each(generator, messages, hits(cosines.size()), cosines, options, temperature);
}

// Weights e^0 * 0.5 = 0.5 for "1862"; e^-1 * 0.9 = 0.331 and e^-1.5 * 0.9 = 0.201 for "1871".
TEST(MarginalAnswerTest, TwoPassagesOutweighABetterOne) {
  const ScriptedGenerator generator({{"1862", {0.5}}, {"1871", {0.9}}, {"1871", {0.9}}});
  const auto answer = choose(generator, {0.8f, 0.7f, 0.65f}, 0.1f);
  EXPECT_EQ(answer.generation.text, "1871");
  EXPECT_THAT(ids(answer), ElementsAre(1, 2));
  // Colder, the best passage decides: e^-2 * 0.9 + e^-3 * 0.9 = 0.167.
  EXPECT_EQ(choose(generator, {0.8f, 0.7f, 0.65f}, 0.05f).generation.text, "1862");
}

// 0.9 against 0.5 * 0.5 of two tokens, from passages that are as near.
TEST(MarginalAnswerTest, AnAnswerIsAsLikelyAsAllOfItsTokens) {
  const ScriptedGenerator generator({{"in May", {0.5, 0.5}}, {"June", {0.4}}});
  const auto answer = choose(generator, {0.5f, 0.5f}, 0.05f);
  EXPECT_EQ(answer.generation.text, "June");
  EXPECT_THAT(ids(answer), ElementsAre(1));
}

TEST(MarginalAnswerTest, TheLikeliestPassageOfAnAnswerComesFirst) {
  const ScriptedGenerator generator({{"June", {0.1}}, {"June", {0.9}}, {"May", {0.2}}});
  const auto answer = choose(generator, {0.51f, 0.5f, 0.5f}, 0.05f);
  EXPECT_EQ(answer.generation.text, "June");
  EXPECT_THAT(ids(answer), ElementsAre(1, 0));
  EXPECT_THAT(testing::text_of_bytes(answer.prompt), HasSubstr("passage 1."));
  EXPECT_TRUE(answer.generation.log_probabilities.empty()) << "nobody asked for them";
}

TEST(MarginalAnswerTest, OnePassageWithAnAnswerIsEnough) {
  const ScriptedGenerator generator(
      {{"I do not know.", {0.9}}, {"I do not know.", {0.9}}, {"June", {0.1}}});
  const auto answer = choose(generator, {0.8f, 0.8f, 0.5f}, 0.05f);
  EXPECT_EQ(answer.generation.text, "June");
  EXPECT_THAT(ids(answer), ElementsAre(2));
}

TEST(MarginalAnswerTest, SaysThatItDoesNotKnowWhereNoPassageSaysMore) {
  const ScriptedGenerator generator({{"I do not know.", {0.2}}, {"I do not know.", {0.9}}});
  EXPECT_EQ(choose(generator, {0.8f, 0.5f}, 0.05f).generation.text, "I do not know.");
}

TEST(MarginalAnswerTest, LogProbabilitiesAreThoseOfTheAnswerThatIsGiven) {
  const ScriptedGenerator generator({{"May", {0.2}}, {"June", {0.9}}});
  GenerationOptions options;
  options.top_log_probabilities = 0;
  const auto answer = choose(generator, {0.5f, 0.5f}, 0.05f, options);
  ASSERT_EQ(answer.generation.log_probabilities.size(), 1u);
  EXPECT_NEAR(answer.generation.log_probabilities[0].chosen.log_probability, std::log(0.9), 1e-6);
}

// The exponentials of 1 / 0.0001 would be infinite.
TEST(MarginalAnswerTest, HugeWeightsDoNotOverflow) {
  const ScriptedGenerator generator({{"May", {0.9}}, {"June", {1e-30}}});
  EXPECT_EQ(choose(generator, {0.1f, 1.0f}, 1e-4f).generation.text, "June");
}

TEST(MarginalAnswerTest, EndsWhenNobodyWaits) {
  const ScriptedGenerator generator({{"May", {0.9}}, {"June", {0.8}}});
  const std::vector<ChatMessage> messages = {{"user", "When?"}};
  std::atomic<int> asked = 0;
  const auto answer = answer_from_each(generator, messages, hits(2), std::vector<float>{1, 1}, {},
                                       kRetrieverTemperature, [&] {
                                         ++asked;
                                         return false;
                                       });
  EXPECT_EQ(answer.generation.finish_reason, FinishReason::kCancelled);
  EXPECT_EQ(asked, 2);
}

TEST(MarginalAnswerTest, ThrowsWhatOneOfThemThrows) {
  const ScriptedGenerator generator({{"May", {0.9}}, {"", {}, true}});
  EXPECT_EQ(testing::error_code_of([&] {
              (void)choose(generator, {1, 1}, 0.05f);
            }),
            ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace tandem
