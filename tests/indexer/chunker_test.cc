#include "indexer/chunker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "retriever/passage_text.h"
#include "tests/indexer/word_tokenizer.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::WordTokenizer;

SourceText markdown(std::string_view text) {
  return read_source(text, "a.md");
}

SourceText plain(std::string text) {
  SourceText source;
  source.text = std::move(text);
  return source;
}

std::vector<std::string> texts(const std::vector<Passage>& passages) {
  std::vector<std::string> out;
  for (const Passage& passage : passages) out.push_back(passage.text);
  return out;
}

// `count` words that end in a full stop.
std::string sentence(std::string_view first, int count) {
  std::string text(first);
  for (int i = 1; i < count; ++i) text += " w" + std::to_string(i);
  return text + ".";
}

// What chunker.h promises of every text.
void expect_promises(const SourceText& source, const std::vector<Passage>& passages,
                     const Tokenizer& tokenizer, std::size_t max_tokens) {
  const std::string& text = source.text;
  std::string uncovered = text;
  std::size_t last = 0;
  std::uint32_t ordinal = 0;
  for (const Passage& passage : passages) {
    const std::size_t begin = byte_offset(text, passage.begin);
    const std::size_t end = byte_offset(text, passage.end);
    ASSERT_LE(last, begin);
    ASSERT_LT(begin, end);
    ASSERT_EQ(text.substr(begin, end - begin), passage.text);
    ASSERT_EQ(std::string_view(" \t\n").find(passage.text.front()), std::string_view::npos);
    ASSERT_EQ(std::string_view(" \t\n").find(passage.text.back()), std::string_view::npos);
    ASSERT_EQ(passage.ordinal, ordinal++);
    if (count_code_points(passage.text) > 1) {
      ASSERT_LE(tokenizer.count(embedding_text(passage)), max_tokens) << embedding_text(passage);
    }
    uncovered.replace(begin, end - begin, end - begin, ' ');
    last = end;
  }
  ASSERT_EQ(uncovered.find_first_not_of(" \t\n"), std::string::npos);
}

TEST(ChunkerTest, ShortTextIsOnePassage) {
  const auto passages = chunk(plain("  One two.\n\nThree.\n"), WordTokenizer(), {.max_tokens = 50});
  ASSERT_EQ(passages.size(), 1u);
  EXPECT_EQ(passages[0].text, "One two.\n\nThree.");
  EXPECT_EQ(passages[0].begin, 2u);
  EXPECT_EQ(passages[0].end, 18u);
  EXPECT_EQ(passages[0].heading_path, "");
}

TEST(ChunkerTest, EmptyTextHasNoPassages) {
  EXPECT_TRUE(chunk(plain(" \n "), WordTokenizer(), {}).empty());
}

TEST(ChunkerTest, OffsetsCountCodePoints) {
  const auto passages =
      chunk(markdown("# Über\n\nžluťoučký\n\n# Zwei\n\n😀 日本\n"), WordTokenizer(), {});
  ASSERT_EQ(passages.size(), 2u);
  EXPECT_EQ(passages[1].text, "# Zwei\n\n😀 日本");
  EXPECT_EQ(passages[1].begin, 19u);
  EXPECT_EQ(passages[1].end, 31u);
}

TEST(ChunkerTest, NeverCrossesAHeading) {
  const auto passages =
      chunk(markdown("intro\n\n# A\n\na\n\n## B\n\nb\n\n# C\n\nc\n"), WordTokenizer(), {});
  EXPECT_THAT(texts(passages), ElementsAre("intro", "# A\n\na", "## B\n\nb", "# C\n\nc"));
  std::vector<std::string> paths;
  for (const Passage& passage : passages) paths.push_back(passage.heading_path);
  EXPECT_THAT(paths, ElementsAre("", "A", "A > B", "C"));
}

TEST(ChunkerTest, HeadingWithoutTextGoesWithTheNextSection) {
  EXPECT_THAT(texts(chunk(markdown("# A\n\n## B\n\nb\n\n# Last\n"), WordTokenizer(), {})),
              ElementsAre("# A\n\n## B\n\nb", "# Last"));
}

TEST(ChunkerTest, HeadingStaysWithTheTextBelowIt) {
  const std::string text = "# Head\n\n" + sentence("Long", 19) + " " + sentence("More", 19);
  const auto passages = chunk(markdown(text), WordTokenizer(), {.max_tokens = 22});
  ASSERT_EQ(passages.size(), 2u);
  EXPECT_EQ(passages[0].text, "# Head\n\n" + sentence("Long", 19));
}

