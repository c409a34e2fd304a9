// The remembered masks are compared with what is found by trying every token by itself, in states
// that a random walk comes to.
#include "generator/grammar/grammar_matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "generator/grammar/program.h"
#include "model/gguf.h"
#include "tests/support/grammar_texts.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::has_bit;

struct Start {
  const char* schema;
  const char* text;  // after which a walk begins
};

const Start kStarts[] = {
    {R"({"type":"string"})", ""},
    {R"({"type":"string","minLength":3,"maxLength":9})", ""},
    {R"({"items":{"type":"string","maxLength":4},"minItems":2,"maxItems":5})", ""},
    {R"({"items":{"items":{"items":{"items":{"type":"string"}}}},"maxItems":4})", "[[[[\""},
    {R"({"properties":{"name":{"type":"string"},"a":{"type":"integer"},"tags":{"items":{"enum":
         ["the","name","ab","abc"]}}},"required":["name"],
         "additionalProperties":{"type":"number"}})",
     ""},
    {R"({"anyOf":[{"pattern":"^[a-c]+\"?$"},{"type":"string","maxLength":2},{"type":"number"}]})",
     ""},
    // Tokens that are too long for the first, but not for the second.
    {R"({"anyOf":[{"type":"string","maxLength":3},{"pattern":"^(the| the|ab)+$"}]})", "\""},
    {R"({"$defs":{"t":{"properties":{"a":{"items":{"$ref":"#/$defs/t"}},"x":{"type":"string"}}}},
         "$ref":"#/$defs/t"})",
     ""},
    {R"({"format":"date-time"})", ""},
    {"true", ""},
    // Tokens that close more than the frames which an entry knows.
    {"true", R"({"a":{"a":{"a":"x)"},
    {"true", R"({"a":{"a":{"a":{"a":{"a":"x)"},
    {"true", R"([{"a":[{"a":[{"a":"x)"},
};

// Without any memory: does the text still have a continuation after this token?
bool allowed_by_itself(const Grammar& grammar, const std::string& text, std::string_view token) {
  return testing::accepted_bytes(grammar, text + std::string(token)) >= text.size() + token.size();
}

std::vector<TokenId> tokens_of(const std::vector<std::uint64_t>& bits) {
  std::vector<TokenId> tokens;
  for (TokenId id = 0; id < static_cast<TokenId>(64 * bits.size()); ++id)
    if (has_bit(bits, id)) tokens.push_back(id);
  return tokens;
}

class GrammarMatcherTest : public ::testing::Test {
 protected:
  std::shared_ptr<const TokenMasks> masks_of(const std::string& schema,
                                             std::size_t bytes = TokenMasks::kDefaultBytes) {
    return std::make_shared<const TokenMasks>(Grammar::parse_json_schema(schema), vocabulary_,
                                              bytes);
  }
  TokenId end() const { return vocabulary_->ends()[0]; }
  bool accept_text(GrammarMatcher& matcher, std::string_view text) const {
    for (const char byte : text)
      if (!matcher.accept(static_cast<unsigned char>(byte))) return false;
    return true;
  }

  const std::shared_ptr<const TokenVocabulary> vocabulary_ = testing::make_small_vocabulary();
};

TEST_F(GrammarMatcherTest, MasksAreWhatTryingEveryTokenGives) {
  constexpr std::uint64_t kSeed = 20240601;
  std::mt19937_64 random(kSeed);
  std::vector<std::uint64_t> bits(vocabulary_->words());
  for (const auto& [schema, start] : kStarts) {
    const auto masks = masks_of(schema);
    for (int walk = 0; walk < 6; ++walk) {
      GrammarMatcher matcher(masks);
      std::string text = start;
      ASSERT_TRUE(accept_text(matcher, text));
      for (int step = 0; step < 40 && !matcher.finished(); ++step) {
        ASSERT_TRUE(matcher.allowed(bits)) << schema << " after " << text;
        for (TokenId id = 0; id < static_cast<TokenId>(vocabulary_->size()); ++id) {
          const std::string_view token = vocabulary_->bytes(id);
          const bool expected =
              vocabulary_->is_end(id)
                  ? testing::accepts(masks->grammar(), text)
                  : !token.empty() && allowed_by_itself(masks->grammar(), text, token);
          ASSERT_EQ(has_bit(bits, id), expected) << schema << " after " << text << ": token " << id
                                                 << " '" << token << "', seed " << kSeed;
        }
        const auto tokens = tokens_of(bits);
        const TokenId chosen = tokens[random() % tokens.size()];
        ASSERT_TRUE(matcher.accept(chosen));
        text += vocabulary_->bytes(chosen);
      }
    }
  }
}

