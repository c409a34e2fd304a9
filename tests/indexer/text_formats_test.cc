#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "indexer/reader.h"
#include "tests/support/errors.h"
#include "tests/support/source_headings.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::error_code_of;
using testing::headings_of;
using ::testing::IsEmpty;

std::string csv(std::string_view bytes) {
  return read_source(bytes, "a.csv").text;
}

TEST(DelimitedTest, RowsBecomeRecords) {
  EXPECT_EQ(csv("Port,Range\r\nBrest,6.1\r\n\r\n\"St. Malo\",\"10,7\"\r\n"),
            "Port: Brest\nRange: 6.1\n\nPort: St. Malo\nRange: 10,7");
  EXPECT_EQ(read_source("Port\tRange\nBrest\t6,1\n", "a.tsv").text, "Port: Brest\nRange: 6,1");
}

TEST(DelimitedTest, FindsTheDelimiterThatRowsAgreeOn) {
  EXPECT_EQ(csv("Port;Range\nBrest;6,1\nDover;5,9\n"),
            "Port: Brest\nRange: 6,1\n\nPort: Dover\nRange: 5,9");
  EXPECT_EQ(csv("Port|Range\nBrest|6,1\n"), "Port: Brest\nRange: 6,1");
}

TEST(DelimitedTest, QuotationsMayHoldAnythingAndInchesAreNone) {
  EXPECT_EQ(csv("Name,Size\n\"a \"\"b\"\"\nc\",27\"\nx,\"3\n"),
            "Name: a \"b\" c\nSize: 27\"\n\nName: x\nSize: \"3");
}

TEST(DelimitedTest, TablesWithoutAHeadKeepTheirRows) {
  EXPECT_EQ(csv("1,2\n3,4\n"), "1 | 2\n3 | 4");
  EXPECT_EQ(csv("a,a\nb,c\n1,2\n"), "a | a\n\nb: 1\nc: 2");
}

TEST(DelimitedTest, YearsMayBeNamesOfColumns) {
  EXPECT_EQ(csv("Port,2023,2024\nBrest,6.1,6.2\n"), "Port: Brest\n2023: 6.1\n2024: 6.2");
}

TEST(DelimitedTest, RaggedRowsKeepEveryCell) {
  EXPECT_EQ(csv("Port,Range\nBrest\nDover,5.9,calm\nCork,4.2\nLa Rochelle,6.4\n"),
            "Port: Brest\n\nPort: Dover\nRange: 5.9\ncalm\n\nPort: Cork\nRange: 4.2\n\n"
            "Port: La Rochelle\nRange: 6.4");
}

TEST(DelimitedTest, WhatIsNoTableStaysTheTextItIs) {
  const std::string prose = "One line.\nAnother one, with a comma.\nA third.\n";
  EXPECT_EQ(csv(prose), prose);
  const std::string wide(1'000'000, ',');
  EXPECT_EQ(csv("a" + wide + "b\n"), "a" + wide + "b\n");
  // The first rows look like a table.
  std::string late;
  for (int i = 0; i < 60; ++i) late += "a,b\n";
  late += "c" + wide + "\n";
  EXPECT_EQ(csv(late), late);
}

TEST(DelimitedTest, NamesOfColumnsCannotMultiplyWithoutEnd) {
  std::string bytes;
  for (int i = 0; i < 4000; ++i) bytes += std::string(100, 'n') + std::to_string(i) + ",";
  bytes += "end\n";
  for (int row = 0; row < 400; ++row) {
    for (int i = 0; i < 4000; ++i) bytes += "1,";
    bytes += "1\n";
  }
  EXPECT_EQ(error_code_of([&] { csv(bytes); }), ErrorCode::kTooLarge);
}

TEST(JsonTest, MembersBecomeLinesWithTheirPath) {
  const SourceText source = read_source(
      R"({"title": "Tides", "port": {"name": "Brest", "range": 6.10, "ok": true, "none": null},
          "months": [1, "May"], "ships": [{"name": "Alma"}, {"name": "Bounty"}]})",
      "a.json");
  EXPECT_EQ(source.text,
            "title: Tides\n\nport.name: Brest\nport.range: 6.10\nport.ok: true\n\n"
            "months: 1, May\n\nships.name: Alma\n\nships.name: Bounty");
  EXPECT_EQ(source.title, "Tides");
}

