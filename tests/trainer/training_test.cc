// Whole runs on the real models, with few questions.
#include "trainer/training.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "model/gguf.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"
#include "tests/trainer/run_samples.h"
#include "tests/trainer/workers.h"
#include "trainer/evaluation.h"
#include "trainer/save_adapters.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr const char* kQuestions =
    R"({"id": "q1", "question": "When was the lighthouse lit?", "answers": ["1862"], "positives": ["p1"]}
{"id": "q2", "question": "Where does the harbour master live?", "answers": ["in the white house", "on the quay"], "positives": ["p2"]}
{"id": "q3", "question": "Which pears grow in the orchard?", "answers": ["Winter Nelis"], "positives": ["p3"]}
)";

class TrainingTest : public ::testing::Test {
 protected:
  TrainingTest() {
    if (!exists(testing::encoder_folder()) || !exists(testing::generator_file())) return;
    write_file_atomic(folder_.path() / "corpus.jsonl", testing::kSmallCorpus);
    write_file_atomic(folder_.path() / "questions.jsonl", kQuestions);
    options_.corpus = folder_.path() / "corpus.jsonl";
    options_.questions = folder_.path() / "questions.jsonl";
    options_.dev = options_.questions;
    options_.allow_leaks = true;
    options_.encoder = testing::encoder_folder();
    options_.generator = testing::generator_file();
    options_.run = folder_.path() / "run";
    options_.networks.precision = TrainingPrecision::kFloat;
    options_.networks.encoder.lora_rank = 2;
    options_.networks.generator.lora_rank = 2;
    options_.networks.contrastive_weight = 1;
    options_.batches.batch_size = 2;
    options_.batches.passages = 2;
    options_.steps = 4;
    options_.refresh_every = 3;
    options_.checkpoint_every = 2;
    options_.rates = {1e-3, 1e-3};
  }
  void SetUp() override {
    if (options_.run.empty()) GTEST_SKIP() << "the models are not there; run scripts/models";
  }

