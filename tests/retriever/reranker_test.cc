// Logits of texts are compared with those of `transformers` on the same weights
// (tests/model/references/make_cross_encoders.py).
#include "retriever/reranker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "tests/support/errors.h"
#include "tests/support/json_lines.h"
#include "tests/support/reranker_folder.h"

namespace tandem {
namespace {

using nlohmann::json;

std::vector<float> scores(const Reranker& reranker, const std::string& query,
                          const std::vector<std::string>& passages) {
  return reranker.score(reranker.pairs(query, passages));
}

TEST(RerankerTest, TextsGetTheLogitsOfTransformers) {
  const auto reranker = Reranker::open(testing::reranker_folder());
  EXPECT_EQ(reranker->name(), "bert");
  std::size_t count = 0;
  for (const json& line : testing::read_reference(testing::reranker_folder() / "logits.jsonl")) {
    const auto found = scores(*reranker, line["first"], {line["second"].get<std::string>()});
    ASSERT_EQ(found.size(), 1u);
    // Tiles multiply in bfloat16, and random weights even nothing out.
    EXPECT_NEAR(found[0], line["logit"].get<float>(), 0.5f) << line["first"];
    ++count;
  }
  EXPECT_GE(count, 8u);
}

TEST(RerankerTest, ALogitDoesNotDependOnItsBatchOrPlace) {
  const auto reranker = Reranker::open(testing::reranker_folder());
  const std::vector<std::string> words = {"lighthouse", "burned", "pears", "twice", "harbour"};
  std::vector<std::string> passages;
  for (std::size_t i = 0; i < 200; ++i) {  // several batches, of all lengths, out of order
    std::string text;
    for (std::size_t k = 0; k < 1 + i * 7 % 33; ++k) text += words[(i + k * k) % 5] + " ";
    passages.push_back(text);
  }
  const auto together = scores(*reranker, "when was the mill built", passages);
  ASSERT_EQ(together.size(), passages.size());
  for (std::size_t i = 0; i < passages.size(); i += 13)
    EXPECT_NEAR(scores(*reranker, "when was the mill built", {passages[i]})[0], together[i], 1e-4f)
        << i;
  EXPECT_TRUE(scores(*reranker, "when", {}).empty());
}

TEST(RerankerTest, TheFolderSaysHowLongSequencesMayBe) {
  const testing::TemporaryFolder copy;
  std::filesystem::copy(testing::reranker_folder(), copy.path(),
                        std::filesystem::copy_options::recursive);
  const auto longest_with = [&](const std::string& config) {
    write_file_atomic(copy.path() / "tokenizer_config.json", config);
    std::string passage;
    for (int i = 0; i < 100; ++i) passage += "mill ";
    return Reranker::open(copy.path())->pairs("when", std::vector{passage})[0].tokens.size();
  };
  EXPECT_EQ(longest_with(R"({"model_max_length": 16})"), 16u);
  EXPECT_EQ(longest_with(R"({"model_max_length": 4000})"), 40u);  // of the positions
  EXPECT_EQ(longest_with(R"({"model_max_length": 1e30})"), 40u);
  EXPECT_EQ(longest_with("{}"), 40u);
  EXPECT_EQ(testing::error_code_of([&] { longest_with(R"({"model_max_length": 0})"); }),
            ErrorCode::kUnsupported);
  EXPECT_EQ(testing::error_code_of([&] { longest_with("{"); }), ErrorCode::kCorrupt);
}

TEST(RerankerTest, FoldersThatHoldNoRerankerAreRefused) {
  const testing::TemporaryFolder empty;
  const auto missing = testing::error_of([&] { (void)Reranker::open(empty.path()); });
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing->advice(), ::testing::HasSubstr("cross-encoder"));

  const testing::TemporaryFolder copy;
  std::filesystem::copy(testing::reranker_folder(), copy.path(),
                        std::filesystem::copy_options::recursive);
  std::string vocabulary = read_file(copy.path() / "vocab.txt");
  write_file_atomic(copy.path() / "vocab.txt", vocabulary + "more\n");
  EXPECT_EQ(testing::error_code_of([&] { (void)Reranker::open(copy.path()); }),
            ErrorCode::kCorrupt);
}

TEST(RerankerTest, LogitsAndScoresAreMixedByWeight) {
  const std::vector<ScoredPassage> found = {{7, 0.9f}, {5, 0.5f}, {9, 0.1f}};
  const std::vector<float> logits = {-4, 6, 1};  // scaled 0, 1, 0.5; the scores 1, 0.5, 0
  const auto ids = [&](float weight) { return ids_of(rerank(found, logits, weight)); };
  EXPECT_EQ(ids(1), (std::vector<PassageId>{5, 9, 7}));
  EXPECT_EQ(ids(0), (std::vector<PassageId>{7, 5, 9}));
  const auto halves = rerank(found, logits, 0.5f);
  EXPECT_EQ(ids_of(halves), (std::vector<PassageId>{5, 7, 9}));
  EXPECT_FLOAT_EQ(halves[0].score, 0.75f);
  EXPECT_FLOAT_EQ(halves[1].score, 0.5f);
  EXPECT_FLOAT_EQ(halves[2].score, 0.25f);
  EXPECT_TRUE(rerank({}, {}).empty());
}

TEST(RerankerTest, RelevanceIsAProbability) {
  EXPECT_FLOAT_EQ(relevance(0), 0.5f);
  EXPECT_NEAR(relevance(2), 0.880797f, 1e-6f);
  EXPECT_NEAR(relevance(-2), 0.119203f, 1e-6f);
  EXPECT_EQ(relevance(1000), 1.0f);
  EXPECT_EQ(relevance(-1000), 0.0f);
}

}  // namespace
}  // namespace tandem
