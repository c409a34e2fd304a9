#include "server/json_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/http_error.h"

namespace tandem {
namespace {

using ::testing::HasSubstr;

// Status and message of what `call` throws.
template <typename Call>
RequestError fault_of(const Call& call) {
  try {
    call();
  } catch (const RequestError& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return RequestError(0, "");
}

RequestError parse_fault(std::string_view text) {
  return fault_of([&] { parse_json_object(text); });
}

std::string nested(int depth) {
  return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
}

TEST(ParseJsonObjectTest, ReadsAnObject) {
  EXPECT_EQ(parse_json_object(R"({"text": "grüße \u20ac"})")["text"], "grüße €");
}

TEST(ParseJsonObjectTest, RefusesWhatIsNoJsonWithTheByte) {
  EXPECT_THAT(parse_fault(R"({"a": 1,})").message(), HasSubstr("at byte 9"));
  EXPECT_EQ(parse_fault("{").status(), 400);
  EXPECT_THAT(parse_fault("").message(), HasSubstr("empty"));
  EXPECT_EQ(parse_fault("{\"a\": 1} {}").status(), 400);
  EXPECT_EQ(parse_fault("{\"a\": NaN}").status(), 400);
  EXPECT_EQ(parse_fault("{\"a\": 1e999}").status(), 400);
}

TEST(ParseJsonObjectTest, RefusesInvalidUtf8AndLoneSurrogates) {
  EXPECT_EQ(parse_fault("{\"a\": \"\xff\"}").status(), 400);
  EXPECT_EQ(parse_fault("{\"a\": \"\xed\xa0\x80\"}").status(), 400);
  EXPECT_EQ(parse_fault(R"({"a": "\ud800"})").status(), 400);
}

TEST(ParseJsonObjectTest, NeverRepeatsTheText) {
  EXPECT_THAT(parse_fault("{\"password\": secret}").what(), Not(HasSubstr("secret")));
}

TEST(ParseJsonObjectTest, RefusesOtherValuesNamingTheirType) {
  EXPECT_THAT(parse_fault("[1]").message(), HasSubstr("not an array"));
  EXPECT_THAT(parse_fault("null").message(), HasSubstr("not null"));
}

TEST(ParseJsonObjectTest, LimitsNesting) {
  EXPECT_NO_THROW(parse_json_object(nested(kMaxJsonDepth - 1)));
  EXPECT_THAT(parse_fault(nested(kMaxJsonDepth + 1)).message(), HasSubstr("64 levels"));
  EXPECT_THAT(parse_fault(nested(1'000'000)).message(), HasSubstr("64 levels"));
}

TEST(ParseJsonObjectTest, LimitsTheNumberOfValues) {
  std::string text = "{\"a\":[0";
  for (std::size_t i = 0; i < kMaxJsonValues; ++i) text += ",0";
  EXPECT_THAT(parse_fault(text + "]}").message(), HasSubstr("values"));
}

TEST(FieldsTest, AbsentAndNullAreTheSame) {
  const nlohmann::json body = {{"a", nullptr}};
  const Fields fields(body);
  EXPECT_FALSE(fields.text("a"));
  EXPECT_FALSE(fields.integer("b", 0, 1));
  EXPECT_FALSE(fields.object("a"));
  EXPECT_EQ(fields.array("a", 1), nullptr);
}

TEST(FieldsTest, WrongTypesAreNamedByPath) {
  const nlohmann::json body = {{"outer", {{"inner", "text"}}}};
  const Fields outer = *Fields(body).object("outer");
  const RequestError error = fault_of([&] { outer.integer("inner", 0, 10); });
  EXPECT_EQ(error.param(), "outer.inner");
  EXPECT_THAT(error.message(), HasSubstr("'outer.inner' must be a whole number, not a string"));
  EXPECT_EQ(fault_of([&] { outer.boolean("inner"); }).status(), 400);
  EXPECT_EQ(fault_of([&] { outer.number("inner", 0, 1); }).status(), 400);
  EXPECT_EQ(fault_of([&] { outer.object("inner"); }).status(), 400);
  EXPECT_EQ(fault_of([&] { outer.array("inner", 1); }).status(), 400);
}

TEST(FieldsTest, IntegersAreWholeAndInRange) {
  const auto read = [](const nlohmann::json& value) {
    const nlohmann::json body = {{"n", value}};
    return *Fields(body).integer("n", INT64_MIN, INT64_MAX);
  };
  EXPECT_EQ(read(3.0), 3);
  EXPECT_EQ(read(INT64_MIN), INT64_MIN);
  EXPECT_EQ(fault_of([&] { read(3.5); }).status(), 400);
  EXPECT_EQ(fault_of([&] { read(UINT64_MAX); }).status(), 400);
  EXPECT_EQ(fault_of([&] { read(1e300); }).status(), 400);
  EXPECT_EQ(fault_of([&] { read(9223372036854775808.0); }).status(), 400);
  const nlohmann::json body = {{"n", 11}};
  EXPECT_THAT(fault_of([&] { Fields(body).integer("n", 1, 10); }).message(),
              HasSubstr("from 1 to 10"));
}

TEST(FieldsTest, FiltersAndAttributesAreNamedByPath) {
  const nlohmann::json body = {
      {"filters", {{"type", "eq"}, {"key", "year"}, {"value", 2020}}},
      {"attributes", {{"year", 2020}, {"draft", true}, {"gone", nullptr}}},
      {"outer", {{"filters", {{"type", "eq"}, {"key", "year"}}}, {"attributes", {{"a", {1}}}}}}};
  const Fields fields(body);
  EXPECT_EQ(fields.filter("filters"), (Filter{FilterType::kEqual, "year", {2020.0}, {}}));
  EXPECT_EQ(fields.attributes("attributes"), (Attributes{{"year", 2020.0}, {"draft", true}}));
  EXPECT_EQ(fields.filter("none"), std::nullopt);
  EXPECT_EQ(fields.attributes("none"), std::nullopt);
  const Fields outer = *fields.object("outer");
  const RequestError filter = fault_of([&] { outer.filter("filters"); });
  EXPECT_EQ(filter.status(), 400);
  EXPECT_EQ(filter.param(), "outer.filters");
  EXPECT_THAT(filter.message(), HasSubstr("'outer.filters.value' is missing"));
  const RequestError attributes = fault_of([&] { outer.attributes("attributes"); });
  EXPECT_EQ(attributes.param(), "outer.attributes");
  EXPECT_THAT(attributes.message(), HasSubstr("'outer.attributes.a' must be a string"));
}

TEST(FieldsTest, ArraysAreLimited) {
  const nlohmann::json body = {{"a", {1, 2, 3}}};
  EXPECT_EQ(Fields(body).array("a", 3)->size(), 3u);
  EXPECT_THAT(fault_of([&] { Fields(body).array("a", 2); }).message(), HasSubstr("at most 2"));
}

}  // namespace
}  // namespace tandem
