#include "retriever/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "retriever/compiled_filter.h"
#include "tests/support/errors.h"

namespace tandem {
namespace {

using testing::error_of;
using ::testing::HasSubstr;

std::string repeat(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

TEST(FilterTest, IsReadInTheShapeOfOpenAi) {
  const Filter filter = parse_filter_text(
      R"({"type": "and", "filters": [
            {"type": "gte", "key": "year", "value": 2020},
            {"type": "or", "filters": [{"type": "nin", "key": "language", "value": ["en", 5, true]},
                                       {"type": "ne", "key": "draft", "value": true}]}]})",
      "filters");
  const Filter expected = {FilterType::kAnd,
                           "",
                           {},
                           {{FilterType::kGreaterOrEqual, "year", {2020.0}, {}},
                            {FilterType::kOr,
                             "",
                             {},
                             {{FilterType::kNotIn, "language", {"en", 5.0, true}, {}},
                              {FilterType::kNotEqual, "draft", {true}, {}}}}}};
  EXPECT_EQ(filter, expected);
  EXPECT_EQ(parse_filter_text(R"({"type":"in","key":"$id","value":[]})", "f"),
            (Filter{FilterType::kIn, "$id", {}, {}}));
}

TEST(FilterTest, EveryMisuseIsRefusedAndNamesThePlace) {
  struct Case {
    std::string text;
    std::string expected;
  };
  const Case cases[] = {
      {"", "'f' is not JSON"},
      {"{\"type\":", "'f' is not JSON"},
      {"{\"type\":\"eq\",\"key\":\"\xFF\",\"value\":1}", "'f' is not JSON"},
      {R"({"type":"eq","key":"a","value":1e999})", "'f' is not JSON"},
      {"[]", "'f' must be an object, not of type array"},
      {"{}", "'f.type' is missing"},
      {R"({"type":7})", "'f.type' must be one of eq, ne"},
      {R"({"type":"equals","key":"a","value":1})", "'f.type' must be one of eq, ne"},
      {R"({"type":"eq","value":1})", "'f.key' is missing"},
      {R"({"type":"eq","key":5,"value":1})", "'f.key' must be a string, not of type number"},
      {R"({"type":"eq","key":"$page","value":1})", "'f.key' begins with '$'"},
      {R"({"type":"eq","key":"a"})", "'f.value' is missing"},
      {R"({"type":"eq","key":"a","value":null})", "'f.value' must be a string"},
      {R"({"type":"eq","key":"a","value":[1]})", "'f.value' must be a string"},
      {R"({"type":"gt","key":"a","value":true})", "'f.value' is true or false"},
      {R"({"type":"in","key":"a","value":"x"})", "'f.value' must be an array"},
      {R"({"type":"in","key":"a","value":["x",{}]})", "'f.value[1]' must be a string"},
      {R"({"type":"eq","key":"a","value":1,"filters":[]})", "'f' has a field that 'eq'"},
      {R"({"type":"and","filters":[],"key":"a"})", "'f' has a field that 'and'"},
      {R"({"type":"and"})", "'f.filters' is missing"},
      {R"({"type":"and","filters":{}})", "'f.filters' must be an array"},
      {R"({"type":"or","filters":[]})", "'f.filters' must hold at least one filter"},
      {R"({"type":"or","filters":[{"type":"eq","key":"a","value":1},5]})",
       "'f.filters[1]' must be an object"},
      {R"({"type":"or","filters":[{"type":"and","filters":[{"type":"lt","key":"a"}]}]})",
       "'f.filters[0].filters[0].value' is missing"},
      {repeat(R"({"type":"and","filters":[)", 17) + "1" + repeat("]}", 17), "nests deeper than 16"},
      {R"({"type":"in","key":"a","value":[)" + repeat("1,", 10'000) + "1]}",
       "is beyond the 10000 comparisons and values"},
      {R"({"type":"eq","key":"a","value":")" + repeat("x", 1 << 20) + "\"}", "has more than"},
      {repeat("[", 100'000), "'f' is not JSON"},
  };
  for (const auto& [text, expected] : cases) {
    const auto error = error_of([&, &sent = text] { parse_filter_text(sent, "f"); });
    ASSERT_TRUE(error) << text.substr(0, 100);
    EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error->message(), HasSubstr(expected)) << text.substr(0, 100);
    EXPECT_THAT(error->advice(), HasSubstr("write {"));
  }
  EXPECT_FALSE(error_of([&] {
    parse_filter_text(repeat(R"({"type":"and","filters":[)", 15) +
                          R"({"type":"eq","key":"","value":1})" + repeat("]}", 15),
                      "f");
  }));
}

bool matches(FilterType type, const std::vector<AttributeValue>& values,
             const AttributeValue& value) {
  const CompiledFilter filter(Filter{type, "a", values, {}});
  if (const auto* text = std::get_if<std::string>(&value)) return filter.matches(*text);
  if (const auto* number = std::get_if<double>(&value)) return filter.matches(*number);
  return filter.matches(std::get<bool>(value));
}

TEST(FilterTest, TypesNeverMix) {
  const std::vector<AttributeValue> values = {true, 1.0, "1"};
  for (const AttributeValue& asked : values) {
    for (const AttributeValue& value : values) {
      const bool same = asked.index() == value.index();
      EXPECT_EQ(matches(FilterType::kEqual, {asked}, value), same);
      EXPECT_EQ(matches(FilterType::kNotEqual, {asked}, value), !same);
      EXPECT_EQ(matches(FilterType::kIn, {asked}, value), same);
      EXPECT_EQ(matches(FilterType::kNotIn, {asked}, value), !same);
      const bool ordered = same && value.index() != 0;
      EXPECT_EQ(matches(FilterType::kGreaterOrEqual, {asked}, value), ordered);
      EXPECT_EQ(matches(FilterType::kLessOrEqual, {asked}, value), ordered);
      EXPECT_FALSE(matches(FilterType::kGreater, {asked}, value));
      EXPECT_FALSE(matches(FilterType::kLess, {asked}, value));
    }
  }
}

TEST(FilterTest, StringsAreOrderedByTheirBytes) {
  EXPECT_TRUE(matches(FilterType::kLess, {"b"}, "a"));
  EXPECT_TRUE(matches(FilterType::kLess, {"a"}, "B"));
  EXPECT_TRUE(matches(FilterType::kGreater, {"z"}, "\xC3\xA9"));
  EXPECT_TRUE(matches(FilterType::kGreater, {"a"}, "aa"));
  EXPECT_TRUE(matches(FilterType::kLess, {"2024-02-01"}, "2024-01-31"));
}

}  // namespace
}  // namespace tandem
