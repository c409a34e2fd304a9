#include "server/answers/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/file.h"
#include "server/answers/request.h"
#include "server/http_error.h"
#include "tests/support/answer_records.h"
#include "tests/support/errors.h"
#include "tests/support/full_disk.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kept_answer;
using ::testing::SizeIs;
namespace fs = std::filesystem;

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!exists(folder)) return files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  return files;
}

class AnswerRecordsTest : public ::testing::Test {
 protected:
  AnswerRecords open(RecordLimits limits = kAnswerLimits, bool read_only = false) const {
    return {folder_.path(), read_only, limits};
  }
  static std::vector<std::string> ids(const AnswerRecords& records, Review which = Review::kAll) {
    std::vector<std::string> ids;
    for (const RecordPlace& place : records.places(which)) {
      if (records.find(place.id)) ids.push_back(place.id);
    }
    return ids;
  }
  static void rate(AnswerRecords& records, const std::string& id, Rating rating = Rating::kGood) {
    EXPECT_TRUE(records.change_feedback(
        id, [&](AnswerRecord& record) { record.feedback.rating = rating; }));
  }
  fs::path answers() const { return folder_.path() / "answers"; }
  fs::path feedback() const { return folder_.path() / "feedback"; }

  testing::TemporaryFolder folder_;
};

TEST_F(AnswerRecordsTest, AreFoundAtOnceAndAfterARestart) {
  {
    AnswerRecords records = open();
    for (int i = 0; i < 50; ++i) {
      const std::string id = "chatcmpl-" + std::to_string(i);
      records.add(kept_answer(id, "Grüße " + id));
      ASSERT_TRUE(records.find(id));
      EXPECT_EQ(records.find(id)->answer["answer"], "Grüße " + id);
    }
    EXPECT_THAT(records.places(Review::kUnreviewed), SizeIs(50));
  }
  const AnswerRecords after = open(kAnswerLimits, true);
  EXPECT_THAT(after.places(Review::kUnreviewed), SizeIs(50));
  const auto found = after.find("chatcmpl-7");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->answer, kept_answer("chatcmpl-7", "Grüße chatcmpl-7").answer);
  EXPECT_TRUE(found->feedback.says_nothing());
  EXPECT_EQ(after.find_request("req-of-chatcmpl-7")->id, "chatcmpl-7");
  for (const char* id : {"", "chatcmpl", "chatcmpl-", "req-of-chatcmpl-7", "chatcmpl-7~req"}) {
    EXPECT_FALSE(after.find(id)) << id;
  }
}

TEST_F(AnswerRecordsTest, TheNewestOfARequestIdIsFound) {
  const auto add = [](AnswerRecords& records, const std::string& id) {
    AnswerRecord record = kept_answer(id);
    record.request_id = record.answer["request_id"] = "mine";
    records.add(record);
  };
  {
    AnswerRecords records = open();
    add(records, "b");
    add(records, "a");
    EXPECT_EQ(records.find_request("mine")->id, "a");
    rate(records, "b");
    EXPECT_EQ(records.find_request("mine")->id, "a");
  }
  EXPECT_EQ(open().find_request("mine")->id, "a");
  EXPECT_FALSE(open().find_request("min"));
  EXPECT_FALSE(open().find_request("ine"));
}

TEST_F(AnswerRecordsTest, TheOldestGoFirstButNotThoseWithFeedback) {
  {
    AnswerRecords records = open({.count = 2});
    records.add(kept_answer("a"));
    rate(records, "a");
    for (const char* id : {"d", "c", "b"}) records.add(kept_answer(id));
  }
  EXPECT_THAT(files_in(answers()), SizeIs(2));
  AnswerRecords records = open({.count = 2});
  EXPECT_THAT(ids(records), ElementsAre("a", "c", "b"));
  EXPECT_THAT(ids(records, Review::kUnreviewed), ElementsAre("c", "b"));
  EXPECT_THAT(ids(records, Review::kReviewed), ElementsAre("a"));
  // What was said, and what it was said of.
  EXPECT_EQ(records.find("a")->feedback.rating, Rating::kGood);
  EXPECT_EQ(records.find("a")->answer["prompt"], "<user>Why?");
  EXPECT_EQ(records.find_request("req-of-a")->id, "a");
}

TEST_F(AnswerRecordsTest, FeedbackIsOnTheDiskWhenItIsTaken) {
  AnswerRecords records = open();
  records.add(kept_answer("a"));
  rate(records, "a", Rating::kBad);
  const AnswerRecords beside = open(kAnswerLimits, true);
  ASSERT_TRUE(beside.find("a"));
  EXPECT_EQ(beside.find("a")->feedback.rating, Rating::kBad);
  EXPECT_GT(beside.find("a")->feedback.updated_at_unix_s, 0);
}