TEST(JsonTest, TextsWithLinesKeepThem) {
  EXPECT_EQ(read_source(R"({"body": "One.\r\n\nTwo."})", "a.json").text, "body:\n\nOne.\n\nTwo.");
}

TEST(JsonTest, LinesAreRecordsAndDamagedOnesStay) {
  const std::string bytes = "{\"a\": 1, \"b\": \"x\"}\n\n{\"a\": 2\n{\"a\": 3}\n";
  const std::string text = "a: 1\nb: x\n\n{\"a\": 2\n\na: 3";
  EXPECT_EQ(read_source(bytes, "a.jsonl").text, text);
  EXPECT_EQ(read_source(bytes, "a.json").text, text);  // named otherwise
}

TEST(JsonTest, WhatIsNotValidStaysTheTextItIs) {
  for (const std::string bytes : {"{\"a\": 1,}", "just words", "[1, 2"}) {
    EXPECT_EQ(read_source(bytes, "a.json").text, bytes);
  }
  const std::string deep(1'000'000, '[');
  EXPECT_EQ(read_source(deep, "a.json").text, deep);
  EXPECT_EQ(error_code_of([] { read_source("{}", "a.json"); }), ErrorCode::kInvalidArgument);
}

TEST(JsonTest, DeepKeysCannotMultiplyWithoutEnd) {
  std::string bytes;
  for (int i = 0; i < 150; ++i) bytes += "{\"" + std::string(1000, 'k') + "\":";
  bytes += "[";
  for (int i = 0; i < 10'000; ++i) bytes += "{\"v\":1},";
  bytes += "{}]" + std::string(150, '}');
  EXPECT_LT(read_source(bytes, "a.json").text.size(), 20'000u * 1200u);
}

TEST(IpynbTest, CellsComeInOrderWithTheirResults) {
  const SourceText source = read_source(
      R"json({"cells": [
        {"cell_type": "markdown", "metadata": {"source": "no"},
         "source": ["# Tides\n", "Text."]},
        {"cell_type": "code",
         "outputs": [{"output_type": "stream", "text": ["42\n"]},
                     {"data": {"image/png": "iVBO", "text/plain": "<Fig>"}}],
         "source": "# comment\nprint(42)"}],
        "metadata": {}, "nbformat": 4})json",
      "a.ipynb");
  EXPECT_EQ(source.text, "# Tides\nText.\n\n# comment\nprint(42)\n\n42\n<Fig>");
  EXPECT_EQ(source.title, "Tides");
  EXPECT_THAT(headings_of(source), ElementsAre("1 Tides"));
  EXPECT_EQ(source.media_type, "application/x-ipynb+json");
}

TEST(IpynbTest, OtherAndDamagedContentIsReadAsJsonOrText) {
  EXPECT_EQ(read_source(R"({"a": 1})", "a.ipynb").text, "a: 1");
  EXPECT_EQ(read_source("{\"cells\": [", "a.ipynb").text, "{\"cells\": [");
  EXPECT_EQ(error_code_of([] { read_source(R"({"cells": []})", "a.ipynb"); }),
            ErrorCode::kInvalidArgument);
}

TEST(RstTest, TitlesTakeTheirLevelsFromTheOrderOfTheirStyles) {
  const std::string text =
      "=====\nTides\n=====\n\nMoon\n----\n\nIt pulls.\n\nSpring\n~~~~~~\ntext\n\nSun\n---\n\n"
      "Sea\n=====\n";
  const SourceText source = read_source(text, "a.rst");
  EXPECT_EQ(source.text, text);
  EXPECT_EQ(source.title, "Tides");
  EXPECT_THAT(headings_of(source), ElementsAre("1 Tides", "2 Moon", "3 Spring", "2 Sun", "4 Sea"));
}

