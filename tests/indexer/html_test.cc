#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/file.h"
#include "indexer/reader.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"
#include "tests/support/source_headings.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::error_code_of;
using ::testing::HasSubstr;
using testing::headings_of;
using ::testing::Not;

SourceText read(const std::string& html) {
  return read_source(html, "page.html");
}

std::string text_of(const std::string& body) {
  return read("<!doctype html><html><body>" + body + "</body></html>").text;
}

// Prose long enough that no rule takes its surroundings for furniture.
const std::string kProse =
    "<p>The harbour wall was built in three summers by forty men, who were paid in grain and in "
    "salt, and who carved their names into the last stone. Ships from the south still moor at the "
    "rings they set. Nobody remembers what the fourth tower was for, although the parish books "
    "mention a lamp, a bell and a keeper with two daughters who rowed out in every weather.</p>";

TEST(HtmlTest, BlocksAreParagraphsAndWhiteSpaceCollapses) {
  EXPECT_EQ(text_of("<p>one\n  two</p><p>three</p>four<div>five</div>six<br>seven"),
            "one two\n\nthree\n\nfour\nfive\nsix\nseven");
}

TEST(HtmlTest, InlineElementsDoNotBreakWords) {
  EXPECT_EQ(text_of("<p>un<b>believ</b>able <i>yes</i>, H<sub>2</sub>O&nbsp;and 10<sup>9</sup>"),
            "unbelievable yes, H2O and 10^9");
}

TEST(HtmlTest, ListsAreMarked) {
  EXPECT_EQ(text_of("<p>Fruit:</p><ul><li>apple<li>pear<ul><li>Conference</ul></ul>"
                    "<ol><li><p>first</p><li></li><li>third</ol>end"),
            "Fruit:\n\n- apple\n- pear\n  - Conference\n\n1. first\n\n3. third\n\nend");
}

TEST(HtmlTest, TableRowsAreLines) {
  EXPECT_EQ(text_of("<table><caption>Sizes</caption><tr><th>Name<th>Bytes</tr><tr><td>"
                    "<p>int</p><td>4</tr><tr><td><td>8</tr></table>"),
            "Sizes\nName | Bytes\nint | 4\n| 8");
}

TEST(HtmlTest, LayoutTablesKeepTheirBlocks) {
  EXPECT_EQ(text_of("<table><tr><td><h2>Left</h2><p>a</p></td><td><pre>x\n y</pre></td></table>"),
            "Left\n\na\n\nx\n y");
}

TEST(HtmlTest, PreformattedTextIsVerbatim) {
  EXPECT_EQ(text_of("<pre>\nint  a;\n\n  b;\t// c\n</pre>after"), "int  a;\n\n  b;\t// c\n\nafter");
}

TEST(HtmlTest, HeadingsAreRecorded) {
  const SourceText source =
      read("<title>Guide</title><h1>Big <i>one</i></h1><p>a<h3>Small\none</h3>b<h2></h2>");
  EXPECT_THAT(headings_of(source), ElementsAre("1 Big one", "3 Small one"));
  EXPECT_EQ(source.title, "Guide");
}

TEST(HtmlTest, HeadingEndedWithTheWrongTagDoesNotSwallowThePage) {
  EXPECT_THAT(headings_of(read("<h2>Index</h1><ul><li>a<li>b</ul>")), ElementsAre("2 Index"));
}

TEST(HtmlTest, TitleLosesTheNameOfTheSite) {
  EXPECT_EQ(read("<title>Sorting - The Manual</title><h1>Sorting</h1>x").title, "Sorting");
  EXPECT_EQ(read("<title>Sorting</title><h1>1. Overview</h1>x").title, "Sorting");
  EXPECT_EQ(read("<h1>No title element</h1>x").title, "No title element");
}

TEST(HtmlTest, BlockThatRepeatsTheTitleIsAHeading) {
  EXPECT_THAT(headings_of(read("<title>Tides</title><div>Tides</div>" + kProse)),
              ElementsAre("1 Tides"));
}