TEST_F(GrammarMatcherTest, AcceptAgreesWithAllowed) {
  std::vector<std::uint64_t> bits(vocabulary_->words());
  GrammarMatcher matcher(masks_of(kStarts[4].schema));
  ASSERT_TRUE(accept_text(matcher, R"({"name":"x)"));
  ASSERT_TRUE(matcher.allowed(bits));
  for (TokenId id = -1; id <= static_cast<TokenId>(vocabulary_->size()); ++id) {
    const bool allowed =
        id >= 0 && id < static_cast<TokenId>(vocabulary_->size()) && has_bit(bits, id);
    EXPECT_EQ(matcher.accept(id), allowed) << id;
    if (allowed) matcher.rollback(1);
  }
}

TEST_F(GrammarMatcherTest, EndsExactlyWhereTheTextIsComplete) {
  std::vector<std::uint64_t> bits(vocabulary_->words());
  GrammarMatcher matcher(masks_of(R"({"enum":[1,12]})"));
  ASSERT_TRUE(matcher.allowed(bits));
  EXPECT_FALSE(has_bit(bits, end()));
  EXPECT_FALSE(matcher.accept(end()));
  ASSERT_TRUE(matcher.accept('1'));
  EXPECT_TRUE(matcher.complete());
  ASSERT_TRUE(matcher.allowed(bits));
  EXPECT_THAT(tokens_of(bits), ElementsAre('2', end()));
  ASSERT_TRUE(matcher.accept('2'));
  ASSERT_TRUE(matcher.allowed(bits));
  EXPECT_THAT(tokens_of(bits), ElementsAre(end()));
  EXPECT_FALSE(matcher.finished());
  ASSERT_TRUE(matcher.accept(end()));
  EXPECT_TRUE(matcher.finished());
  EXPECT_FALSE(matcher.allowed(bits));
  EXPECT_THAT(tokens_of(bits), ElementsAre());
  EXPECT_FALSE(matcher.accept('2'));
  EXPECT_FALSE(matcher.accept(end()));
}

TEST_F(GrammarMatcherTest, ControlTokensAreNeverAllowed) {
  std::vector<std::uint64_t> bits(vocabulary_->words());
  GrammarMatcher matcher(masks_of(R"({"type":"string"})"));
  ASSERT_TRUE(matcher.accept('"'));
  ASSERT_TRUE(matcher.allowed(bits));
  EXPECT_FALSE(has_bit(bits, end() - 1));
  EXPECT_FALSE(matcher.accept(end() - 1));
}

TEST_F(GrammarMatcherTest, RollbackLeadsBackToTheSameMasks) {
  constexpr std::uint64_t kSeed = 7;
  std::mt19937_64 random(kSeed);
  for (const auto& [schema, start] : kStarts) {
    GrammarMatcher matcher(masks_of(schema));
    ASSERT_TRUE(accept_text(matcher, start));
    const std::size_t first = matcher.size();
    std::vector<std::vector<std::uint64_t>> seen;
    std::vector<std::uint64_t> bits(vocabulary_->words());
    for (int step = 0; step < 200; ++step) {
      matcher.allowed(bits);
      if (matcher.size() - first < seen.size()) {
        ASSERT_EQ(bits, seen[matcher.size() - first]) << schema << ", seed " << kSeed;
      } else {
        seen.push_back(bits);
      }
      const auto tokens = tokens_of(bits);
      if (tokens.empty() || random() % 4 == 0) {
        matcher.rollback(random() % (matcher.size() - first + 1));
        seen.resize(matcher.size() - first + 1);
      } else {
        seen.resize(matcher.size() - first + 1);
        ASSERT_TRUE(matcher.accept(tokens[random() % tokens.size()]));
      }
    }
  }
}

TEST_F(GrammarMatcherTest, ForcedBytesAreTheOnlyOnes) {
  GrammarMatcher matcher(masks_of(
      R"({"properties":{"kind":{"const":"fox"},"n":{"type":"integer"}},"required":["kind","n"]})"));
  EXPECT_EQ(matcher.forced(), R"({"kind":)");
  ASSERT_TRUE(accept_text(matcher, matcher.forced()));
  EXPECT_EQ(matcher.forced(), "");  // a space or not
  ASSERT_TRUE(matcher.accept('"'));
  EXPECT_EQ(matcher.forced(), "fox\",");
  ASSERT_TRUE(accept_text(matcher, "fox\", "));
  EXPECT_EQ(matcher.forced(), R"("n":)");
  ASSERT_TRUE(accept_text(matcher, R"("n":1})"));
  EXPECT_EQ(matcher.forced(), "");
  ASSERT_TRUE(matcher.accept(end()));
  EXPECT_EQ(matcher.forced(), "");
}

TEST_F(GrammarMatcherTest, MemoryOfMasksIsBounded) {
  constexpr std::size_t kBytes = 4'000;
  const auto masks = masks_of("true", kBytes);
  const auto unbounded = masks_of("true");
  std::mt19937_64 random(3);
  std::vector<std::uint64_t> bits(vocabulary_->words());
  std::vector<std::uint64_t> expected(vocabulary_->words());
  for (int walk = 0; walk < 20; ++walk) {
    GrammarMatcher matcher(masks);
    GrammarMatcher reference(unbounded);
    for (int step = 0; step < 60 && matcher.allowed(bits); ++step) {
      EXPECT_LE(masks->size_bytes(), kBytes);
      reference.allowed(expected);
      ASSERT_EQ(bits, expected);
      const auto tokens = tokens_of(bits);
      const TokenId chosen = tokens[random() % tokens.size()];
      matcher.accept(chosen);
      reference.accept(chosen);
    }
  }
  EXPECT_GT(unbounded->size_bytes(), kBytes);
}

// The masks of a state that was met are found again, whatever the depth and the count.
TEST_F(GrammarMatcherTest, RepetitionNeedsNoNewMasks) {
  const auto masks = masks_of(R"({"items":{"items":{"type":"string"}},"maxItems":1000000})");
  std::vector<std::uint64_t> bits(vocabulary_->words());
  GrammarMatcher matcher(masks);
  const auto write = [&](std::string_view text) {
    for (const char byte : text) {
      ASSERT_TRUE(matcher.allowed(bits));
      ASSERT_TRUE(matcher.accept(static_cast<unsigned char>(byte)));
    }
  };
  write(R"([["ab","c"],["ab","c"])");
  const std::size_t entries = masks->entries();
  for (int i = 0; i < 100; ++i) write(R"(,["ab","c","ab"])");
  EXPECT_EQ(masks->entries(), entries);
}

TEST_F(GrammarMatcherTest, ThreadsShareMasks) {
  const auto masks = masks_of("true", 50'000);
  std::vector<std::thread> threads;
  std::vector<std::vector<TokenId>> paths(4);
  threads.reserve(paths.size());
  for (auto& path : paths)
    threads.emplace_back([&masks, &path, this] {
      std::mt19937_64 random(11);
      std::vector<std::uint64_t> bits(vocabulary_->words());
      for (int walk = 0; walk < 10; ++walk) {
        GrammarMatcher matcher(masks);
        for (int step = 0; step < 50 && matcher.allowed(bits); ++step) {
          const auto tokens = tokens_of(bits);
          path.push_back(tokens[random() % tokens.size()]);
          matcher.accept(path.back());
        }
      }
    });
  for (auto& thread : threads) thread.join();
  for (const auto& path : paths) EXPECT_EQ(path, paths[0]);
}

TEST_F(GrammarMatcherTest, AVocabularyThatCannotSpellTheTextSaysSo) {
  const std::vector<std::string> tokens = {"{", "}", "end"};
  const TokenId ends[] = {2};
  const auto vocabulary = std::make_shared<const TokenVocabulary>(tokens, ends);
  GrammarMatcher matcher(std::make_shared<const TokenMasks>(
      Grammar::parse_json_schema(R"({"required":["a"]})"), vocabulary));
  std::vector<std::uint64_t> bits(1);
  EXPECT_TRUE(matcher.allowed(bits));
  ASSERT_TRUE(matcher.accept(0));
  EXPECT_FALSE(matcher.allowed(bits));
  EXPECT_FALSE(matcher.finished());
}

TEST(MaskLogitsTest, KeepsWhatIsAllowedAndNothingElse) {
  std::mt19937_64 random(5);
  for (const std::size_t size : {1u, 63u, 64u, 65u, 300u, 1024u}) {
    std::vector<float> logits(size);
    for (std::size_t i = 0; i < size; ++i) logits[i] = static_cast<float>(i) - 100.0f;
    std::vector<std::uint64_t> bits((size + 63) / 64);
    for (std::size_t w = 0; w < bits.size(); ++w)
      bits[w] = w % 3 == 0 ? random() : w % 3 == 1 ? 0 : UINT64_MAX;
    auto masked = logits;
    mask_logits(masked, bits);
    for (std::size_t i = 0; i < size; ++i)
      EXPECT_EQ(masked[i], has_bit(bits, static_cast<TokenId>(i))
                               ? logits[i]
                               : -std::numeric_limits<float>::infinity());
  }
  std::vector<float> beyond(130, 1.0f);
  const std::uint64_t bits[] = {UINT64_MAX};
  mask_logits(beyond, bits);
  EXPECT_EQ(beyond[63], 1.0f);
  EXPECT_TRUE(std::isinf(beyond[64]) && std::isinf(beyond[129]));
}

class RealVocabularyTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!std::filesystem::exists(testing::generator_file())) return;
    tokenizer_ = make_tokenizer(*open_gguf(testing::generator_file()));
    const TokenId ends[] = {*tokenizer_->find("<|im_end|>")};
    vocabulary_ = std::make_shared<const TokenVocabulary>(*tokenizer_, ends);
  }
  static void TearDownTestSuite() {
    vocabulary_.reset();
    tokenizer_.reset();
  }
  void SetUp() override {
    if (vocabulary_ == nullptr) GTEST_SKIP() << testing::generator_file() << " is not there";
  }

  static inline std::unique_ptr<Tokenizer> tokenizer_;
  static inline std::shared_ptr<const TokenVocabulary> vocabulary_;
};

