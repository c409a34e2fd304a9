#include "base/error.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace tandem {
namespace {

TEST(ErrorTest, WhatJoinsMessageAndAdvice) {
  const Error error(ErrorCode::kNotFound, "no such store: a", "check the path");
  EXPECT_STREQ(error.what(), "no such store: a; check the path");
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_EQ(error.message(), "no such store: a");
  EXPECT_EQ(error.advice(), "check the path");
}

TEST(ErrorTest, WhatIsTheMessageAloneWithoutAdvice) {
  EXPECT_STREQ(Error(ErrorCode::kInternal, "broken").what(), "broken");
}

TEST(ErrorTest, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    names.insert(to_string(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorCode::kInternal) + 1);
  EXPECT_EQ(names.count("unknown error"), 0u);
}

TEST(ErrorTest, FailedCheckIsAnInternalErrorThatNamesTheCondition) {
  const int passages = 3;
  try {
    TANDEM_CHECK(passages == 4);
    FAIL() << "the check passed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInternal);
    EXPECT_NE(error.message().find("passages == 4"), std::string::npos);
    EXPECT_NE(error.message().find("error_test.cc"), std::string::npos);
  }
}

TEST(ErrorTest, PassedCheckDoesNothing) {
  EXPECT_NO_THROW(TANDEM_CHECK(1 + 1 == 2));
}

}  // namespace
}  // namespace tandem
