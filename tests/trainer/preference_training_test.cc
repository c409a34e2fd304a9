// Whole runs on a tiny chat model.
#include "trainer/preference_training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "generator/fitted_prompt.h"
#include "model/gguf.h"
#include "tests/support/chat_gguf.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"
#include "tests/trainer/run_samples.h"
#include "trainer/preference_data.h"
#include "trainer/run_record.h"
#include "trainer/run_report.h"
#include "trainer/save_adapters.h"

namespace tandem {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* kPairs =
    R"({"id": "q1", "question": "When was the lighthouse lit?", "passages": ["p1", "p2"], "chosen": "In 1862.", "rejected": "I am a language model and cannot say."}
{"id": "q2", "question": "Where does the harbour master live?", "passages": ["p2"], "chosen": "On the quay.", "rejected": "He lives in the lighthouse, which is tall."}
{"id": "q3", "question": "Which pears grow there?", "passages": [], "chosen": "Winter Nelis.", "rejected": "Apples!"}
)";

class PreferenceTrainingTest : public ::testing::Test {
 protected:
  PreferenceTrainingTest() {
    const auto write = [&](const char* name, const std::string& text) {
      write_file_atomic(folder_.path() / name, text);
      return folder_.path() / name;
    };
    options_.corpus = write("corpus.jsonl", testing::kSmallCorpus);
    options_.preferences = write("pairs.jsonl", kPairs);
    options_.generator = write("chat.gguf", testing::chat_gguf());
    options_.dev = options_.preferences;
    options_.allow_leaks = true;
    options_.run = folder_.path() / "run";
    options_.network.precision = TrainingPrecision::kFloat;
    options_.batch_size = 2;
    options_.steps = 4;
    options_.checkpoint_every = 2;
    options_.rate = 1e-3;
  }
  std::optional<Error> refusal() const {
    return testing::error_of([&] { train_preferences(options_, {}); });
  }
  // As the options' pairs, with other lines.
  void give(const char* lines) {
    options_.preferences = folder_.path() / "other.jsonl";
    write_file_atomic(options_.preferences, lines);
  }

  testing::TemporaryFolder folder_;
  PreferenceTrainingOptions options_;
};

TEST_F(PreferenceTrainingTest, ARunThatWasEndedGoesOnToTheSameNumbers) {
  for (const int rank : {0, 2}) {
    options_.network.generator.lora_rank = rank;
    options_.run = folder_.path() / std::to_string(rank);
    options_.resume = false;
    options_.evaluate_every = 1;
    const PreferenceTrainingReport report = train_preferences(options_, {});
    EXPECT_EQ(report.steps, 4u);
    EXPECT_NEAR(report.before.at("loss"), 0.6931, 1e-3);
    const auto whole = testing::metrics_without_times(options_.run);
    ASSERT_EQ(whole.size(), 8u);  // four steps, an evaluation after each
    const auto weights = read_file(options_.run / "generator.gguf");
    EXPECT_EQ(exists(options_.run / "adapter" / "generator.gguf"), rank > 0);
    EXPECT_FALSE(exists(options_.run / "unfinished"));

    // The newest checkpoint is that of step 2; what came after it is as if it had never been.
    std::filesystem::remove(options_.run / "result.json");
    std::filesystem::remove(options_.run / "generator.gguf");
    options_.resume = true;
    const PreferenceTrainingReport resumed = train_preferences(options_, {});
    EXPECT_EQ(testing::metrics_without_times(options_.run), whole);
    EXPECT_EQ(read_file(options_.run / "generator.gguf"), weights);
    EXPECT_EQ(resumed.best_step, report.best_step);
    EXPECT_EQ(resumed.after, report.after);

    // What came out is what the other commands open.
    EXPECT_NO_THROW(Generator::open(options_.run / "generator.gguf"));
    if (rank == 0) continue;
    EXPECT_NO_THROW(merge_generator(options_.generator, options_.run / "adapter/generator.gguf",
                                    folder_.path() / "merged.gguf"));
  }
}

