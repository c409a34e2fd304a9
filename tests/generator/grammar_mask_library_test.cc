#include "generator/grammar/mask_library.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "generator/grammar/grammar_matcher.h"
#include "tests/support/errors.h"
#include "tests/support/grammar_texts.h"

namespace tandem {
namespace {

using testing::error_code_of;

TEST(MaskLibraryTest, TheSameSchemaHasTheSameMasks) {
  MaskLibrary library(testing::make_small_vocabulary());
  const auto first = library.of_schema(R"({"type":"null"})");
  EXPECT_EQ(library.of_schema(R"({"type":"null"})"), first);
  EXPECT_NE(library.of_schema(R"({"type":"boolean"})"), first);
  EXPECT_EQ(library.of_any_object(), library.of_any_object());
  EXPECT_EQ(library.size(), 3u);
}

TEST(MaskLibraryTest, ForgetsTheLeastRecentlyAskedFor) {
  MaskLibrary library(testing::make_small_vocabulary(), 2);
  const auto a = library.of_schema(R"({"const":1})");
  const auto b = library.of_schema(R"({"const":2})");
  library.of_schema(R"({"const":1})");
  library.of_schema(R"({"const":3})");
  EXPECT_EQ(library.size(), 2u);
  EXPECT_EQ(library.of_schema(R"({"const":1})"), a);
  EXPECT_NE(library.of_schema(R"({"const":2})"), b);
  // Who still uses the forgotten one is not disturbed.
  EXPECT_TRUE(GrammarMatcher(b).accept('2'));
}

TEST(MaskLibraryTest, ARefusedSchemaIsNotRemembered) {
  MaskLibrary library(testing::make_small_vocabulary());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(error_code_of([&] { (void)library.of_schema(R"({"not":{}})"); }),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(error_code_of([&] { (void)library.of_schema(""); }), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(library.size(), 0u);
}

TEST(MaskLibraryTest, ThreadsAgreeOnTheMasks) {
  MaskLibrary library(testing::make_small_vocabulary(), 4);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&library, t] {
      for (int i = 0; i < 200; ++i) {
        const int value = (i + t) % 6;
        const auto masks = library.of_schema("{\"const\":" + std::to_string(value) + "}");
        EXPECT_TRUE(GrammarMatcher(masks).accept('0' + value));
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(library.size(), 4u);
}

}  // namespace
}  // namespace tandem