TEST_F(AnswerRecordsTest, FeedbackThatSaysNothingIsNone) {
  AnswerRecords records = open();
  records.add(kept_answer("a"));
  EXPECT_FALSE(records.remove_feedback("a"));
  rate(records, "a");
  rate(records, "a", Rating::kNone);
  EXPECT_THAT(files_in(feedback()), IsEmpty());
  rate(records, "a");
  EXPECT_TRUE(records.remove_feedback("a"));
  EXPECT_FALSE(records.remove_feedback("a"));
  EXPECT_THAT(ids(records, Review::kUnreviewed), ElementsAre("a"));
  EXPECT_FALSE(records.change_feedback("b", [](AnswerRecord&) {}));
  EXPECT_FALSE(records.remove_feedback("b"));
}

TEST_F(AnswerRecordsTest, WhatIsNotTakenLeavesTheRestAsItWas) {
  AnswerRecords records = open();
  records.add(kept_answer("a"));
  rate(records, "a");
  EXPECT_THROW(records.change_feedback("a",
                                       [](AnswerRecord& record) {
                                         record.feedback.comment = "Well.";
                                         throw RequestError(400, "no");
                                       }),
               RequestError);
  {
    const testing::FullDisk full(100);
    EXPECT_EQ(testing::error_code_of([&] { rate(records, "a", Rating::kBad); }),
              ErrorCode::kResourceExhausted);
  }
  EXPECT_EQ(records.find("a")->feedback.rating, Rating::kGood);
  EXPECT_EQ(records.find("a")->feedback.comment, "");
  rate(records, "a", Rating::kBad);
  EXPECT_EQ(open(kAnswerLimits, true).find("a")->feedback.rating, Rating::kBad);
}

TEST_F(AnswerRecordsTest, AFullDiskCostsRecordsAndNothingElse) {
  {
    AnswerRecords records = open();
    {
      const testing::FullDisk full(100);
      records.add(kept_answer("a"));
      while (records.find("a")) std::this_thread::yield();
    }
    records.add(kept_answer("b"));
  }
  EXPECT_THAT(ids(open()), ElementsAre("b"));
}

TEST_F(AnswerRecordsTest, DamagedFilesArePassedOver) {
  {
    AnswerRecords records = open();
    for (const char* id : {"a", "b", "c"}) records.add(kept_answer(id));
    for (const char* id : {"b", "c"}) rate(records, id);
  }
  for (const fs::path& file : files_in(feedback())) {
    const bool is_b = file.filename().string().find("-b~") != std::string::npos;
    std::ofstream(file) << (is_b ? R"({"version": 1, "answer": {"id": "b"}})"
                                 : R"({"version": 2})");
  }
  std::ofstream(answers() / "00000000000000000009-x~y.json") << "{\"ver";
  AnswerRecords records = open();
  // The first records of both say what they said before anyone spoke.
  EXPECT_THAT(ids(records), ElementsAre("a", "b", "c"));
  EXPECT_EQ(records.find("b")->feedback.rating, Rating::kNone);
  rate(records, "b", Rating::kBad);
  EXPECT_EQ(open().find("b")->feedback.rating, Rating::kBad);
}

TEST_F(AnswerRecordsTest, NoneAreKeptWhereNoneMayBe) {
  {
    AnswerRecords records = open();
    records.add(kept_answer("a"));
    records.add(kept_answer("b"));
    rate(records, "a");
  }
  {
    AnswerRecords read_only = open(kAnswerLimits, true);
    EXPECT_FALSE(read_only.keeps());
    read_only.add(kept_answer("c"));
    EXPECT_THAT(ids(read_only), ElementsAre("a", "b"));
  }
  AnswerRecords none = open({.count = 0});
  EXPECT_FALSE(none.keeps());
  none.add(kept_answer("c"));
  EXPECT_THAT(ids(none), ElementsAre("a"));
  rate(none, "a", Rating::kBad);
  EXPECT_THAT(files_in(answers()), IsEmpty());
  EXPECT_THAT(files_in(feedback()), SizeIs(1));
}

TEST_F(AnswerRecordsTest, ALongPromptIsNotKept) {
  AnswerRecords records = open();
  AnswerRecord record = kept_answer("a");
  record.answer["prompt"] = std::string(kMaxAnswerBytes + 1, 'x');
  records.add(record);
  EXPECT_FALSE(records.find("a"));
}

TEST_F(AnswerRecordsTest, FeedbackMayComeBeforeItsAnswerIsWritten) {
  AnswerRecords records = open({.count = 20});
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&records, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string id = std::to_string(t) + "x" + std::to_string(i);
        records.add(kept_answer(id));
        rate(records, id);
        EXPECT_EQ(records.find(id)->feedback.rating, Rating::kGood);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(ids(records, Review::kReviewed), SizeIs(100));
  EXPECT_THAT(ids(records, Review::kUnreviewed), IsEmpty());
}