  ErrorCode refusal() const {
    try {
      train(options_, {});
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  }

  testing::TemporaryFolder folder_;
  TrainingOptions options_;
};

TEST_F(TrainingTest, ARunThatWasEndedGoesOnToTheSameNumbers) {
  const TrainingReport report = train(options_, {});
  EXPECT_EQ(report.steps, 4u);
  EXPECT_EQ(report.best_by, "recall@1");
  ASSERT_TRUE(report.after.contains("recall@1"));
  ASSERT_TRUE(report.before.contains("f1")) << "the dev questions were answered";
  const auto whole = testing::metrics_without_times(options_.run);
  ASSERT_EQ(whole.size(), 5u);  // four steps and an evaluation
  const auto weights = read_file(options_.run / "encoder" / "model.safetensors");

  // The newest checkpoint is that of step 2; what came after it is as if it had never been.
  std::filesystem::remove(options_.run / "result.json");
  std::filesystem::remove_all(options_.run / "encoder");
  options_.resume = true;
  train(options_, {});
  EXPECT_EQ(testing::metrics_without_times(options_.run), whole);
  EXPECT_EQ(read_file(options_.run / "encoder" / "model.safetensors"), weights);

  // What came out is what the other commands open.
  const auto encoder = Encoder::open(options_.run / "encoder");
  const auto saved = open_safetensors(options_.run / "encoder" / "model.safetensors");
  EXPECT_NE(saved->find("pooler.dense.weight"), nullptr) << "which other programs look for";
  EXPECT_NE(encoder->id(), Encoder::open(options_.encoder)->id());
  const auto generator = Generator::open(options_.run / "generator.gguf");
  const ChatMessage message = {"user", "Hello"};
  GenerationOptions generation;
  generation.max_tokens = 2;
  EXPECT_GT(generator->generate(generator->render({&message, 1}), generation, {}).completion_tokens,
            0);
}

TEST_F(TrainingTest, TwoWorkersComeToTheNumbersOfOne) {
  options_.selection = {QuestionSelection::kLoss, 0.7};
  train(options_, {});
  const auto expected = testing::metrics_without_times(options_.run);

  options_.run = folder_.path() / "together";
  const auto run = [&](bool resume) {
    testing::with_workers(2, [&](WorkerGroup& workers) {
      TrainingOptions options = options_;
      options.resume = resume;
      options.workers = &workers;
      const TrainingReport report = train(options, {});
      EXPECT_EQ(report.steps, 4u);
      EXPECT_EQ(report.after.empty(), !workers.leads());
    });
  };
  run(false);
  const auto together = testing::metrics_without_times(options_.run);
  ASSERT_EQ(together.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    for (const auto& [name, value] : expected[i].items())
      if (value.is_number()) {
        EXPECT_NEAR(together[i].at(name).get<double>(), value.get<double>(),
                    1e-3 * std::max(1.0, std::abs(value.get<double>())))
            << name << " of line " << i;
      }

  // From the checkpoint of step 2, which all of them read.
  run(true);
  EXPECT_EQ(testing::metrics_without_times(options_.run), together);
}

TEST_F(TrainingTest, AnAdapterAddedToItsModelsIsWhatWasTrained) {
  options_.checkpoint_every = 0;
  options_.rates = {1e-2, 1e-2};
  train(options_, {});
  const AdapterPair pair(options_.run / "adapter");
  merge_encoder(options_.encoder, pair.encoder, folder_.path() / "encoder");
  merge_generator(options_.generator, pair.generator, folder_.path() / "generator.gguf");

  const auto compare = [](const WeightFile& merged, const WeightFile& trained,
                          const WeightFile& base, const char* matrix, float tolerance) {
    const std::vector<float> a = dequantize(*merged.find(matrix));
    const std::vector<float> b = dequantize(*trained.find(matrix));
    const std::vector<float> before = dequantize(*base.find(matrix));
    ASSERT_EQ(a.size(), b.size());
    ASSERT_EQ(a.size(), before.size());
    float largest = 0;
    float change = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      largest = std::max(largest, std::abs(a[i] - b[i]));
      change = std::max(change, std::abs(b[i] - before[i]));
    }
    EXPECT_LT(largest, tolerance) << matrix;
    EXPECT_GT(change, 2 * tolerance) << matrix;
  };
  // Factors are kept as halves, and weights of the generator in steps of 1/127.
  compare(*open_safetensors(folder_.path() / "encoder/model.safetensors"),
          *open_safetensors(options_.run / "encoder/model.safetensors"),
          *open_safetensors(options_.encoder / "model.safetensors"),
          "encoder.layer.0.attention.self.query.weight", 1e-4f);
  compare(*open_gguf(folder_.path() / "generator.gguf"),
          *open_gguf(options_.run / "generator.gguf"), *open_gguf(options_.generator),
          "blk.0.attn_q.weight", 2e-2f);
  Generator::open(folder_.path() / "generator.gguf");

  EXPECT_EQ(testing::error_code_of([&] { AdapterPair(options_.run / "nowhere"); }),
            ErrorCode::kNotFound);
}

// The step that is kept is the best by the figure asked for, and the files are of that step.
TEST_F(TrainingTest, TheBestStepIsThatOfTheFigureAskedFor) {
  write_file_atomic(folder_.path() / "none.jsonl", R"({"question": "Who is the king of Norway?"})");
  options_.unanswerable = folder_.path() / "none.jsonl";
  options_.networks.encoder.trained = false;
  options_.batches.together_share = 1;
  options_.batches.abstention_share = 0.5;
  options_.best_by = "f1";
  options_.dev_answers = 2;
  options_.evaluate_every = 2;
  options_.checkpoint_every = 0;
  options_.rates = {0, 5e-3};
  const TrainingReport report = train(options_, {});
  double best = 0;
  std::size_t step = 0;
  for (const json& line : testing::metrics_without_times(options_.run)) {
    if (!line.contains("dev")) continue;
    EXPECT_EQ(line.at("dev").at("recall@1"), report.before.at("recall@1"));
    if (line.at("dev").at("f1") < best) continue;
    best = line.at("dev").at("f1");
    step = line.at("step");
  }
  EXPECT_EQ(report.best_step, step);
  EXPECT_EQ(report.after.at("f1"), best);
  EXPECT_FALSE(exists(options_.run / "unfinished"));
  EXPECT_FALSE(exists(options_.run / "encoder"));

  // What was measured is what the file brings.
  const Corpus corpus = read_corpus(options_.corpus);
  auto dev = read_questions(options_.questions, corpus);
  dev.erase(dev.begin() + 2);
  const auto generator = Generator::open(options_.run / "generator.gguf");
  const auto results =
      evaluate(corpus, dev, *Encoder::open(options_.encoder), generator.get(), {.passages = 2});
  double f1 = 0;
  for (const QuestionResult& result : results.results) f1 += result.scores.at("f1") / 2;
  EXPECT_NEAR(f1, best, 1e-9);
}

TEST_F(TrainingTest, ASelectionIsKeptWhereTheRunGoesOn) {
  options_.dev.reset();
  options_.networks.generator.trained = false;
  options_.selection.share = 0.34;
  options_.steps = 2;
  options_.checkpoint_every = 1;
  for (const auto by :
       {QuestionSelection::kPerplexity, QuestionSelection::kLoss, QuestionSelection::kDiversity}) {
    if (by != QuestionSelection::kPerplexity) options_.generator.clear();
    options_.selection.by = by;
    options_.run = folder_.path() / std::to_string(static_cast<int>(by));
    train(options_, {});
    const auto whole = testing::metrics_without_times(options_.run);
    EXPECT_EQ(json::parse(read_file(options_.run / "selected.json")).size(), 1u);
    TrainingOptions resumed = options_;
    resumed.resume = true;
    train(resumed, {});
    EXPECT_EQ(testing::metrics_without_times(options_.run), whole);
  }
  options_.selection.by = QuestionSelection::kPerplexity;
  EXPECT_EQ(refusal(), ErrorCode::kInvalidArgument) << "no generator";
}

TEST_F(TrainingTest, DevQuestionsThatLeakAreRefusedAndOthersKeptAside) {
  options_.allow_leaks = false;
  EXPECT_EQ(refusal(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(exists(options_.run));
  options_.dev_share = 0.4;
  EXPECT_EQ(refusal(), ErrorCode::kInvalidArgument) << "with --dev";

  options_.dev.reset();
  options_.generator.clear();
  options_.steps = 0;
  options_.epochs = 3;
  const TrainingReport report = train(options_, {});
  EXPECT_EQ(report.steps, 3u) << "two of three questions, in batches of two";
  const auto aside = read_questions(options_.run / "dev.jsonl", read_corpus(options_.corpus));
  EXPECT_EQ(aside.size(), 1u);
}

TEST_F(TrainingTest, AFigureThatTheDevQuestionsDoNotGiveCannotChooseTheBestStep) {
  write_file_atomic(folder_.path() / "bare.jsonl", R"({"question": "Why?", "answers": ["So."]})");
  options_.dev = folder_.path() / "bare.jsonl";
  for (const char* const figure : {"recall@1", "mrr", "perplexity"}) {
    options_.best_by = figure;
    EXPECT_EQ(refusal(), ErrorCode::kInvalidArgument) << figure;
  }
  options_.best_by = "f1";
  options_.dev_answers = 0;
  EXPECT_EQ(refusal(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(exists(options_.run));
}

TEST_F(TrainingTest, TheEncoderIsTrainedAloneWhereThereIsNoGenerator) {
  options_.generator.clear();
  options_.networks.encoder.lora_rank = 0;
  options_.checkpoint_every = 0;
  options_.steps = 8;
  train(options_, {});
  const auto lines = testing::metrics_without_times(options_.run);
  EXPECT_LT(lines[7].at("loss").get<double>(), lines[0].at("loss").get<double>());
  EXPECT_FALSE(exists(options_.run / "generator.gguf"));
}

TEST_F(TrainingTest, WhatCannotBeTrainedIsRefusedBeforeTheFolderIsMade) {
  TrainingOptions good = options_;
  write_file_atomic(folder_.path() / "empty.jsonl", R"({"question": "Why?", "answers": []})");
  options_.questions = folder_.path() / "empty.jsonl";
  EXPECT_EQ(refusal(), ErrorCode::kInvalidArgument);
  options_ = good;
  options_.generator.clear();
  options_.networks.contrastive_weight = 0;
  EXPECT_EQ(refusal(), ErrorCode::kInvalidArgument);
  options_ = good;
  options_.networks.encoder.trained = false;
  options_.networks.generator.trained = false;
  EXPECT_EQ(refusal(), ErrorCode::kInvalidArgument);
  options_ = good;
  options_.resume = true;
  EXPECT_EQ(refusal(), ErrorCode::kNotFound);
  EXPECT_FALSE(exists(good.run));
}

TEST_F(TrainingTest, AFullDiskEndsARunThatThenGoesOnFromTheCheckpointBefore) {
  options_.generator.clear();
  testing::expect_to_survive_a_full_disk(
      options_,
      [](const auto& options, const TrainingReporter& report) { return train(options, report); });
  const auto lines = testing::metrics_without_times(options_.run);
  ASSERT_EQ(lines.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(lines[i].at("step"), i + 1);
}

TEST_F(TrainingTest, ANumberThatIsNotFiniteNamesItsQuestionsAndKeepsWhatThereWas) {
  options_.generator.clear();
  options_.dev.reset();
  options_.checkpoint_every = 1;
  options_.batches.batch_size = 3;
  options_.rates = {1e30, 1e30};
  options_.warmup = 0;
  const auto error = testing::error_of([&] { train(options_, {}); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kInternal);
  EXPECT_NE(error->message().find("q2"), std::string::npos) << error->what();
  EXPECT_NE(error->message().find("step 2"), std::string::npos) << error->what();
  EXPECT_TRUE(exists(options_.run / "checkpoints" / "step-00000001" / "state.safetensors"));
  EXPECT_FALSE(exists(options_.run / "result.json"));
  EXPECT_EQ(testing::metrics_without_times(options_.run).size(), 1u)
      << "a step that changed nothing is none";
}

TEST_F(TrainingTest, ARunIsNeverOverwrittenNorGoneOnWithOtherwise) {
  options_.generator.clear();
  options_.steps = 1;
  train(options_, {});
  EXPECT_EQ(refusal(), ErrorCode::kAlreadyExists);
  options_.resume = true;
  options_.rates.encoder = 1;
  try {
    train(options_, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(error.message().find("encoder_rate"), std::string::npos) << error.message();
  }
}

}  // namespace
}  // namespace tandem
