#include "server/answers/training_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "server/tuning/files.h"
#include "tests/support/answer_records.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"
#include "trainer/preference_set.h"
#include "trainer/question_set.h"

namespace tandem {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kept_answer;

// Answers over a store with the documents "a" and "b" of three passages each, and what the trainer
// reads of them.
class TrainingLinesTest : public ::testing::Test {
 protected:
  TrainingLinesTest() {
    store_->set_settings(testing::sample_settings());
    for (const char* id : {"a", "b"}) testing::put(*store_, testing::make_sample(id, 1, 3));
    a_ = store_->document_passages(kDefaultCollection, "a");
    b_ = store_->document_passages(kDefaultCollection, "b");
  }

  // Keeps an answer from passages of both documents, and what is said of it.
  void say(const std::string& id, const Feedback& feedback, const std::string& answer = "No.",
           const std::function<void(json&)>& change = {}) {
    AnswerRecord record = kept_answer(id, answer, {b_[1], a_[0], a_[2]});
    if (change) change(record.answer);
    records_.add(record);
    records_.change_feedback(id, [&](AnswerRecord& kept) { kept.feedback = feedback; });
  }

  TrainingLines lines(TrainingKind kind, bool conversations = false) const {
    return training_lines(records_, *store_, {.kind = kind, .conversations = conversations});
  }
  // The corpus is that of this moment.
  Corpus corpus() const {
    export_corpus(*store_, kDefaultCollection, folder_.path() / "corpus.jsonl");
    return read_corpus(folder_.path() / "corpus.jsonl");
  }
  std::vector<Question> questions(bool conversations = false) const {
    const std::filesystem::path path = folder_.path() / "questions.jsonl";
    write_file_atomic(path, lines(TrainingKind::kQuestions, conversations).text);
    return read_questions(path, corpus());
  }
  std::vector<PreferencePair> pairs() const {
    const std::filesystem::path path = folder_.path() / "pairs.jsonl";
    write_file_atomic(path, lines(TrainingKind::kPreferences).text);
    return read_preferences(path, corpus());
  }
  std::vector<std::string> texts(const std::vector<std::size_t>& places) const {
    const Corpus all = corpus();
    std::vector<std::string> texts;
    texts.reserve(places.size());
    for (const std::size_t place : places) texts.push_back(all.passages[place].text);
    return texts;
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<Store> store_ = Store::open(folder_.path() / "store");
  AnswerRecords records_{folder_.path(), false};
  std::vector<Passage> a_;
  std::vector<Passage> b_;
};

TEST_F(TrainingLinesTest, TheTrainerReadsQuestions) {
  say("good", {.rating = Rating::kGood, .relevant = {{b_[1].id, true}, {a_[2].id, false}}});
  say("corrected", {.rating = Rating::kBad, .correction = "Yes."});
  say("right passage", {.rating = Rating::kBad, .relevant = {{a_[0].id, true}}});
  say("abstention", {.rating = Rating::kGood}, "I do not know.");
  // Nothing can be learned from these, and least of all that the corpus has no answer.
  say("bad", {.rating = Rating::kBad, .relevant = {{a_[0].id, false}}});
  say("comment", {.comment = "Hm."});
  records_.add(kept_answer("unreviewed"));

  const std::vector<Question> all = questions();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].id, "good");
  EXPECT_EQ(all[0].text, "Why?");
  EXPECT_THAT(all[0].answers, ElementsAre("No."));
  EXPECT_THAT(texts(all[0].positives), ElementsAre(b_[1].text));
  EXPECT_THAT(texts(all[0].negatives), ElementsAre(a_[2].text));
  EXPECT_EQ(all[1].id, "corrected");
  EXPECT_THAT(all[1].answers, ElementsAre("Yes."));
  EXPECT_EQ(all[2].id, "right passage");
  EXPECT_THAT(all[2].answers, IsEmpty());
  EXPECT_THAT(texts(all[2].positives), ElementsAre(a_[0].text));
  EXPECT_EQ(all[3].id, "abstention");
  EXPECT_FALSE(all[3].is_answerable());
}