Passage passage(PassageId id) {
  Passage passage;
  passage.id = id;
  return passage;
}

AnswerRecord said(const json& fields,
                  AnswerRecord record = kept_answer("a", "No.", {passage(3), passage(4)})) {
  json body = {{"answer_id", "a"}};
  body.update(fields);
  apply(parse_feedback_request(body), record);
  return record;
}

TEST(FeedbackRequestTest, IsMergedOverWhatWasSaidBefore) {
  AnswerRecord record = said({{"rating", "bad"},
                              {"correction", "Yes."},
                              {"passages", {{{"passage_id", 3}, {"relevant", true}}}}});
  record =
      said({{"comment", "Look again."}, {"passages", {{{"passage_id", 4}, {"relevant", false}}}}},
           record);
  const Feedback& feedback = record.feedback;
  EXPECT_EQ(feedback.rating, Rating::kBad);
  EXPECT_EQ(feedback.correction, "Yes.");
  EXPECT_EQ(feedback.comment, "Look again.");
  EXPECT_THAT(feedback.relevant, ElementsAre(std::pair(3, true), std::pair(4, false)));
  const json shown = feedback_json(record);
  EXPECT_EQ(shown["status"], "reviewed");
  EXPECT_EQ(shown["rating"], "bad");
  EXPECT_EQ(shown["passages"][1], json({{"passage_id", 4}, {"relevant", false}}));
  EXPECT_FALSE(shown["answer"].contains("prompt"));

  record = said(
      {{"rating", nullptr},
       {"correction", nullptr},
       {"comment", " \n"},
       {"passages",
        {{{"passage_id", 3}, {"relevant", nullptr}}, {{"passage_id", 4}, {"relevant", nullptr}}}}},
      record);
  EXPECT_TRUE(record.feedback.says_nothing());
  EXPECT_EQ(feedback_json(record)["status"], "unreviewed");
}

TEST(FeedbackRequestTest, SurvivesItsFile) {
  const AnswerRecord record = said({{"rating", "good"},
                                    {"correction", "„Ja.“"},
                                    {"passages", {{{"passage_id", 3}, {"relevant", false}}}}});
  const AnswerRecord again = parse_answer_record(to_json(record));
  EXPECT_EQ(to_json(again), to_json(record));
  EXPECT_EQ(again.request_id, record.request_id);
  EXPECT_EQ(again.feedback.rating, Rating::kGood);
}

struct BadCase {
  const char* body;
  const char* field;
};

class BadFeedbackTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadFeedbackTest, NamesTheField) {
  try {
    said(json::parse(GetParam().body));
    FAIL() << GetParam().body;
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status(), 400);
    EXPECT_EQ(error.param(), GetParam().field);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadFeedbackTest,
    ::testing::Values(
        BadCase{R"({"answer_id": null, "rating": "good"})", "answer_id"},
        BadCase{R"({"answer_id": 1, "rating": "good"})", "answer_id"}, BadCase{"{}", "rating"},
        BadCase{R"({"passages": []})", "rating"}, BadCase{R"({"rating": "fair"})", "rating"},
        BadCase{R"({"rating": 1})", "rating"}, BadCase{R"({"correction": []})", "correction"},
        BadCase{R"({"comment": 1})", "comment"}, BadCase{R"({"passages": {}})", "passages"},
        BadCase{R"({"passages": [3]})", "passages[0]"},
        BadCase{R"({"passages": [{"relevant": true}]})", "passages[0].passage_id"},
        BadCase{R"({"passages": [{"passage_id": 3}]})", "passages[0].relevant"},
        BadCase{R"({"passages": [{"passage_id": -1, "relevant": true}]})",
                "passages[0].passage_id"},
        BadCase{R"({"passages": [{"passage_id": 3, "relevant": 1}]})", "passages[0].relevant"},
        BadCase{R"({"passages": [{"passage_id": 3, "relevant": true},
                                 {"passage_id": 3, "relevant": false}]})",
                "passages[1].passage_id"},
        BadCase{R"({"passages": [{"passage_id": 5, "relevant": true}]})", "passages"}));

TEST(FeedbackRequestTest, LongTextsAreRefused) {
  for (const auto& [name, most] :
       {std::pair("correction", kMaxCorrectionBytes), std::pair("comment", kMaxCommentBytes)}) {
    EXPECT_NO_THROW(said({{name, std::string(most, 'x')}}));
    EXPECT_THROW(said({{name, std::string(most + 1, 'x')}}), RequestError);
  }
}

}  // namespace
}  // namespace tandem