TEST_F(RealVocabularyTest, TokensOfAValidDocumentAreAllowedOneByOne) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"properties":{"name":{"type":"string"},"age":{"type":"integer"},"tags":{"items":
           {"type":"string"}}},"required":["name","age","tags"]})",
       R"({"name": "Zoë \"Z\" O'Neill \u2028 日本", "age": 37, "tags": ["a", "b c", ""]})"},
      {"true", R"([{"a":{"b":[1,-2.5e3,"x\ty",{"c":null}]},"d":false},[],{},[[[["😀"]]]]])"},
      {R"({"format":"date-time"})", R"("2024-01-31T10:20:30.25+01:00")"},
  };
  std::vector<std::uint64_t> bits(vocabulary_->words());
  for (const auto& [schema, text] : cases) {
    GrammarMatcher matcher(
        std::make_shared<const TokenMasks>(Grammar::parse_json_schema(schema), vocabulary_));
    for (const TokenId token : tokenizer_->encode(text)) {
      ASSERT_TRUE(matcher.allowed(bits));
      EXPECT_TRUE(has_bit(bits, token)) << text << ": " << tokenizer_->token_bytes(token);
      ASSERT_TRUE(matcher.accept(token));
    }
    EXPECT_TRUE(matcher.complete());
  }
}