TEST_F(TrainingLinesTest, TheTrainerReadsPreferences) {
  say("corrected", {.rating = Rating::kBad, .correction = "Yes."});
  say("the same", {.correction = " No.\n"});
  say("good", {.rating = Rating::kGood, .correction = "Yes."});
  say("bad", {.rating = Rating::kBad});
  say("empty", {.correction = "Yes."}, "");
  const std::vector<PreferencePair> all = pairs();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].id, "corrected");
  EXPECT_EQ(all[0].chosen, "Yes.");
  EXPECT_EQ(all[0].rejected, "No.");
  EXPECT_THAT(texts(all[0].passages.value()), ElementsAre(b_[1].text, a_[0].text, a_[2].text));
}

TEST_F(TrainingLinesTest, PassagesAreFoundAgainByTheirText) {
  const Feedback feedback{.correction = "Yes.",
                          .relevant = {{b_[1].id, true}, {a_[0].id, true}, {a_[2].id, false}}};
  say("corrected", feedback);
  testing::put(*store_, testing::make_sample("b", 1, 3));
  ASSERT_NE(store_->document_passages(kDefaultCollection, "b")[1].id, b_[1].id);
  EXPECT_THAT(texts(questions().at(0).positives), ElementsAre(a_[0].text, b_[1].text));
  EXPECT_THAT(texts(pairs().at(0).passages.value()),
              ElementsAre(b_[1].text, a_[0].text, a_[2].text));

  testing::put(*store_, testing::make_sample("b", 2, 3));
  EXPECT_THAT(texts(questions().at(0).positives), ElementsAre(a_[0].text));
  // Its prompt cannot be made any more.
  EXPECT_EQ(lines(TrainingKind::kPreferences).count, 0u);
  EXPECT_EQ(lines(TrainingKind::kPreferences).changed, 1u);
}

TEST_F(TrainingLinesTest, QuestionsThatLeanOnOthersAreLeftOut) {
  const Feedback feedback{.correction = "Yes."};
  const json question = {{"role", "user"}, {"content", "And then?"}};
  say("conversation", feedback, "No.", [&](json& answer) {
    answer["messages"] = {
        answer["messages"][0], {{"role", "assistant"}, {"content", "So."}}, question};
  });
  say("instructed", feedback, "No.", [&](json& answer) {
    answer["messages"] = {{{"role", "system"}, {"content", "Be brief."}}, question};
  });
  EXPECT_EQ(questions().size(), 1u);
  EXPECT_EQ(questions()[0].id, "instructed");
  EXPECT_EQ(lines(TrainingKind::kQuestions).conversations, 1u);
  EXPECT_EQ(lines(TrainingKind::kPreferences).count, 0u);
  EXPECT_EQ(lines(TrainingKind::kPreferences).conversations, 2u);
  EXPECT_EQ(questions(true).size(), 2u);
  EXPECT_EQ(questions(true)[0].text, "And then?");
  EXPECT_EQ(lines(TrainingKind::kPreferences, true).count, 2u);
}

TEST_F(TrainingLinesTest, OnlyAnswersFromTheCollectionCount) {
  const Feedback feedback{.rating = Rating::kGood};
  say("elsewhere", feedback, "No.",
      [](json& answer) { answer["collections"] = json::array({"laws"}); });
  say("nowhere", feedback, "No.", [](json& answer) { answer["collections"] = json::array(); });
  say("both", {.rating = Rating::kGood, .relevant = {{b_[1].id, true}, {a_[0].id, true}}}, "No.",
      [](json& answer) {
        answer["collections"] = {"laws", kDefaultCollection};
        answer["hits"][0]["collection"] = "laws";
      });
  const std::vector<Question> all = questions();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].id, "both");
  EXPECT_THAT(texts(all[0].positives), ElementsAre(a_[0].text));
}

}  // namespace
}  // namespace tandem