TEST_F(PreferenceTrainingTest, TheMarginGrowsAndTheRecordShowsIt) {
  options_.steps = 30;
  options_.checkpoint_every = 0;
  options_.evaluate_every = 10;
  options_.batch_size = 3;
  const PreferenceTrainingReport report = train_preferences(options_, {});
  EXPECT_EQ(report.best_step, 30u);
  EXPECT_EQ(report.before.at("margin"), 0);
  EXPECT_GT(report.after.at("margin"), 0.5);
  EXPECT_LT(report.after.at("loss"), 0.5);
  EXPECT_EQ(report.after.at("wins"), 1);

  const RunRecord record = read_run(options_.run);
  EXPECT_TRUE(record.ended);
  EXPECT_EQ(record.options.at("kind"), "preferences");
  EXPECT_EQ(record.best_by, "loss");
  EXPECT_EQ(record.after, report.after);
  EXPECT_EQ(record.curves.at("margin").size(), 30u);
  EXPECT_EQ(record.curves.at("dev wins").size(), 3u);
  EXPECT_LT(record.curves.at("rejected_reward").back().second, 0);
  EXPECT_THAT(report_html(record), HasSubstr("dev margin"));
}

// The lowest loss on the dev pairs chooses: here that of the first step, since these want the
// opposite.
TEST_F(PreferenceTrainingTest, TheStepOfTheLowestDevLossIsKept) {
  write_file_atomic(
      folder_.path() / "opposite.jsonl",
      R"({"question": "When was the lighthouse lit?", "passages": ["p1", "p2"], "rejected": "In 1862.", "chosen": "I am a language model and cannot say."})");
  options_.dev = folder_.path() / "opposite.jsonl";
  options_.evaluate_every = 1;
  const PreferenceTrainingReport report = train_preferences(options_, {});
  EXPECT_EQ(report.best_step, 1u);
  EXPECT_EQ(testing::metrics_without_times(options_.run)[1].at("dev").at("loss"),
            report.after.at("loss"));
  EXPECT_GT(testing::metrics_without_times(options_.run).back().at("dev").at("loss"),
            report.after.at("loss"));
}

TEST_F(PreferenceTrainingTest, PairsAreKeptAside) {
  options_.dev.reset();
  options_.dev_share = 0.4;
  options_.steps = 0;
  options_.epochs = 3;
  const PreferenceTrainingReport report = train_preferences(options_, {});
  EXPECT_EQ(report.steps, 3u) << "two of three pairs, in batches of two";
  EXPECT_TRUE(report.after.contains("wins"));
  EXPECT_EQ(json::parse(read_file(options_.run / "reference.json")).at("dev").size(), 1u);
}

TEST_F(PreferenceTrainingTest, PromptsAreThoseThatAreServed) {
  const Corpus corpus = read_corpus(options_.corpus);
  const auto pairs = read_preferences(options_.preferences, corpus);
  const auto generator = Generator::open(options_.generator);
  const auto tokens = preference_tokens(corpus, pairs, *generator, 256);
  ASSERT_EQ(tokens.size(), 3u);
  const ChatMessage message = {"user", pairs[0].question};
  const std::vector<Hit> hits = {{to_passage(corpus.passages[0]), 1},
                                 {to_passage(corpus.passages[1]), 1}};
  EXPECT_EQ(tokens[0].prompt,
            fit_prompt(*generator, {&message, 1}, hits, 64, nullptr).prompt.tokens);
  EXPECT_EQ(tokens[0].chosen.back(), *generator->end_of_turn());
  EXPECT_EQ(tokens[0].rejected.back(), *generator->end_of_turn());
  const ChatMessage bare = {"user", pairs[2].question};
  EXPECT_EQ(tokens[2].prompt, generator->render({&bare, 1}).tokens)
      << "no passages, no instruction";
}