TEST_F(RealVocabularyTest, MasksAreWhatTryingEveryTokenGives) {
  constexpr std::uint64_t kSeed = 99;
  std::mt19937_64 random(kSeed);
  std::vector<std::uint64_t> bits(vocabulary_->words());
  for (const auto& [schema, start] : kStarts) {
    const auto masks =
        std::make_shared<const TokenMasks>(Grammar::parse_json_schema(schema), vocabulary_);
    GrammarMatcher matcher(masks);
    for (const TokenId token : tokenizer_->encode(start)) ASSERT_TRUE(matcher.accept(token));
    for (int step = 0; step < 12 && matcher.allowed(bits); ++step) {
      std::vector<TokenId> tokens;
      for (TokenId id = 0; id < static_cast<TokenId>(vocabulary_->size()); ++id) {
        const bool accepted = matcher.accept(id);
        if (accepted) {
          matcher.rollback(1);
          tokens.push_back(id);
        }
        ASSERT_EQ(has_bit(bits, id), accepted)
            << schema << ": token " << id << " '" << vocabulary_->bytes(id) << "', seed " << kSeed;
      }
      ASSERT_TRUE(matcher.accept(tokens[random() % tokens.size()]));
    }
  }
}

TEST_F(RealVocabularyTest, ControlTokensAreNotInTheVocabulary) {
  EXPECT_EQ(vocabulary_->size(), 49152u);
  EXPECT_EQ(vocabulary_->bytes(*tokenizer_->find("<|im_start|>")), "");
  EXPECT_EQ(vocabulary_->bytes(*tokenizer_->find("<|endoftext|>")), "");
  EXPECT_EQ(vocabulary_->bytes(tokenizer_->encode("hello")[0]), "hello");
}

}  // namespace
}  // namespace tandem
