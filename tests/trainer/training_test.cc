// Whole runs on the real models, with few questions.
#include "trainer/training.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr const char* kCorpus =
    R"({"id": "p1", "title": "Harbour", "text": "The lighthouse of Varn was lit in 1862."}
{"id": "p2", "title": "Harbour", "text": "The harbour master lives in the white house on the quay."}
{"id": "p3", "title": "Orchard", "text": "The orchard grows pears of the kind called Winter Nelis."}
{"id": "p4", "title": "Mill", "text": "The mill burned down twice and was built of brick after that."}
)";
constexpr const char* kQuestions =
    R"({"id": "q1", "question": "When was the lighthouse lit?", "answers": ["1862"], "positives": ["p1"]}
{"id": "q2", "question": "Where does the harbour master live?", "answers": ["in the white house", "on the quay"], "positives": ["p2"]}
{"id": "q3", "question": "Which pears grow in the orchard?", "answers": ["Winter Nelis"], "positives": ["p3"]}
)";

class TrainingTest : public ::testing::Test {
 protected:
  TrainingTest() {
    if (!exists(testing::encoder_folder()) || !exists(testing::generator_file())) return;
    write_file_atomic(folder_.path() / "corpus.jsonl", kCorpus);
    write_file_atomic(folder_.path() / "questions.jsonl", kQuestions);
    options_.corpus = folder_.path() / "corpus.jsonl";
    options_.questions = folder_.path() / "questions.jsonl";
    options_.dev = options_.questions;
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

  // Without the times.
  static std::vector<json> metrics(const std::filesystem::path& run) {
    std::vector<json> lines;
    std::istringstream text(read_file(run / "metrics.jsonl"));
    for (std::string line; std::getline(text, line);) {
      lines.push_back(json::parse(line));
      lines.back().erase("seconds");
    }
    return lines;
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
  ASSERT_TRUE(report.after.has_value());
  const auto whole = metrics(options_.run);
  ASSERT_EQ(whole.size(), 5u);  // four steps and an evaluation
  const auto weights = read_file(options_.run / "encoder" / "model.safetensors");

  // The newest checkpoint is that of step 2; what came after it is as if it had never been.
  std::filesystem::remove(options_.run / "result.json");
  std::filesystem::remove_all(options_.run / "encoder");
  options_.resume = true;
  train(options_, {});
  EXPECT_EQ(metrics(options_.run), whole);
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

TEST_F(TrainingTest, TheEncoderIsTrainedAloneWhereThereIsNoGenerator) {
  options_.generator.clear();
  options_.networks.encoder.lora_rank = 0;
  options_.checkpoint_every = 0;
  options_.steps = 8;
  train(options_, {});
  const auto lines = metrics(options_.run);
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