TEST_F(PreferenceTrainingTest, PairsThatNameNoPassagesGetThoseThatAreFound) {
  if (!exists(testing::encoder_folder())) GTEST_SKIP() << "no encoder; run scripts/models";
  const Corpus corpus = read_corpus(options_.corpus);
  PreferencePair pair = {"a", "Which pears does the orchard grow?", {}, "x", "y"};
  PreferencePair* const pairs[] = {&pair};
  retrieve_passages(corpus, *Encoder::open(testing::encoder_folder()), 2, pairs);
  ASSERT_EQ(pair.passages->size(), 2u);
  EXPECT_EQ(pair.passages->front(), 2u);

  // In a run, those that name some keep them.
  give(
      R"({"id": "q1", "question": "When was the lighthouse lit?", "passages": ["p2"], "chosen": "In 1862.", "rejected": "No."}
{"id": "q2", "question": "Where does the harbour master live?", "chosen": "On the quay.", "rejected": "He."})");
  options_.encoder = testing::encoder_folder();
  options_.dev.reset();
  options_.passages = 2;
  train_preferences(options_, {});
  EXPECT_TRUE(exists(options_.run / "generator.gguf"));
}

TEST_F(PreferenceTrainingTest, WhatCannotBeTrainedIsRefusedBeforeTheFolderIsMade) {
  const PreferenceTrainingOptions good = options_;
  const auto refused = [&](const auto& change) {
    options_ = good;
    change();
    const auto error = refusal();
    EXPECT_FALSE(exists(good.run));
    return error ? error->code() : ErrorCode::kInternal;
  };
  EXPECT_EQ(refused([&] { options_.allow_leaks = false; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused([&] { options_.dev_share = 0.5; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused([&] { options_.resume = true; }), ErrorCode::kNotFound);
  EXPECT_EQ(refused([&] { options_.network.beta = 0; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused([&] { options_.batch_size = 0; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused([&] { options_.epochs = options_.steps = 0; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused([&] { options_.generator = options_.corpus; }), ErrorCode::kCorrupt);
  EXPECT_EQ(refused([&] { options_.preferences = "nowhere.jsonl"; }), ErrorCode::kNotFound);
}

TEST_F(PreferenceTrainingTest, PairsThatCannotBeReadAreNamed) {
  give(R"({"id": "bare", "question": "Why?", "chosen": "So.", "rejected": "Not so."})");
  const auto bare = refusal();
  ASSERT_TRUE(bare.has_value());
  EXPECT_EQ(bare->code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(bare->message(), HasSubstr("bare"));
  EXPECT_THAT(bare->advice(), HasSubstr("--encoder"));

  const json long_line = {{"id", "long"},
                          {"question", "Why?"},
                          {"passages", json::array()},
                          {"chosen", std::string(3000, 'x')},
                          {"rejected", "No."}};
  give(long_line.dump().c_str());
  const auto too_long = refusal();
  ASSERT_TRUE(too_long.has_value());
  EXPECT_EQ(too_long->code(), ErrorCode::kTooLarge);
  EXPECT_THAT(too_long->message(), HasSubstr("pair long"));
}

TEST_F(PreferenceTrainingTest, ANumberThatIsNotFiniteNamesItsPairsAndKeepsWhatThereWas) {
  options_.dev.reset();
  options_.checkpoint_every = 1;
  options_.batch_size = 3;
  options_.rate = 1e30;
  options_.warmup = 0;
  const auto error = refusal();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kInternal);
  EXPECT_THAT(error->message(), HasSubstr("step 2"));
  EXPECT_THAT(error->message(), HasSubstr("q2"));
  EXPECT_TRUE(exists(options_.run / "checkpoints" / "step-00000001" / "state.safetensors"));
  EXPECT_FALSE(exists(options_.run / "result.json"));
  EXPECT_EQ(testing::metrics_without_times(options_.run).size(), 1u);
}

TEST_F(PreferenceTrainingTest, AFullDiskEndsARunThatThenGoesOnFromTheCheckpointBefore) {
  testing::expect_to_survive_a_full_disk(options_,
                                         [](const auto& options, const TrainingReporter& report) {
                                           return train_preferences(options, report);
                                         });
}

TEST_F(PreferenceTrainingTest, ARunIsNeverGoneOnWithOtherwise) {
  options_.steps = 1;
  train_preferences(options_, {});
  EXPECT_EQ(refusal()->code(), ErrorCode::kAlreadyExists);
  options_.resume = true;
  options_.network.beta = 0.2;
  const auto error = refusal();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error->message(), HasSubstr("beta"));
  options_.network.beta = 0.1;
  write_file_atomic(options_.run / "reference.json", "{}");
  EXPECT_EQ(refusal()->code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace tandem