TEST(HtmlTest, ReferencesAreDecodedAsBrowsersDo) {
  EXPECT_EQ(text_of("&lt;b&gt; &eacute; &#8364; &#128; &#x1F600; &#151; &bogus; a&shy;b"),
            "<b> \u00E9 \u20AC \u20AC \U0001F600 \u2014 &bogus; ab");
}

TEST(HtmlTest, DeclaredEncodingIsUsed) {
  EXPECT_EQ(read("<meta charset='koi8-r'><p>\xD4\xC5\xCB\xD3\xD4").text, "текст");
  EXPECT_EQ(read("<?xml version='1.0' encoding='iso-8859-1'?><html><p>caf\xE9").text, "caf\u00E9");
  EXPECT_EQ(read("<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'>"
                 "<p>\x93\xFA\x96{")
                .text,
            "日本");
  // Pages that say latin1 and are UTF-8 are common; the bytes know better.
  EXPECT_EQ(read("<meta charset=iso-8859-1><p>caf\u00E9").text, "caf\u00E9");
}

TEST(HtmlTest, WhatABrowserDoesNotShowIsDropped) {
  EXPECT_EQ(text_of("<script>var a='<p>x';</script><style>p{}</style><p hidden>h</p>"
                    "<template>t</template><noscript>n</noscript><div style='display: NONE'>d</div>"
                    "<svg><text>s</text></svg><select><option>o</select><button>b</button>"
                    "<i aria-hidden=true>i</i><!-- c --><p>kept words"),
            "kept words");
}

TEST(HtmlTest, FormulasKeepTheirSource) {
  EXPECT_EQ(text_of("<p>Area <math alttext='\\pi r^2'><mi>π</mi><mi>r</mi></math> holds"),
            "Area \\pi r^2 holds");
}

TEST(HtmlTest, NavigationIsDropped) {
  const std::vector<std::string> furniture{
      "<nav><a href=a>Furniture</a></nav>",
      "<div role=navigation><a href=a>Furniture</a></div>",
      "<div class='menu mainmenu'><ul><li><a href=a>Furniture</a></ul></div>",
      "<div id=left-sidebar><a href=a>Furniture</a></div>",
      "<ul class=breadcrumb><li><a href=a>Furniture</a></ul>",
      "<div class=siteNav>Furniture</div>",
      "<header><a href=/>Furniture</a><form><input></form></header>",
      "<footer>Furniture</footer>",
      "<aside>Furniture <a href=b>advert</a></aside>",
      "<form><label>x</label><input> Furniture</form>",
      "<div class=navheader><a accesskey=p href=a>Furniture</a></div>",
      "<p><a rel=prev href=a>Furniture</a> | <a rel=next href=b>Furniture</a></p>",
      "<p><a href=a>&lt; Previous</a> <a href=b>Up</a> <a href=b>Next &gt;</a> Furniture</p>",
      "<ul><li><a hreflang=de href=a>Furniture</a><li><a hreflang=fr href=b>Meubles</a></ul>",
      "<ul><li><a href=#1>Furniture</a><li><a href=#2>Chairs</a><li><a href=#3>Beds</a></ul>",
      "<p><a href=x>Furniture</a> <button>show</button></p>",
      "<a href=#main>Skip to Furniture</a>",
      "<div style='display:none'>Furniture</div>",
  };
  for (const std::string& part : furniture) {
    for (const std::string& html : {part + kProse, kProse + part}) {
      const std::string text = text_of(html);
      EXPECT_THAT(text, Not(HasSubstr("Furniture"))) << part;
      EXPECT_THAT(text, HasSubstr("two daughters")) << part;
    }
  }
}

TEST(HtmlTest, ContentThatLooksLikeNavigationIsKept) {
  const std::vector<std::string> content{
      "<section id=menu><h2>Kept</h2>The menu has four entries.</section>",
      "<h2 class=anchorWithStickyNavbar id=search>Kept</h2>",
      "<div class='sidebar-content'>Kept</div>",
      "<article><header><h1>Kept</h1></header></article>",
      "<main><aside>Kept: never moor at the fourth ring in winter.</aside></main>",
      "<ul><li><a href=a.html>Kept</a><li><a href=b.html>list</a><li><a href=c.html>of</a></ul>",
      "<p><a href=#later>Kept</a></p>",
      "<h2><a href=#kept>Kept</a></h2>",
      "<p>See <a href=notes.html>notes.html</a>. Kept.</p>",
  };
  for (const std::string& part : content) {
    EXPECT_THAT(text_of(kProse + part), HasSubstr("Kept")) << part;
  }
}

