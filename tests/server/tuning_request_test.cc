#include "server/tuning/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/http_error.h"

namespace tandem {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json body_with(const json& fields) {
  json body = {{"model", "tandem"}, {"training_file", "file-1"}};
  body.update(fields);
  return body;
}

// What follows a flag; "" where it is not there.
std::string value_of(const TuningRequest& request, const std::string& flag) {
  const auto& all = request.arguments;
  const auto found = std::find(all.begin(), all.end(), flag);
  return found == all.end() || found + 1 == all.end() ? "" : *(found + 1);
}

TEST(TuningRequestTest, TheDefaultTrainsTheGenerator) {
  const TuningRequest request = parse_tuning_request(body_with(json::object()));
  EXPECT_EQ(request.method, TuningMethod::kSupervised);
  EXPECT_EQ(value_of(request, "--train"), "generator");
  EXPECT_EQ(value_of(request, "--encoder-rate"), "2e-05");
  EXPECT_EQ(value_of(request, "--generator-rate"), "5e-05");
  EXPECT_EQ(value_of(request, "--checkpoint"), "50");
  EXPECT_EQ(value_of(request, "--seed"), std::to_string(request.seed));
  EXPECT_EQ(request.collection, "default");
  EXPECT_FALSE(request.promote);
}

TEST(TuningRequestTest, ReadsEveryField) {
  const TuningRequest request =
      parse_tuning_request(body_with({{"validation_file", "file-2"},
                                      {"seed", 7},
                                      {"suffix", "tides-1.0"},
                                      {"metadata", {{"who", "me"}}},
                                      {"method",
                                       {{"type", "joint"},
                                        {"joint",
                                         {{"hyperparameters",
                                           {{"n_epochs", 3},
                                            {"batch_size", 4},
                                            {"learning_rate_multiplier", 2},
                                            {"beta", 0.1}}}}}}},
                                      {"tandem",
                                       {{"collection", "laws"},
                                        {"loss", "pdist"},
                                        {"lora_rank", 8},
                                        {"steps", 30},
                                        {"passages", 3},
                                        {"together", 0.5},
                                        {"encoder_rate", 0.001},
                                        {"allow_leaks", true},
                                        {"best_by", "f1"},
                                        {"checkpoint", 5},
                                        {"promote_if", "dev.f1 > current + 0.1"}}}}));
  EXPECT_EQ(request.method, TuningMethod::kJoint);
  EXPECT_EQ(request.validation_file, "file-2");
  EXPECT_EQ(request.suffix, "tides-1.0");
  EXPECT_EQ(request.metadata.at("who"), "me");
  EXPECT_EQ(request.n_epochs, 3);
  EXPECT_EQ(request.collection, "laws");
  EXPECT_EQ(request.promote_if, "dev.f1 > current + 0.1");
  const std::map<std::string, std::string> expected = {{"--train", "both"},
                                                       {"--seed", "7"},
                                                       {"--epochs", "3"},
                                                       {"--batch", "4"},
                                                       {"--loss", "pdist"},
                                                       {"--lora", "8"},
                                                       {"--steps", "30"},
                                                       {"--passages", "3"},
                                                       {"--together", "0.5"},
                                                       {"--best-by", "f1"},
                                                       {"--checkpoint", "5"},
                                                       {"--encoder-rate", "0.002"},
                                                       {"--generator-rate", "0.0001"}};
  for (const auto& [flag, value] : expected) EXPECT_EQ(value_of(request, flag), value) << flag;
  EXPECT_THAT(request.arguments, ::testing::Contains("--allow-leaks"));
}

TEST(TuningRequestTest, TheOldPlaceOfHyperparametersCounts) {
  const TuningRequest request = parse_tuning_request(
      body_with({{"hyperparameters", {{"n_epochs", 2}, {"batch_size", "auto"}}}}));
  EXPECT_EQ(request.n_epochs, 2);
  EXPECT_FALSE(request.batch_size);
}

TEST(TuningRequestTest, PreferencesHaveOptionsOfTheirOwn) {
  const TuningRequest request = parse_tuning_request(
      body_with({{"method", {{"type", "dpo"}, {"dpo", {{"hyperparameters", {{"beta", 0.2}}}}}}},
                 {"tandem", {{"chosen_weight", 0.5}, {"lora_rank", 4}}}}));
  EXPECT_EQ(request.method, TuningMethod::kDpo);
  EXPECT_EQ(value_of(request, "--beta"), "0.2");
  EXPECT_EQ(value_of(request, "--chosen-weight"), "0.5");
  EXPECT_EQ(value_of(request, "--lora"), "4");
  EXPECT_EQ(value_of(request, "--generator-rate"), "5e-06");
  EXPECT_THAT(request.arguments, ::testing::Not(::testing::Contains("--train")));
  EXPECT_THAT(request.arguments, ::testing::Not(::testing::Contains("--encoder-rate")));
}

// A record is read in this way.
TEST(TuningRequestTest, WhatIsKeptGivesTheSameAgain) {
  const TuningRequest request = parse_tuning_request(
      body_with({{"unheard_of", {1, 2}}, {"tandem", {{"lora_rank", 2}, {"dev_share", 0.25}}}}));
  const TuningRequest again = parse_tuning_request(request.body);
  EXPECT_EQ(again.arguments, request.arguments);
  EXPECT_EQ(again.seed, request.seed);
  EXPECT_EQ(again.body, request.body);
  EXPECT_FALSE(request.body.contains("unheard_of"));
}

struct Refused {
  const char* fields;
  const char* param;
};

class RefusedTuningRequest : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedTuningRequest, NamesTheField) {
  try {
    parse_tuning_request(body_with(json::parse(GetParam().fields)));
    FAIL() << "nothing was thrown for " << GetParam().fields;
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status(), 400);
    EXPECT_EQ(error.param(), GetParam().param) << GetParam().fields;
    EXPECT_THAT(error.what(), HasSubstr(GetParam().param));
  }
}

