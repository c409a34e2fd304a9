#include "trainer/training_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "generator/abstention.h"
#include "tests/support/errors.h"
#include "tests/support/fake_encoder.h"
#include "tests/support/fake_generator.h"

namespace tandem {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::text_of_bytes;

// What the generator is to say, without the token that ends the turn.
std::string answer_of(const TrainingQuestion& question) {
  EXPECT_EQ(question.answer.back(), testing::FakeGenerator::kEndOfTurn);
  return text_of_bytes(std::span(question.answer).first(question.answer.size() - 1));
}

// Ten passages, "fact 0." to "fact 9."; question i is answered by passage i and finds it at place
// 3, behind others. The last question cannot be answered.
class TrainingDataTest : public ::testing::Test {
 protected:
  TrainingDataTest() {
    for (std::size_t i = 0; i < 10; ++i) {
      corpus_.passages.push_back(
          {"p" + std::to_string(i), "", "fact " + std::to_string(i) + " of the world."});
      corpus_.by_id[corpus_.passages.back().id] = i;
    }
    for (std::size_t i = 0; i < 4; ++i)
      questions_.push_back({"q" + std::to_string(i),
                            "What is " + std::to_string(i) + "?",
                            {"fact " + std::to_string(i)},
                            {i}});
    questions_.push_back({"none", "What is nowhere?", {}, {}});
    options_.batch_size = questions_.size();
    options_.passages = 2;
    options_.pool = 4;
  }

  TrainingData make() const {
    TrainingData data(corpus_, questions_, encoder_, &generator_, options_);
    RetrievedPassages retrieved;
    for (std::uint32_t i = 0; i < data.question_count(); ++i)
      retrieved.push_back({(i + 5) % 10, (i + 6) % 10, i, (i + 7) % 10});
    data.set_retrieved(retrieved);
    return data;
  }

  // Those that say that they do not know.
  static std::vector<TrainingQuestion> abstentions(const std::vector<TrainingQuestion>& batch) {
    std::vector<TrainingQuestion> some;
    std::copy_if(batch.begin(), batch.end(), std::back_inserter(some),
                 [](const auto& question) { return answer_of(question) == kAbstention; });
    return some;
  }