TEST(HtmlTest, NamesOnTheWholePageMeanNothing) {
  EXPECT_THAT(read("<html><body class=navigation-with-keyboard><div id=sidebar-wrapper>" + kProse +
                   "</div></body></html>")
                  .text,
              HasSubstr("two daughters"));
}

TEST(HtmlTest, MarksForClickingAreDroppedFromTheText) {
  EXPECT_EQ(text_of("<h2>Tides<a class=headerlink href=#t>\u00B6</a></h2><p>High twice a day."
                    "<sup><a href=#n1>[1]</a></sup> Low too."),
            "Tides\n\nHigh twice a day. Low too.");
}

TEST(HtmlTest, RowsOfBareAddressesLoseThem) {
  EXPECT_EQ(text_of(kProse + "<ul><li>tide &rarr; <a href=a.html#x>a.html#x</a> "
                             "<a href=b.html>b.html</a></ul>"),
            text_of(kProse + "<ul><li>tide &rarr;</ul>"));
}

TEST(HtmlTest, ClosingNoticesAreCutOff) {
  EXPECT_EQ(text_of(kProse + "<p>This page last modified on 2021-10-05</p><p>\u00A9 2021 Someone"),
            text_of(kProse));
}

TEST(HtmlTest, NoticesElsewhereAreKept) {
  EXPECT_THAT(text_of("<p>Copyright is explained below.</p>" + kProse),
              HasSubstr("Copyright is explained"));
}

TEST(HtmlTest, PageOfNothingButNavigationIsReadWhole) {
  EXPECT_EQ(text_of("<nav><a href=a>Only this</a></nav>"), "Only this");
}

TEST(HtmlTest, HostileNestingIsRefusedQuickly) {
  for (const std::string tag : {"<div>", "<b>", "<ul><li>", "<table><tr><td>", "<font>"}) {
    std::string html = "<html><body>";
    for (int i = 0; i < 1'000'000; ++i) html += tag;
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(error_code_of([&] { read(html); }), ErrorCode::kTooLarge) << tag;
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << tag;
  }
}

TEST(HtmlTest, UnclosedElementsThatCloseEachOtherAreRead) {
  std::string html;
  for (int i = 0; i < 100'000; ++i) html += "<p>x<li>y";
  EXPECT_GT(read(html).text.size(), 400'000u);
}

TEST(HtmlTest, OneHugeTextAndOneHugeAttributeAreRead) {
  const std::string huge(20'000'000, 'x');
  EXPECT_EQ(text_of("<p>" + huge).size(), huge.size());
  EXPECT_EQ(text_of("<p title='" + huge + "'>small"), "small");
}

TEST(HtmlTest, EntitiesDoNotExpandAndFilesAreNotFetched) {
  const std::string text = read(
                               "<!DOCTYPE html [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>"
                               "<!ENTITY f SYSTEM 'file:///etc/passwd'>]><html><p>&b; &f; end")
                               .text;
  EXPECT_THAT(text, Not(HasSubstr("aaaaaaaaaa")));
  EXPECT_THAT(text, Not(HasSubstr("root:")));
}

TEST(HtmlTest, BlogPageKeepsItsHeadingsAndLosesItsMenus) {
  const auto file = testing::shared_data_folder() / "formats" / "markitdown" / "test_blog.html";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not there";
  const SourceText source = read(read_file(file));
  EXPECT_THAT(headings_of(source), ::testing::Contains("2 Experiment Setup"));
  EXPECT_THAT(source.text, Not(HasSubstr("Skip to main content")));
  EXPECT_THAT(source.text, Not(HasSubstr("Newer Post")));
}

}  // namespace
}  // namespace tandem
