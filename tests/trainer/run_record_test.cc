// Records of runs, and the page about one.
#include "trainer/run_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"
#include "trainer/line_chart.h"
#include "trainer/run_report.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

class RunRecordTest : public ::testing::Test {
 protected:
  void write(const std::string& run, const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(folder_.path() / run);
    write_file_atomic(folder_.path() / run / name, text);
  }
  // Two steps, an evaluation, and what came of it.
  void write_run(const std::string& run, const std::string& loss) const {
    write(run, "run.json", R"({"format": 1, "dev": null, "loss": {"kind": ")" + loss + R"("}})");
    write(run, "metrics.jsonl",
          "{\"step\": 1, \"steps\": 2, \"loss\": 3, \"seconds\": 2}\n"
          "{\"step\": 2, \"steps\": 2, \"loss\": 2.5, \"joint\": null, \"seconds\": 2}\n"
          "{\"step\": 2, \"dev\": {\"f1\": 0.25}}\n{\"step\": 3, \"lo");
    write(run, "result.json", R"({"steps": 2, "seconds": 5, "best_step": 2, "best_by": "f1",
                                  "dev_before": {"f1": 0.125}, "dev_after": {"f1": 0.25}})");
  }

  testing::TemporaryFolder folder_;
};

TEST_F(RunRecordTest, ReadsWhatARunHasWritten) {
  write_run("one", "pdist");
  const RunRecord run = read_run(folder_.path() / "one" / "");
  EXPECT_EQ(run.name, "one");
  EXPECT_THAT(run.options,
              ElementsAre(Pair("dev", "null"), Pair("format", "1"), Pair("loss/kind", "pdist")));
  EXPECT_THAT(run.curves.at("loss"), ElementsAre(Pair(1, 3), Pair(2, 2.5)));
  EXPECT_THAT(run.curves.at("dev f1"), ElementsAre(Pair(2, 0.25)));
  EXPECT_FALSE(run.curves.contains("joint"));
  EXPECT_FALSE(run.curves.contains("steps")) << "it is the same in each line";
  EXPECT_EQ(run.before.at("f1"), 0.125);
  EXPECT_EQ(run.after.at("f1"), 0.25);
  EXPECT_EQ(run.steps, 2u);
  EXPECT_EQ(run.best_step, 2u);
  EXPECT_EQ(run.seconds, 5);
  EXPECT_TRUE(run.ended);
}

TEST_F(RunRecordTest, ARunThatHasNotEndedIsReadAsFarAsItCame) {
  write_run("one", "pdist");
  std::filesystem::remove(folder_.path() / "one" / "result.json");
  const RunRecord run = read_run(folder_.path() / "one");
  EXPECT_FALSE(run.ended);
  EXPECT_EQ(run.after.at("f1"), 0.25);
  EXPECT_EQ(run.seconds, 4);
}

TEST_F(RunRecordTest, ListsRunsAndWhereTheyDiffer) {
  write_run("b", "pdist");
  write_run("a", "emdr2");
  write("c", "run.json", "not JSON");
  write("other", "notes.txt", "no run");
  const RunRecords records = find_runs(folder_.path());
  ASSERT_EQ(records.runs.size(), 2u);
  EXPECT_EQ(records.runs[0].name, "a");
  EXPECT_THAT(records.unreadable, ElementsAre(HasSubstr("c/run.json")));
  EXPECT_THAT(differing_options(records.runs), ElementsAre("loss/kind"));
  EXPECT_EQ(find_runs(folder_.path() / "a").runs.size(), 1u);
  EXPECT_EQ(testing::error_code_of([&] { find_runs(folder_.path() / "other"); }),
            ErrorCode::kNotFound);
}

TEST_F(RunRecordTest, FilesThatNoRunWritesAreRefusedOrPassedOver) {
  for (const char* const text : {"", "[1]", "{\"a\": ", "3"}) {
    write("bad", "run.json", text);
    EXPECT_EQ(testing::error_code_of([&] { read_run(folder_.path() / "bad"); }),
              ErrorCode::kCorrupt)
        << text;
  }
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  write("bad", "run.json", deep);
  EXPECT_EQ(testing::error_code_of([&] { read_run(folder_.path() / "bad"); }), ErrorCode::kCorrupt);
  write("bad", "run.json", "{}");
  write("bad", "metrics.jsonl",
        "[]\n{\"step\": -1, \"loss\": 1e308}\n{\"step\": \"x\", \"loss\": {}}\n{\"dev\": 3}\n");
  write("bad", "result.json", R"({"best_step": -5, "dev_after": [], "best_by": 7})");
  const RunRecord run = read_run(folder_.path() / "bad");
  EXPECT_TRUE(run.curves.empty());
  EXPECT_EQ(run.best_step, 0u);
  EXPECT_THAT(report_html(run), HasSubstr("</html>"));
}

TEST_F(RunRecordTest, ThePageHoldsAllAndNothingOfARunIsMarkup) {
  write_run("<b>one", "<script>alert('x')</script>");
  write("<b>one", "metrics.jsonl",
        "{\"step\": 1, \"</svg><i>\": 1}\n{\"step\": 2, \"dev\": {\"\\\" onload=\\\"x\": 0.5}}\n");
  const std::string page = report_html(read_run(folder_.path() / "<b>one"));
  for (const char* const markup : {"<script", "<b>", "<i>", "\" onload", "http:", "https:", "url("})
    EXPECT_THAT(page, Not(HasSubstr(markup)));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(page, HasSubstr("0.125"));
  EXPECT_THAT(page, HasSubstr("aria-label=\"dev &quot; onload=&quot;x: from 0.5 to 0.5\""));
}

TEST(LineChartTest, DrawsPointsWithinItsPlot) {
  Curve curve;
  for (int i = 1; i <= 1000; ++i) curve.emplace_back(i, 5.0 / i);
  const std::string svg = line_chart("loss", curve);
  EXPECT_THAT(svg, HasSubstr("class=\"faint\""));
  EXPECT_THAT(svg, HasSubstr("points=\"56.0,"));
  EXPECT_LT(svg.size(), 20'000u);
  EXPECT_THAT(line_chart("one", {{3, 2}}), HasSubstr("<circle"));
  EXPECT_THAT(line_chart("level", {{1, 0}, {2, 0}}),
              HasSubstr("points=\"56.0,102.0 472.0,102.0 \""));
  EXPECT_THAT(line_chart("wide", {{1, -9e99}, {1e15, 9e99}}), Not(HasSubstr("nan")));
  EXPECT_EQ(line_chart("none", {}), "");
}

}  // namespace
}  // namespace tandem
