// By a generator that says the seed it was given, and holds back as a test wants.
#include "generator/choices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "base/error.h"
#include "tests/support/errors.h"
#include "tests/support/fake_generator.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::error_code_of;

class SeedSayer final : public testing::FakeGenerator {
 public:
  GenerationResult generate(const Prompt& prompt, const GenerationOptions& options,
                            const TextSink& sink) const override {
    const std::uint64_t seed = options.sampling.seed;
    if (seed != first_seed && !first_spoke) ++too_early;
    if (seed == failing_seed) throw Error(ErrorCode::kResourceExhausted, "no room");
    GenerationResult result;
    result.prompt_tokens = static_cast<int>(prompt.tokens.size());
    for (int piece = 0; piece < pieces; ++piece) {
      result.text += std::to_string(seed);
      if (seed == first_seed) first_spoke = true;
      if (!sink({std::to_string(seed), {}})) {
        result.finish_reason = FinishReason::kCancelled;
        break;
      }
    }
    // One that says nothing ends all the same.
    if (seed == first_seed) first_spoke = true;
    return result;
  }

  std::uint64_t first_seed = 7;
  std::uint64_t failing_seed = UINT64_MAX;
  int pieces = 2;
  mutable std::atomic<bool> first_spoke = false;
  mutable std::atomic<int> too_early = 0;
};

std::vector<std::string> texts_of(const std::vector<GenerationResult>& results) {
  std::vector<std::string> texts;
  texts.reserve(results.size());
  for (const GenerationResult& result : results) texts.push_back(result.text);
  return texts;
}

std::vector<GenerationResult> choose(const Generator& generator, std::size_t count,
                                     const ChoiceSink& sink) {
  GenerationOptions options;
  options.sampling.seed = 7;
  return generate_choices(generator, {.tokens = {1, 2, 3}, .passages = {}}, options, count, sink);
}

TEST(ChoicesTest, EachHasASeedOfItsOwnAndIsToldApart) {
  const SeedSayer generator;
  std::vector<std::string> streamed(4);
  std::atomic<int> inside = 0;
  const auto results = choose(generator, 4, [&](std::size_t choice, const TextPiece& piece) {
    EXPECT_EQ(++inside, 1) << "two threads at once";
    streamed[choice] += piece.text;
    --inside;
    return true;
  });
  EXPECT_THAT(texts_of(results), ElementsAre("77", "88", "99", "1010"));
  EXPECT_EQ(streamed, texts_of(results));
  EXPECT_EQ(generator.too_early, 0) << "they would compute the prompt again";
}

TEST(ChoicesTest, OthersFollowAFirstOneThatSaysNothing) {
  SeedSayer generator;
  generator.pieces = 0;
  const auto results = choose(generator, 3, nullptr);
  ASSERT_EQ(results.size(), 3u);
  for (const auto& result : results) {
    EXPECT_EQ(result.finish_reason, FinishReason::kStop);
    EXPECT_EQ(result.prompt_tokens, 3);
  }
  EXPECT_EQ(generator.too_early, 0);
}

TEST(ChoicesTest, OneReceiverHasHadEnoughOfAll) {
  const SeedSayer generator;
  const auto results =
      choose(generator, 3, [](std::size_t choice, const TextPiece&) { return choice == 0; });
  EXPECT_EQ(results[1].finish_reason, FinishReason::kCancelled);
  EXPECT_EQ(results[2].finish_reason, FinishReason::kCancelled);
  const auto none = choose(generator, 3, [](std::size_t, const TextPiece&) { return false; });
  EXPECT_THAT(texts_of(none), ElementsAre("7", "", "")) << "the others never began";
  for (const auto& result : none) EXPECT_EQ(result.finish_reason, FinishReason::kCancelled);
}

TEST(ChoicesTest, WhatGoesWrongWithOneIsThrownWhenAllHaveEnded) {
  SeedSayer generator;
  for (const std::uint64_t seed : {7u, 9u}) {
    generator.failing_seed = seed;
    EXPECT_EQ(error_code_of([&] { choose(generator, 3, nullptr); }), ErrorCode::kResourceExhausted);
  }
}

}  // namespace
}  // namespace tandem
