// Whole runs on the real encoder, with few questions.
#include "trainer/reranker_training.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "retriever/reranker.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"
#include "tests/trainer/run_samples.h"
#include "trainer/reranker_data.h"
#include "trainer/run_record.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr const char* kQuestions =
    R"({"id": "q1", "question": "When was the lighthouse lit?", "positives": ["p1"]}
{"id": "q2", "question": "Where does the harbour master live?", "positives": ["p2"]}
{"id": "q3", "question": "Which pears grow in the orchard?", "positives": ["p3"]}
{"id": "q4", "question": "Who painted the ceiling?", "answers": ["nobody"]}
)";

class RerankerTrainingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!exists(testing::encoder_folder())) GTEST_SKIP() << "no encoder; run scripts/models";
    write_file_atomic(folder_.path() / "corpus.jsonl", testing::kSmallCorpus);
    write_file_atomic(folder_.path() / "questions.jsonl", kQuestions);
    options_.corpus = folder_.path() / "corpus.jsonl";
    options_.questions = folder_.path() / "questions.jsonl";
    options_.dev = options_.questions;
    options_.encoder = testing::encoder_folder();
    options_.run = folder_.path() / "run";
    options_.network.precision = TrainingPrecision::kFloat;
    options_.batch_size = 2;
    options_.negatives = 2;
    options_.max_tokens = 64;
    options_.steps = 4;
    options_.checkpoint_every = 2;
    options_.rate = 1e-3;
  }
  testing::TemporaryFolder folder_;
  RerankerTrainingOptions options_;
};

TEST_F(RerankerTrainingTest, ARunThatWasEndedGoesOnToTheSameNumbers) {
  const RerankerTrainingReport report = train_reranker(options_, {});
  EXPECT_EQ(report.steps, 4u);
  ASSERT_TRUE(report.retrieved.has_value());
  EXPECT_GT(report.retrieved->mrr, 0.3);
  ASSERT_TRUE(report.reranked.has_value());
  const auto whole = testing::metrics_without_times(options_.run);
  ASSERT_EQ(whole.size(), 5u);  // four steps and an evaluation
  const RunRecord record = read_run(options_.run);
  EXPECT_EQ(record.before.at("mrr"), report.retrieved->mrr);
  EXPECT_EQ(record.after.at("ndcg@10"), report.reranked->ndcg_at_10);
  EXPECT_EQ(record.best_by, "ndcg@10");
  const auto weights = read_file(options_.run / "reranker" / "model.safetensors");
  EXPECT_FALSE(exists(options_.run / "search")) << "what passages were retrieved with";

  std::filesystem::remove(options_.run / "result.json");
  std::filesystem::remove_all(options_.run / "reranker");
  options_.resume = true;
  train_reranker(options_, {});
  EXPECT_EQ(testing::metrics_without_times(options_.run), whole);
  EXPECT_EQ(read_file(options_.run / "reranker" / "model.safetensors"), weights);

  const auto reranker = Reranker::open(options_.run / "reranker");
  const std::string passage(1000, 'x');
  EXPECT_LE(reranker->pairs("why", std::vector{passage + " and more" + passage})[0].tokens.size(),
            64u);
}

TEST_F(RerankerTrainingTest, QuestionsAreLearned) {
  options_.steps = 30;
  options_.checkpoint_every = 0;
  options_.dev.reset();
  const RerankerTrainingReport report = train_reranker(options_, {});
  EXPECT_FALSE(report.reranked.has_value());
  EXPECT_EQ(report.best_step, 30u);
  EXPECT_LT(testing::metrics_without_times(options_.run).back().at("loss").get<double>(),
            0.5 * testing::metrics_without_times(options_.run).front().at("loss").get<double>());
}

TEST_F(RerankerTrainingTest, ARunCanBeginWithAReranker) {
  options_.checkpoint_every = 0;
  options_.dev.reset();
  options_.steps = 1;
  train_reranker(options_, {});
  RerankerTrainingOptions next = options_;
  next.reranker = options_.run / "reranker";
  next.run = folder_.path() / "next";
  next.max_tokens = 32;
  next.rate = 0;
  train_reranker(next, {});
  EXPECT_EQ(read_file(next.run / "reranker" / "model.safetensors"),
            read_file(options_.run / "reranker" / "model.safetensors"));
  EXPECT_EQ(reranker_max_tokens(next.run / "reranker"), 32u);
  next.run = folder_.path() / "refused";
  next.reranker = options_.encoder;  // which has no head
  EXPECT_EQ(testing::error_code_of([&] { train_reranker(next, {}); }), ErrorCode::kUnsupported);
}

TEST_F(RerankerTrainingTest, WhatCannotBeTrainedIsRefused) {
  const auto refusal = [&] {
    return testing::error_code_of([&] { train_reranker(options_, {}); });
  };
  const RerankerTrainingOptions good = options_;
  write_file_atomic(folder_.path() / "none.jsonl", R"({"question": "Why?", "answers": ["so"]})");
  options_.questions = folder_.path() / "none.jsonl";
  EXPECT_EQ(refusal(), ErrorCode::kInvalidArgument);
  options_ = good;
  options_.negatives = 0;
  EXPECT_EQ(refusal(), ErrorCode::kInvalidArgument);
  options_ = good;
  options_.max_tokens = 3;
  EXPECT_EQ(refusal(), ErrorCode::kUnsupported);
  options_ = good;
  options_.resume = true;
  EXPECT_EQ(refusal(), ErrorCode::kNotFound);
  EXPECT_FALSE(exists(good.run));
}

// Batches need no network.
TEST_F(RerankerTrainingTest, NegativesAreNeverRightAndAreDrawnAnew) {
  const Corpus corpus = read_corpus(options_.corpus);
  const auto questions = read_questions(options_.questions, corpus);
  const auto tokenizer = open_tokenizer(options_.encoder);
  const PairLayout layout(BertCheckpoint::open(options_.encoder).config, *tokenizer, 64);
  RerankerData data(corpus, questions, *tokenizer, layout, {.batch_size = 3, .negatives = 2});
  ASSERT_EQ(data.questions().size(), 3u);
  EXPECT_EQ(data.steps_per_epoch(), 1u);
  data.set_retrieved({{0, 1, 2, 3}, {1}, {2, 0}});  // the positives are 0, 1, 2
  std::vector<TextPair> right;
  for (std::size_t i = 0; i < 3; ++i)
    right.push_back(
        layout.join(tokenizer->encode(questions[i].text),
                    tokenizer->encode(corpus.passages[i].title + "\n" + corpus.passages[i].text)));
  std::set<std::vector<TokenId>> negatives_of_first;
  for (std::size_t step = 0; step < 20; ++step) {
    const auto batch = data.batch(step);
    const auto ids = data.batch_ids(step);
    ASSERT_EQ(batch.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto place = static_cast<std::size_t>(ids[i].back() - '1');
      ASSERT_EQ(batch[i].size(), 3u);
      EXPECT_EQ(batch[i][0].tokens, right[place].tokens);
      for (const std::size_t k : {1, 2}) {
        EXPECT_NE(batch[i][k].tokens, right[place].tokens);
        if (place == 0) negatives_of_first.insert(batch[i][k].tokens);
      }
    }
  }
  EXPECT_EQ(negatives_of_first.size(), 3u);
}

}  // namespace
}  // namespace tandem