TEST(RstTest, TablesRulesAndLiteralsAreNoTitles) {
  EXPECT_THAT(
      headings_of(read_source("text\n\n----\n\n=====  =====\na      b\n=====  =====\n1      2\n"
                              "=====  =====\n\n::\n\n  code\n  ----\n\na longer line than\n--\n",
                              "a.rst")),
      IsEmpty());
}

TEST(OrgTest, StarsMakeHeadingsOutsideBlocks) {
  const std::string text =
      "#+TITLE: Tides\n* TODO Moon  :sky:night:\n** Spring\n#+begin_src\n* no\n#+end_src\n"
      "*bold* text\n*** DONE\n  * item\n";
  const SourceText source = read_source(text, "a.org");
  EXPECT_EQ(source.text, text);
  EXPECT_EQ(source.title, "Tides");
  EXPECT_THAT(headings_of(source), ElementsAre("1 Moon", "2 Spring", "3 DONE"));
}

TEST(AsciidocTest, EqualSignsMakeHeadingsOutsideListings) {
  const SourceText source =
      read_source("= Tides\n\n== Moon\n\n----\n== no\n----\n\n=== Spring\n", "a.adoc");
  EXPECT_EQ(source.title, "Tides");
  EXPECT_THAT(headings_of(source), ElementsAre("1 Tides", "2 Moon", "3 Spring"));
}

std::string rtf(std::string_view body) {
  return read_source("{\\rtf1\\ansi\\ansicpg1252 " + std::string(body) + "}", "a.rtf").text;
}

TEST(RtfTest, ReadsParagraphsOfEveryEncoding) {
  EXPECT_EQ(rtf("{\\fonttbl{\\f0 Arial;}{\\f1\\fcharset204 Arial;}}One {\\b bold} caf\\'e9\\par "
                "Two \\u8211? \\u-10179?\\u-8704? \\f1\\'ce\\'e4\\'e8\\f0\\par\\endash\\{x\\}\\\\"),
            "One bold caf\u00E9\n\nTwo \u2013 \U0001F600 \u041E\u0434\u0438\n\n\u2013{x}\\");
}

TEST(RtfTest, LeavesOutWhatIsNotText) {
  EXPECT_EQ(rtf("{\\info{\\author Me}}{\\*\\generator X;}{\\pict\\wmetafile8 0102ff}{\\header H}"
                "{\\field{\\*\\fldinst HYPERLINK \"x\"}{\\fldrslt link}}\\bin5 \x01{}\\x.\\par"),
            "link.");
}

TEST(RtfTest, HeadingsListsAndTables) {
  const SourceText source = read_source(
      "{\\rtf1{\\stylesheet{\\s1 heading 1;}{\\s2 Normal;}}{\\info{\\title Tides}}"
      "\\pard\\s1 Moon\\par\\pard\\s2 It pulls.\\par\\pard\\outlinelevel1 Spring\\par"
      "\\pard{\\listtext\\'b7\\tab}\\ls1 one\\par\\pard{\\pntext 2.\\tab}two\\par"
      "\\pard\\intbl a\\cell b\\cell\\row\\intbl c\\cell d\\cell\\row\\pard end\\page next\\par}",
      "a.rtf");
  EXPECT_EQ(source.text,
            "Moon\n\nIt pulls.\n\nSpring\n\n- one\n- two\n\na | b\nc | d\n\nend\n\nnext");
  EXPECT_THAT(headings_of(source), ElementsAre("1 Moon", "2 Spring"));
  EXPECT_EQ(source.title, "Tides");
  EXPECT_THAT(source.page_starts, ElementsAre(0u, source.text.find("next")));
}

TEST(RtfTest, DamageCostsOnlyItself) {
  EXPECT_EQ(rtf("One}}}\\par Two \\'zz x\\par {{{"), "One\n\nTwo zz x");
  EXPECT_EQ(rtf("\\bin-3 x\\bin99999999 y"), "x");
  const std::string deep = std::string(1'000'000, '{') + "x" + std::string(1'000'000, '}') + " y";
  EXPECT_EQ(rtf(deep), "x y");
  EXPECT_EQ(error_code_of([] { rtf(""); }), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace tandem