TEST(ChunkerTest, PrefersTheBorderBetweenParagraphs) {
  const std::string first = sentence("A", 7) + " " + sentence("B", 7);
  const std::string second = sentence("C", 5) + " " + sentence("D", 10);
  EXPECT_THAT(texts(chunk(plain(first + "\n\n" + second), WordTokenizer(), {.max_tokens = 20})),
              ElementsAre(first, second));
}

TEST(ChunkerTest, CutsLongParagraphsBetweenSentences) {
  const std::string a = sentence("A", 9);
  const std::string b = sentence("B", 9);
  const std::string c = sentence("C", 9);
  EXPECT_THAT(texts(chunk(plain(a + " " + b + " " + c), WordTokenizer(), {.max_tokens = 18})),
              ElementsAre(a + " " + b, c));
}

TEST(ChunkerTest, LineEndsInWrappedProseAreNoBorders) {
  const std::string text =
      "This sentence of running text was wrapped by its author, and it\n"
      "goes on here until it ends. The second sentence of that kind is\n"
      "wrapped too and ends there.";
  EXPECT_THAT(texts(chunk(plain(text), WordTokenizer(), {.max_tokens = 20})),
              ElementsAre("This sentence of running text was wrapped by its author, and it\n"
                          "goes on here until it ends.",
                          "The second sentence of that kind is\nwrapped too and ends there."));
}

TEST(ChunkerTest, CutsCodeBetweenLines) {
  std::string code;
  for (int i = 0; i < 9; ++i) code += "call " + std::to_string(i) + " . with dots\n";
  const auto passages = chunk(plain(code), WordTokenizer(), {.max_tokens = 16});
  ASSERT_EQ(passages.size(), 3u);
  for (const Passage& passage : passages) {
    EXPECT_TRUE(passage.text.starts_with("call "));
    EXPECT_TRUE(passage.text.ends_with("dots"));
  }
}

TEST(ChunkerTest, ShortTailIsBalancedWithThePassageBefore) {
  const std::string text = sentence("A", 10) + " " + sentence("B", 10) + " " + sentence("C", 3);
  const auto passages = chunk(plain(text), WordTokenizer(), {.max_tokens = 20});
  EXPECT_THAT(texts(passages),
              ElementsAre(sentence("A", 10), sentence("B", 10) + " " + sentence("C", 3)));
}

TEST(ChunkerTest, LeadInStaysWithItsList) {
  const std::string before = sentence("A", 12);
  const std::string list = "The parts are:\n\n- one two three four five\n- six seven eight nine";
  EXPECT_THAT(texts(chunk(plain(before + "\n\n" + list), WordTokenizer(), {.max_tokens = 20})),
              ElementsAre(before, list));
}

TEST(ChunkerTest, PagesAreNumberedFromOne) {
  SourceText source = plain("# first\n\nsecond page");
  source.page_starts = {0, 9};
  source.headings = {{2, 7, 1}, {9, 15, 1}};
  source.text = "# first\na\nsecond\nb";
  source.page_starts = {0, 10};
  source.headings = {{2, 7, 1}, {10, 16, 1}};
  const auto passages = chunk(source, WordTokenizer(), {});
  ASSERT_EQ(passages.size(), 2u);
  EXPECT_EQ(passages[0].page, 1u);
  EXPECT_EQ(passages[1].page, 2u);
  EXPECT_EQ(chunk(plain("x"), WordTokenizer(), {})[0].page, 0u);
}

TEST(ChunkerTest, LongTitleAndHeadingsTakeAtMostAQuarter) {
  SourceText source = markdown("# " + sentence("Outer", 60) + "\n\n## " + sentence("Inner", 60) +
                               "\n\n" + sentence("Body", 300));
  source.title = sentence("Title", 200);
  const auto passages = chunk(source, WordTokenizer(), {.max_tokens = 80});
  expect_promises(source, passages, WordTokenizer(), 80);
  for (const Passage& passage : passages) {
    const std::size_t prefix =
        WordTokenizer().count(embedding_text(passage)) - WordTokenizer().count(passage.text);
    EXPECT_LE(prefix, 20u);
    EXPECT_GT(prefix, 0u);
  }
}

TEST(ChunkerTest, TokenBoundHoldsForTokenizersThatSplitWords) {
  const SourceText source =
      markdown("# Heading\n\n" + std::string(5000, 'x') + " " + std::string(700, 'y') + " z\n");
  const WordTokenizer tokenizer(4);
  expect_promises(source, chunk(source, tokenizer, {.max_tokens = 30}), tokenizer, 30);
}