  Corpus corpus_;
  std::vector<Question> questions_;
  testing::FakeEncoder encoder_;
  testing::FakeGenerator generator_;
  BatchOptions options_;
};

TEST_F(TrainingDataTest, AQuestionWithoutAnswerTeachesTheGeneratorToSayThatItDoesNotKnow) {
  const TrainingData data = make();
  EXPECT_EQ(data.question_count(), 5u);
  const auto batch = data.batch(0);
  ASSERT_EQ(batch.size(), 5u);
  const auto some = abstentions(batch);
  ASSERT_EQ(some.size(), 1u);
  const std::string prompt = text_of_bytes(some[0].together);
  EXPECT_THAT(prompt, HasSubstr("What is nowhere?"));
  EXPECT_THAT(prompt, HasSubstr("fact 9 of"));  // the best that it found
  EXPECT_THAT(prompt, Not(HasSubstr("[2]")));
  EXPECT_TRUE(some[0].passages.empty());
  EXPECT_EQ(answer_of(batch.back()), kAbstention) << "what has no passages comes last";
}

TEST_F(TrainingDataTest, QuestionsWithoutAnswerAreLeftOutWhereTheGeneratorDoesNotLearn) {
  options_.generator_learns = false;
  options_.abstention_share = 1;
  options_.together_share = 1;
  const TrainingData data = make();
  EXPECT_EQ(data.question_count(), 4u);
  for (const TrainingQuestion& question : data.batch(0)) {
    EXPECT_FALSE(question.passages.empty());
    EXPECT_TRUE(question.together.empty());
  }
}

TEST_F(TrainingDataTest, OnlyQuestionsWithoutAnswerAreNoTrainingSet) {
  questions_.erase(questions_.begin(), questions_.begin() + 4);
  const auto error = testing::error_of([&] { make(); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument);
}

TEST_F(TrainingDataTest, AbstainingIsAlsoLearnedWherePassagesLackAnAnswerThatThereIs) {
  options_.abstention_share = 1;
  // The best passage of question 0 holds its answer though nobody has marked it.
  corpus_.passages[5].text = "Here is Fact 0, too.";
  const auto batch = make().batch(0);
  ASSERT_EQ(batch.size(), 9u);
  for (const TrainingQuestion& question : abstentions(batch)) {
    EXPECT_TRUE(question.passages.empty());
    const std::string prompt = text_of_bytes(question.together);
    for (int i = 0; i < 4; ++i) {
      const std::string number = std::to_string(i);
      if (prompt.find("What is " + number) == std::string::npos) continue;
      EXPECT_THAT(prompt, Not(HasSubstr("fact " + number)));
      if (i == 0) {
        EXPECT_THAT(prompt, HasSubstr("fact 6 of"));
      }
    }
  }
  // Where everything that was found holds it, there is nothing to ask with.
  for (TrainingPassage& passage : corpus_.passages) passage.text += " Fact 0 and fact 1.";
  EXPECT_EQ(make().batch(0).size(), 7u);
}

TEST_F(TrainingDataTest, SharesAreDrawnAnewInEachEpochAndTheSameForTheSameSeed) {
  options_.abstention_share = 0.5;
  options_.together_share = 0.5;
  const TrainingData data = make();
  std::set<std::size_t> sizes;
  std::size_t abstained = 0;
  std::size_t together = 0;
  constexpr std::size_t kEpochs = 50;
  for (std::size_t epoch = 0; epoch < kEpochs; ++epoch) {
    const auto batch = data.batch(epoch);
    sizes.insert(batch.size());
    abstained += batch.size() - 5;
    for (const TrainingQuestion& question : batch)
      together += !question.passages.empty() && !question.together.empty() ? 1 : 0;
    EXPECT_EQ(make().batch(epoch).size(), batch.size());
  }
  EXPECT_GT(sizes.size(), 2u);
  EXPECT_NEAR(static_cast<double>(abstained), 0.5 * 4 * kEpochs, 35);  // five deviations
  EXPECT_NEAR(static_cast<double>(together), 0.5 * 4 * kEpochs, 35);
}

TEST_F(TrainingDataTest, TogetherAreTheBestPassagesInOrderAndOneThatIsRight) {
  options_.together_share = 1;
  for (const bool retriever_learns : {true, false}) {
    options_.retriever_learns = retriever_learns;
    const auto batch = make().batch(0);
    ASSERT_EQ(batch.size(), 5u);
    for (const TrainingQuestion& question : batch) {
      const std::string prompt = text_of_bytes(question.together);
      if (answer_of(question) == kAbstention) {
        EXPECT_THAT(prompt, HasSubstr("[2] \nfact 0 of"));
        continue;
      }
      EXPECT_EQ(question.passages.size(), retriever_learns ? 2u : 0u);
      const int i = answer_of(question).back() - '0';
      EXPECT_THAT(prompt, HasSubstr("[1] \nfact " + std::to_string(i + 5) +
                                    " of the world.\n\n"
                                    "[2] \nfact " +
                                    std::to_string(i) + " of"));
      EXPECT_THAT(prompt, Not(HasSubstr("[3]")));
    }
  }
}

TEST_F(TrainingDataTest, LeavingOneOutReadsAllPassagesAndAllButEach) {
  options_.leave_one_out = true;
  options_.passages = 3;
  for (const TrainingQuestion& question : make().batch(0)) {
    const std::string all = text_of_bytes(question.together);
    if (question.passages.empty()) {
      EXPECT_THAT(all, HasSubstr("[3]"));
      continue;
    }
    ASSERT_EQ(question.prompts.size(), 3u);
    for (std::size_t k = 0; k < 3; ++k) {
      const std::string prompt = text_of_bytes(question.prompts[k]);
      for (const std::uint64_t passage : question.passage_ids) {
        const std::string text = "fact " + std::to_string(passage) + " of";
        EXPECT_THAT(all, HasSubstr(text));
        EXPECT_EQ(prompt.find(text) == std::string::npos, passage == question.passage_ids[k]);
      }
    }
  }
  options_.retriever_learns = false;
  for (const TrainingQuestion& question : make().batch(0)) {
    EXPECT_TRUE(question.passages.empty() && question.prompts.empty());
    EXPECT_THAT(text_of_bytes(question.together), HasSubstr("[3]"));
  }
  options_.passages = 1;
  EXPECT_TRUE(testing::error_of([&] { make(); }).has_value());
}

TEST_F(TrainingDataTest, KeepsTheQuestionsThatAreSelected) {
  TrainingData data = make();
  const std::vector<std::size_t> places = {1, 4};
  data.keep(places);
  ASSERT_EQ(data.question_count(), 2u);
  EXPECT_EQ(data.question(0).id, "q1");
  EXPECT_EQ(data.question(1).id, "none");
  EXPECT_EQ(data.retrieved()[0][2], 1u);
  EXPECT_EQ(data.query_tokens().size(), 2u);
  EXPECT_EQ(data.batch(0).size(), 2u);
}

TEST_F(TrainingDataTest, AQuestionAloneIsReadWithTheBestPassageThatHoldsItsAnswer) {
  TrainingData data = make();
  const TrainingQuestion found = data.read_alone(1);
  EXPECT_EQ(answer_of(found), "fact 1");
  EXPECT_THAT(text_of_bytes(found.together), HasSubstr("fact 1 of"));
  EXPECT_THAT(text_of_bytes(found.together), Not(HasSubstr("[2]")));
  const TrainingQuestion none = data.read_alone(4);
  EXPECT_EQ(answer_of(none), kAbstention);
  EXPECT_THAT(text_of_bytes(none.together), HasSubstr("fact 9 of"));

  RetrievedPassages others = data.retrieved();
  others[1] = {7, 8};
  data.set_retrieved(others);
  EXPECT_THAT(text_of_bytes(data.read_alone(1).together), HasSubstr("fact 1 of"));
}

TEST_F(TrainingDataTest, NegativesAreDrawnOfThoseThatTheQuestionBrings) {
  questions_[0].negatives = {4, 6, 8, 9};
  options_.negatives = 2;
  std::set<std::uint64_t> seen;
  for (std::size_t epoch = 0; epoch < 20; ++epoch) {
    for (const TrainingQuestion& question : make().batch(epoch)) {
      const bool first = !question.passages.empty() && answer_of(question) == "fact 0";
      EXPECT_EQ(question.negatives.size(), first ? 2u : 0u);
      seen.insert(question.negative_ids.begin(), question.negative_ids.end());
    }
  }
  EXPECT_EQ(seen, (std::set<std::uint64_t>{4, 6, 8, 9}));
}

TEST_F(TrainingDataTest, SharesOutOfRangeAreRefused) {
  options_.together_share = 1.5;
  EXPECT_TRUE(testing::error_of([&] { make(); }).has_value());
  options_.together_share = 0;
  options_.abstention_share = -0.1;
  EXPECT_TRUE(testing::error_of([&] { make(); }).has_value());
}

}  // namespace
}  // namespace tandem