INSTANTIATE_TEST_SUITE_P(
    TuningRequestTest, RefusedTuningRequest,
    ::testing::Values(
        Refused{R"({"model": null})", "model"}, Refused{R"({"model": ["a"]})", "model"},
        Refused{R"({"training_file": ""})", "training_file"}, Refused{R"({"seed": -1})", "seed"},
        Refused{R"({"seed": 1e30})", "seed"}, Refused{R"({"suffix": "a/b"})", "suffix"},
        Refused{
            R"({"suffix": "../../../../../../../../../../../../../../../../../../../../../ab"})",
            "suffix"},
        Refused{R"({"metadata": {"a": 1}})", "metadata.a"},
        Refused{R"({"metadata": {"": "b"}})", "metadata"},
        Refused{R"({"method": {"type": "reinforcement"}})", "method.type"},
        Refused{R"({"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": -1}}}})",
                "method.dpo.hyperparameters.beta"},
        Refused{R"({"method": {"type": "dpo"}, "tandem": {"pool": 8}})", "tandem.pool"},
        Refused{R"({"method": {"type": "dpo"}, "tandem": {"encoder_rate": 1e-5}})",
                "tandem.encoder_rate"},
        Refused{R"({"method": {"type": "dpo"}, "validation_file": "file-2",
                    "tandem": {"promote_if": "dev.f1 > 0.5"}})",
                "tandem.promote_if"},
        Refused{R"({"tandem": {"chosen_weight": 1}})", "tandem.chosen_weight"},
        Refused{R"({"method": {"type": "reinforcement"}})", "method.type"},
        Refused{R"({"method": {"type": "magic"}})", "method.type"},
        Refused{R"({"method": {}})", "method.type"},
        Refused{R"({"method": {"type": "joint", "joint": {"hyperparameters": {"n_epochs": 0}}}})",
                "method.joint.hyperparameters.n_epochs"},
        Refused{R"({"hyperparameters": {"batch_size": "many"}})", "hyperparameters.batch_size"},
        Refused{R"({"integrations": [{"type": "wandb"}]})", "integrations"},
        Refused{R"({"tandem": 1})", "tandem"},
        Refused{R"({"tandem": {"collection": "../x"}})", "tandem.collection"},
        Refused{R"({"tandem": {"collection": "a", "corpus_file": "file-3"}})",
                "tandem.corpus_file"},
        Refused{R"({"tandem": {"loss": "guess"}})", "tandem.loss"},
        Refused{R"({"tandem": {"lora_rank": 1e9}})", "tandem.lora_rank"},
        Refused{R"({"tandem": {"passages": 1.5}})", "tandem.passages"},
        Refused{R"({"tandem": {"encoder_rate": -1}})", "tandem.encoder_rate"},
        Refused{R"({"validation_file": "file-2", "tandem": {"dev_share": 0.1}})",
                "tandem.dev_share"},
        Refused{R"({"tandem": {"promote_if": "dev.f1 > current"}})", "tandem.promote_if"},
        Refused{R"({"tandem": {"promote_if": "rm -rf", "dev_share": 0.1}})", "tandem.promote_if"},
        Refused{R"({"tandem": {"promote_if": "dev.f1 > 0", "promote": true, "dev_share": 0.1}})",
                "tandem.promote_if"}));

}  // namespace
}  // namespace tandem