TEST(ChunkerTest, TextWithoutSpacesIsCutBetweenCharactersAndWords) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "東京都に住む";
  const WordTokenizer tokenizer(3);
  const SourceText source = plain(text);
  const auto passages = chunk(source, tokenizer, {.max_tokens = 40});
  expect_promises(source, passages, tokenizer, 40);
  EXPECT_LT(passages.size(), 70u);  // 1800 characters, 40 a passage, some slack for word borders
  for (const Passage& passage : passages) EXPECT_TRUE(is_valid_utf8(passage.text));
}

TEST(ChunkerTest, HugeTextWithoutABreakIsCutQuickly) {
  for (const std::size_t word_bytes : {std::size_t{3}, SIZE_MAX}) {
    const WordTokenizer tokenizer(word_bytes);
    const SourceText source = plain(std::string(50'000'000, 'x'));
    const auto start = std::chrono::steady_clock::now();
    const auto passages = chunk(source, tokenizer, {});
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
    EXPECT_GT(passages.size(), 10'000u);
    // Linear: every byte is counted a few times, whatever the size of the text.
    EXPECT_LT(tokenizer.counted_bytes, 12 * source.text.size());
  }
}

TEST(ChunkerTest, ManyShortLinesTakeLinearTime) {
  std::string text;
  for (int i = 0; i < 1'000'000; ++i) text += "a,b\n";
  const WordTokenizer tokenizer;
  const auto start = std::chrono::steady_clock::now();
  const SourceText source = plain(std::move(text));
  EXPECT_GT(chunk(source, tokenizer, {}).size(), 4000u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(ChunkerTest, RandomTextsKeepEveryPromise) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::vector<std::string> bits{
      "word ",
      "Sentence ends. ",
      "\n",
      "\n\n",
      "# Heading\n",
      "\n\n## Sub heading\n\n",
      "- item\n",
      "| a | b |\n",
      "    code();\n",
      "東京都に住む。",
      "🎉",
      "e\u0301",
      "http://example.org/a?b=c#d ",
      "supercalifragilisticexpialidocious",
      "\t",
      "...",
      "Question? ",
      "\u00A0",
      "====\n",
      "---\n",
      "A fairly long line of prose that fills up most of one line of text\n",
      "\uFFFD"};
  for (int round = 0; round < 400; ++round) {
    std::string text;
    const std::size_t count = random() % 200;
    for (std::size_t i = 0; i < count; ++i) text += bits[random() % bits.size()];
    SourceText source;
    try {
      source = markdown(text);
    } catch (const Error&) {
      continue;  // nothing but white space
    }
    if (random() % 2 == 0) source.title = "A title of six words here";
    const WordTokenizer tokenizer(1 + random() % 9);
    const std::size_t max_tokens = 12 + random() % 60;
    expect_promises(source, chunk(source, tokenizer, {.max_tokens = max_tokens}), tokenizer,
                    max_tokens);
    if (HasFatalFailure()) FAIL() << text;
  }
}

TEST(EmbeddingTextTest, PutsTitleAndHeadingsBeforeTheText) {
  Passage passage;
  passage.text = "It floats.";
  EXPECT_EQ(embedding_text(passage), "It floats.");
  passage.title = "Boats";
  EXPECT_EQ(embedding_text(passage), "Boats\nIt floats.");
  passage.heading_path = "Hull > Wood";
  EXPECT_EQ(embedding_text(passage), "Boats > Hull > Wood\nIt floats.");
}

TEST(EmbeddingTextTest, SaysNothingTwice) {
  Passage passage;
  passage.title = "Boats";
  passage.heading_path = "Boats > Wood";
  passage.text = "It floats.";
  EXPECT_EQ(embedding_text(passage), "Boats > Wood\nIt floats.");
  passage.text = "## Wood\n\nIt floats.";
  EXPECT_EQ(embedding_text(passage), "Boats\n## Wood\n\nIt floats.");
  passage.heading_path = "Boats";
  passage.text = "# Boats\n\nThey float.";
  EXPECT_EQ(embedding_text(passage), "# Boats\n\nThey float.");
  passage.heading_path = "Boatswain";
  passage.text = "He pipes.";
  EXPECT_EQ(embedding_text(passage), "Boats > Boatswain\nHe pipes.");
}

}  // namespace
}  // namespace tandem
