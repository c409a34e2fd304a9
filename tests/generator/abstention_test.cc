#include "generator/abstention.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

TEST(AbstentionTest, KnowsAnswersThatSayNothing) {
  for (const std::string_view text :
       {kAbstention, std::string_view("I don't know"), std::string_view("i don’t know."),
        std::string_view("  \n"), std::string_view("..."), std::string_view("Unanswerable"),
        std::string_view("I do not know the answer.")})
    EXPECT_TRUE(is_abstention(text)) << text;
  for (const std::string_view text : {"1973", "I do not know, but it may be 1973", "know", "no"})
    EXPECT_FALSE(is_abstention(text)) << text;
}

}  // namespace
}  // namespace tandem
