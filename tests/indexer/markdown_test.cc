#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "indexer/reader.h"
#include "tests/support/source_headings.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::headings_of;
using ::testing::IsEmpty;

SourceText read(std::string_view text) {
  return read_source(text, "a.md");
}

TEST(MarkdownTest, TextIsTheSourceItself) {
  const std::string text = "# *Big* title\n\nSome `code` and [a link](b.md).\n";
  EXPECT_EQ(read(text).text, text);
}

TEST(MarkdownTest, FindsAtxHeadingsOfEveryLevel) {
  const SourceText source = read("# One\n## Two ##\n   ### Three\n###### Six\ntext\n");
  EXPECT_THAT(headings_of(source), ElementsAre("1 One", "2 Two", "3 Three", "6 Six"));
  EXPECT_EQ(source.title, "One");
}

TEST(MarkdownTest, LeavesLookalikesAlone) {
  EXPECT_THAT(headings_of(read("#hashtag\n####### seven\n    # indented code\n#\n\\# escaped\nx")),
              IsEmpty());
}

TEST(MarkdownTest, FindsSetextHeadings) {
  EXPECT_THAT(headings_of(read("Title\n=====\n\nIntro.\n\nPart\n---\ntext")),
              ElementsAre("1 Title", "2 Part"));
}

TEST(MarkdownTest, RulesListsAndTablesAreNoSetextHeadings) {
  EXPECT_THAT(
      headings_of(read("para one\npara two\n---\n\n- item\n---\n\n| a | b |\n|---|---|\n\n---\n")),
      IsEmpty());
}

TEST(MarkdownTest, CodeFencesHideTheirContent) {
  EXPECT_THAT(headings_of(read("```sh\n# comment\n```\n# Real\n~~~~\n# no\n~~~\n# still no\n~~~~\n"
                               "# Also\n")),
              ElementsAre("1 Real", "1 Also"));
}

TEST(MarkdownTest, UnclosedFenceHidesTheRest) {
  EXPECT_THAT(headings_of(read("# A\n```\n# b\n")), ElementsAre("1 A"));
}

TEST(MarkdownTest, InlineCodeOfThreeTicksIsNoFence) {
  EXPECT_THAT(headings_of(read("``` not a fence ```\n# A\n")), ElementsAre("1 A"));
}

TEST(MarkdownTest, CommentsHideTheirContent) {
  EXPECT_THAT(headings_of(read("<!-- # a\n# b\n-->\n# C\n<!-- # d -->\n# E\n")),
              ElementsAre("1 C", "1 E"));
}

TEST(MarkdownTest, FrontMatterGivesTheTitleAndNoHeadings) {
  const SourceText yaml =
      read("---\ntitle: \"From: above\"\ntags: [a]\n# no heading\n---\n# Body\n");
  EXPECT_EQ(yaml.title, "From: above");
  EXPECT_THAT(headings_of(yaml), ElementsAre("1 Body"));
  EXPECT_EQ(read("+++\ntitle = 'Toml'\n+++\ntext\n").title, "Toml");
}

TEST(MarkdownTest, LeadingRuleIsNoFrontMatter) {
  const SourceText source = read("---\n\n# Body\n\ntext\n");
  EXPECT_THAT(headings_of(source), ElementsAre("1 Body"));
  EXPECT_EQ(source.title, "Body");
}

TEST(MarkdownTest, HeadingOfALowerLevelIsNoTitle) {
  EXPECT_EQ(read("## Part\ntext\n").title, "");
}

TEST(MarkdownTest, EndsWithoutALineEnd) {
  EXPECT_THAT(headings_of(read("text\n\n# Last")), ElementsAre("1 Last"));
}

}  // namespace
}  // namespace tandem
