// Schemas, and texts that they accept and reject byte by byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "generator/grammar/grammar.h"
#include "tests/support/errors.h"
#include "tests/support/grammar_texts.h"

namespace tandem {
namespace {

using testing::accepts;
using testing::error_of;
using ::testing::HasSubstr;

struct Case {
  std::string schema;
  std::vector<std::string> accepted;
  std::vector<std::string> rejected;
};

void check(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    const auto grammar = Grammar::parse_json_schema(one.schema);
    for (const std::string& text : one.accepted)
      EXPECT_TRUE(accepts(*grammar, text))
          << one.schema << " should accept " << text << " and stops after "
          << testing::accepted_bytes(*grammar, text) << " bytes";
    for (const std::string& text : one.rejected)
      EXPECT_FALSE(accepts(*grammar, text)) << one.schema << " should reject " << text;
  }
}

TEST(GrammarSchemaTest, Scalars) {
  check({
      {R"({"type":"boolean"})", {"true", "false"}, {"", "tru", "null", "true ", "True"}},
      {R"({"type":"null"})", {"null"}, {"nul", "0"}},
      {R"({"type":["string","null"]})", {"null", R"("x")"}, {"1", "x"}},
      {R"({"type":"integer"})",
       {"0", "-1", "42", "999999999999999999", "-999999999999999999"},
       {"", "-", "01", "+1", "1.0", "1e3", "1000000000000000000", " 1"}},
      {R"({"type":"number"})",
       {"0", "-0.5", "3.14", "1e5", "1E-12", "2.5e+10"},
       {".5", "1.", "1e", "01", "1e100", "NaN", "Infinity"}},
  });
}

TEST(GrammarSchemaTest, Strings) {
  check({
      {R"({"type":"string"})",
       {R"("")", R"("a b")", "\"\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80\"", R"("\"\\\/\b\f\n\r\t")",
        R"("\u00e9\uD83D\ude00")"},
       {"\"", "\"a\nb\"", R"("\x")", R"("\u12")", R"("\ud83d")", R"("\ud83dx")",
        R"("\ud83d\u0041")", R"("\ude00")", "\"\x80\"", "\"\xC3\"", "\"\xC0\xAF\"",
        "\"\xE0\x80\x80\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xF8\"", "'a'"}},
      {R"({"type":"string","minLength":2,"maxLength":3})",
       {R"("ab")", R"("abc")", "\"é日😀\"", R"("\u0041\n")", R"("\ud83d\ude00ab")"},
       {R"("")", R"("a")", R"("abcd")", R"("\ud83d\ude00")", "\"é日😀x\""}},
      {R"({"type":"string","minLength":2})", {R"("ab")", R"("abcdefgh")"}, {R"("a")"}},
      {R"({"type":"string","maxLength":0})", {R"("")"}, {R"("a")"}},
      {R"({"maxLength":1000000000})", {R"("ab")"}, {"1"}},
  });
}

TEST(GrammarSchemaTest, Patterns) {
  check({
      {R"({"pattern":"^[a-c]+$"})", {R"("a")", R"("abc")"}, {R"("")", R"("d")", R"("ad")"}},
      {R"({"pattern":"b"})", {R"("b")", R"("abc")"}, {R"("")", R"("ac")"}},
      {R"({"pattern":"^a|b$"})", {R"("ax")", R"("xb")"}, {R"("xa")", R"("bx")"}},
      {R"({"pattern":"^(foo|ba[rz]){1,2}$"})",
       {R"("foo")", R"("bazfoo")"},
       {R"("")", R"("foofoofoo")", R"("bax")"}},
      {R"({"pattern":"^(a*)*b$"})", {R"("b")", R"("aaab")"}, {R"("aaa")"}},
      {R"({"pattern":"^\\d{3}-?\\w*?$"})",
       {R"("123")", R"("123-ab_9")"},
       {R"("12")", R"("123-é")"}},
      {R"({"pattern":"^[^\\d\\s]$"})", {R"("x")", "\"é\"", "\"😀\""}, {R"("1")", R"(" ")"}},
      {R"({"pattern":"^.\"\\\\\n$"})", {R"("x\"\\\n")"}, {"\"x\"\\\\\""}},
      {R"({"pattern":"^[\\u3040-\\u30ff]+$"})", {"\"かな\""}, {"\"漢\"", R"("a")"}},
      {R"({"pattern":"^(?<year>[0-9]{4})(?:x|)$"})", {R"("2024")", R"("2024x")"}, {R"("24")"}},
      {R"({"pattern":"^a[^\\s\\S]*(b|[])$"})", {R"("ab")"}, {R"("a")", R"("aab")"}},
      {R"({"pattern":"^a{2,}$","maxLength":3})", {R"("aa")", R"("aaa")"}, {R"("a")", R"("aaaa")"}},
      {R"({"pattern":"^[a-f]*$","minLength":2})", {R"("ab")"}, {R"("a")", R"("ag")"}},
  });
}

TEST(GrammarSchemaTest, Formats) {
  check({
      {R"({"format":"date"})",
       {R"("2024-01-31")", R"("2023-02-28")"},
       {R"("2024-02-30")", R"("2024-13-01")", R"("2024-04-31")", R"("24-1-1")"}},
      {R"({"format":"time"})", {R"("23:59:59Z")", R"("00:00:00.5+01:00")"}, {R"("24:00:00Z")"}},
      {R"({"format":"date-time"})", {R"("2024-01-31T10:20:30Z")"}, {R"("2024-01-31 10:20:30Z")"}},
      {R"({"format":"uuid"})",
       {R"("123e4567-e89b-12d3-a456-426614174000")"},
       {R"("123e4567e89b12d3a456426614174000")"}},
      {R"({"format":"email"})",
       {R"("a.b+c@x-y.org")"},
       {R"("a@b")", R"("a b@c.de")", R"(".a@b.c")"}},
      {R"({"format":"ipv4"})", {R"("127.0.0.1")", R"("255.255.255.255")"}, {R"("256.1.1.1")"}},
      {R"({"format":"duration"})", {R"("P1Y2M")", R"("PT5M")"}, {R"("P")", R"("5M")"}},
      {R"({"type":"string","format":"colour"})", {R"("anything")"}, {"1"}},
  });
}

TEST(GrammarSchemaTest, Bounds) {
  check({
      {R"({"type":"integer","minimum":0,"maximum":130})",
       {"0", "7", "99", "100", "130"},
       {"-1", "131", "200", "1000", "00"}},
      {R"({"type":"integer","minimum":-15,"exclusiveMaximum":15})",
       {"-15", "-9", "0", "14"},
       {"-16", "15", "-0"}},
      {R"({"type":"integer","exclusiveMinimum":9.5,"maximum":1234})",
       {"10", "999", "1234"},
       {"9", "1235", "5"}},
      {R"({"type":"integer","minimum":1000})", {"1000", "99999"}, {"999", "-1000"}},
      {R"({"type":"number","minimum":0,"maximum":1})",
       {"0", "1", "0.25", "0.0"},
       {"1.0", "1.5", "-0.1", "2", "0.1234567"}},
      {R"({"type":"number","exclusiveMinimum":0})", {"0.1", "0.000001", "5.5"}, {"0", "0.0", "-1"}},
      {R"({"type":"number","minimum":-2,"exclusiveMaximum":-1})",
       {"-2", "-1.5", "-1.01"},
       {"-1", "-1.0", "-2.5", "0"}},
      {R"({"minimum":3,"maximum":3})", {"3"}, {"3.1", "4"}},
  });
}

TEST(GrammarSchemaTest, Objects) {
  check({
      {R"({"properties":{"b":{"type":"integer"},"a":{"type":"boolean"}},"required":["b","a"]})",
       {R"({"b":1,"a":true})", R"({"b": 1, "a": true})"},
       {R"({"a":true,"b":1})", R"({"b":1})", R"({ "b":1,"a":true})", R"({"b":  1,"a":true})",
        R"({"b":1,"a":true,})", R"({"b":1,"a":true,"c":1})"}},
      {R"({"properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"required":["b"]})",
       {R"({"b":2})", R"({"a":1,"b":2})", R"({"b":2,"c":3})", R"({"a":1,"b":2,"c":3})"},
       {"{}", R"({"a":1})", R"({,"b":2})", R"({"b":2,})", R"({"a":1,"c":3})"}},
      {R"({"properties":{"a":{"const":1}},"additionalProperties":{"type":"integer"}})",
       {"{}", R"({"a":1})", R"({"a":1,"b":2,"aa":3})", R"({"b":2})", R"({"é":2,"":3})"},
       {R"({"a":2})", R"({"b":2,"a":3})", R"({"\u0061":2})", R"({"b":"x"})"}},
      {R"({"type":"object"})",
       {"{}", R"({"x":[1,{"y":null}],"x":""})"},
       {"[]", R"({"x"})", "{\"a\nb\":1}"}},
      {R"({"type":"object","additionalProperties":false})", {"{}"}, {R"({"a":1})"}},
      {R"({"required":["k"]})", {R"({"k":0})", R"({"k":[],"z":1})"}, {"{}", R"({"z":1})"}},
      {R"({"properties":{"q\"\\":{"const":1}},"required":["q\"\\"]})", {R"({"q\"\\":1})"}, {"{}"}},
  });
}

TEST(GrammarSchemaTest, Arrays) {
  check({
      {R"({"items":{"const":1}})", {"[]", "[1]", "[1,1, 1]"}, {"[1,]", "[,1]", "[2]", "[ 1]"}},
      {R"({"items":{"const":1},"minItems":2,"maxItems":3})",
       {"[1,1]", "[1,1,1]"},
       {"[]", "[1]", "[1,1,1,1]"}},
      {R"({"items":{"const":1},"minItems":1})", {"[1]", "[1,1]"}, {"[]"}},
      {R"({"type":"array","maxItems":0})", {"[]"}, {"[1]"}},
      {R"({"items":{"const":1},"maxItems":1000000000})", {"[]", "[1,1,1]"}, {"[1"}},
      {R"({"prefixItems":[{"const":1},{"const":2}]})", {"[]", "[1]", "[1,2]"}, {"[2]", "[1,2,3]"}},
      {R"({"prefixItems":[{"const":1},{"const":2}],"items":{"const":3},"minItems":1,"maxItems":4})",
       {"[1]", "[1,2]", "[1,2,3,3]"},
       {"[]", "[1,3]", "[1,2,3,3,3]"}},
      {R"({"prefixItems":[{"const":1}],"items":false,"minItems":1})", {"[1]"}, {"[]", "[1,1]"}},
      {R"({"prefixItems":[{"const":1}],"minItems":2})", {"[1,null]", "[1,{},2]"}, {"[1]"}},
      {R"({"items":{"items":{"type":"null"},"minItems":2},"minItems":2,"maxItems":2})",
       {"[[null,null],[null,null,null]]"},
       {"[[null,null]]", "[[null],[null,null]]"}},
  });
}

TEST(GrammarSchemaTest, Enumerations) {
  check({
      {R"({"enum":["a","ab","b\n",1,12,null,true,{"k":[1,"x"]}]})",
       {R"("a")", R"("ab")", R"("b\n")", "1", "12", "null", "true", R"({"k": [1,"x"]})"},
       {R"("")", R"("abc")", "2", "123", R"({"k":[1]})"}},
      {R"({"type":"string","enum":["x",1,null]})", {R"("x")"}, {"1", "null"}},
      {R"({"const":{"b":1,"a":[]}})", {R"({"b":1,"a":[]})"}, {R"({"a":[],"b":1})"}},
      {R"({"const":1.5})", {"1.5"}, {"1.50", "1"}},
      {R"({"type":"integer","enum":[1,1.5,2.0]})", {"1", "2.0"}, {"1.5"}},
  });
}

TEST(GrammarSchemaTest, Combinations) {
  check({
      {R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":1},{"enum":[]}]})",
       {"1", R"("a")"},
       {R"("ab")", "null"}},
      {R"({"oneOf":[{"properties":{"t":{"const":"a"},"x":{"const":1}},"required":["t","x"]},
                    {"properties":{"t":{"const":"ab"},"y":{"const":2}},"required":["t","y"]}]})",
       {R"({"t":"a","x":1})", R"({"t":"ab","y":2})"},
       {R"({"t":"a","y":2})", R"({"t":"ab","x":1})"}},
      {R"({"allOf":[{"properties":{"a":{"type":"number"}},"required":["a"]},
                    {"properties":{"b":{"const":2},"a":{"type":"integer","minimum":5}},
                     "required":["b"]}]})",
       {R"({"a":5,"b":2})"},
       {R"({"a":4,"b":2})", R"({"a":5})"}},
      {R"({"type":"object","properties":{"a":{"const":1},"b":{"const":2}},
           "anyOf":[{"required":["a"]},{"required":["b"]}]})",
       {R"({"a":1})", R"({"b":2})", R"({"a":1,"b":2})"},
       {"{}"}},
      {R"({"$defs":{"n":{"type":"integer","title":"N"}},"allOf":[{"$ref":"#/$defs/n"}],
           "description":"x","maximum":3})",
       {"3", "-7"},
       {"4", "1.5"}},
      {"true", {"1", "{}", "[[]]"}, {"", "x"}},
      {R"({"type":["integer","string"],"minimum":3,"maxLength":1,"title":"t"})",
       {"3", R"("a")"},
       {"2", R"("ab")"}},
  });
}

TEST(GrammarSchemaTest, References) {
  check({
      {R"({"$ref":"#/$defs/list","$defs":{"list":{"properties":{"v":{"type":"integer"},
           "next":{"anyOf":[{"$ref":"#/$defs/list"},{"type":"null"}]}},"required":["v","next"]}}})",
       {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":{"v":3,"next":null}}})"},
       {R"({"v":1})", R"({"v":1,"next":{"v":2,"next":null})"}},
      {R"({"properties":{"children":{"items":{"$ref":"#"}}},"required":["children"]})",
       {R"({"children":[]})", R"({"children":[{"children":[]},{"children":[{"children":[]}]}]})"},
       {R"({"children":[{}]})", R"({"children":[{"children":[]})"}},
      {R"({"definitions":{"a/b~c":{"const":7}},"items":{"$ref":"#/definitions/a~1b~0c"}})",
       {"[7,7]"},
       {"[8]"}},
      {R"({"$defs":{"Größe 1":{"const":7}},"$ref":"#/$defs/Gr%C3%B6%c3%9Fe%201"})", {"7"}, {"8"}},
      {R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"type":"null"}},"$ref":"#/$defs/a"})",
       {"null"},
       {"1"}},
  });
}

TEST(GrammarSchemaTest, AnyObject) {
  const auto grammar = Grammar::any_json_object();
  for (const char* text :
       {"{}", R"({"a":{"b":[1,-2.5e3,"x\n",{"c":null}]},"d":false, "e": []})", R"({"é\u00e9":""})"})
    EXPECT_TRUE(accepts(*grammar, text)) << text;
  for (const char* text : {"[]", "{", R"({"a"})", R"({"a":1,})", R"({a:1})", "{}x", R"({"a":tru})"})
    EXPECT_FALSE(accepts(*grammar, text)) << text;
}

TEST(GrammarSchemaTest, WhatCannotBeHeldToIsRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"properties":{"a":{"not":{}}}})", "#/properties/a uses 'not'"},
      {R"({"if":{},"then":{}})", "'if'"},
      {R"({"patternProperties":{"a":{}}})", "'patternProperties'"},
      {R"({"type":"array","uniqueItems":true})", "'uniqueItems'"},
      {R"({"type":"integer","multipleOf":3})", "'multipleOf'"},
      {R"x({"pattern":"^(?=a)"})x", "look-around"},
      {R"({"pattern":"(a)\\1"})", "the escape '\\1'"},
      {R"({"pattern":"a\\b"})", "the escape '\\b'"},
      {R"x({"pattern":"(^a)"})x", "anchor '^'"},
      {R"({"pattern":"(a"})", "unclosed '('"},
      {R"({"pattern":"a**"})", "two repetitions"},
      {R"({"pattern":"*"})", "a repetition of nothing"},
      {R"({"pattern":"[z-a]"})", "a range that is none"},
      {R"({"pattern":"[a"})", "an end in the middle"},
      {R"({"type":"strnig"})", "unknown type \"strnig\""},
      {R"({"$ref":"http://example.com/x"})", "outside of itself"},
      {R"({"$ref":"#/$defs/none"})", "not there"},
      {R"({"type":"number","minimum":0.5})", "no whole number"},
      {R"({"type":"string","minLength":-1})", "no count"},
      {R"({"required":[1]})", "no name"},
      {R"([1])", "neither an object nor a boolean"},
      {R"({"items":3})", "neither an object nor a boolean"},
      {R"({"enum":["a"],"pattern":"a"})", "beside 'enum'"},
      {R"({"allOf":[{"format":"date"},{"format":"time"}]})", "two different 'format'"},
      {R"({"allOf":[{"items":{"type":"null"}},{"prefixItems":[{}]}]})", "'prefixItems' of one"},
      {R"({"allOf":[{"properties":{"a":{}},"additionalProperties":false},
                    {"properties":{"b":{}}}]})",
       "excludes 'b'"},
      {R"({"type":)", "not valid JSON"},
  };
  for (const auto& [schema, message] : cases) {
    const auto error = error_of([&] { (void)Grammar::parse_json_schema(schema); });
    ASSERT_TRUE(error) << schema;
    EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument) << schema;
    EXPECT_THAT(error->message(), HasSubstr(message)) << schema;
  }
}

TEST(GrammarSchemaTest, WhatNoTextSatisfiesIsRefused) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"false", "'false' at #"},
      {R"({"enum":[]})", "an enumeration without a value"},
      {R"({"type":"integer","minimum":5,"maximum":4})", "bounds with no number"},
      {R"({"type":"string","minLength":5,"maxLength":4})", "'minLength' above 'maxLength'"},
      {R"({"minItems":5,"maxItems":4})", "'minItems' above 'maxItems'"},
      {R"({"pattern":"^a$","minLength":2})", "matches no text"},
      {R"({"pattern":"^a[]$"})", "matches no text"},
      {R"({"properties":{"a":false},"required":["a"]})", "'false' at #/properties/a"},
      {R"({"properties":{},"additionalProperties":false,"required":["a"]})", "'a', required"},
      {R"({"properties":{"x":{"$ref":"#"}},"required":["x"]})", "contains itself without end"},
      {R"({"$ref":"#/$defs/a","$defs":{"a":{"items":{"$ref":"#/$defs/a"},"minItems":1}}})",
       "#/$defs/a contains itself without end"},
      {R"({"$ref":"#"})", "refers to itself"},
      {R"({"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}})",
       "refers to itself"},
      {R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})", "refers to itself"},
      {R"({"allOf":[{"$ref":"#"}]})", "refers to itself"},
  };
  for (const auto& [schema, message] : cases) {
    const auto error = error_of([&] { (void)Grammar::parse_json_schema(schema); });
    ASSERT_TRUE(error) << schema;
    EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument) << schema;
    EXPECT_THAT(error->message(), HasSubstr(message)) << schema;
  }
}

// What cannot be satisfied is no obstacle where it can be avoided.
TEST(GrammarSchemaTest, AvoidableDeadEndsAreCutOff) {
  check({
      {R"({"properties":{"a":false,"b":{"const":1}}})", {"{}", R"({"b":1})"}, {"{\"a\":"}},
      {R"({"items":false})", {"[]"}, {}},
      {R"({"properties":{"x":{"$ref":"#"},"y":{"const":1}}})", {"{}", R"({"x":{"y":1}})"}, {}},
  });
  const auto grammar = Grammar::parse_json_schema(R"({"properties":{"ab":false,"b":{"const":1}}})");
  EXPECT_EQ(testing::accepted_bytes(*grammar, R"({"ab")"), 2u);
}

std::string repeated(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// Each of these would take exponential time or memory somewhere if nothing bounded it. CTest's
// time limit is the judge.
TEST(GrammarSchemaTest, HostileSchemasEndSoon) {
  const int kDeep = 100'000;
  std::string alternatives = R"({"anyOf":[)";
  for (int i = 0; i < 257; ++i) alternatives += R"({"type":"null"},)";
  alternatives += R"({}]})";
  std::string doubling = R"({"$ref":"#/$defs/a0","$defs":{)";
  for (int i = 0; i < 60; ++i)
    doubling += "\"a" + std::to_string(i) + R"(":{"allOf":[{"$ref":"#/$defs/a)" +
                std::to_string(i + 1) + R"("},{"$ref":"#/$defs/a)" + std::to_string(i + 1) +
                R"("}]},)";
  doubling += R"("a60":{"type":"null"}}})";
  const std::vector<std::string> refused = {
      repeated(R"({"items":)", kDeep) + "true" + repeated("}", kDeep),
      repeated(R"({"items":)", 150) + "true" + repeated("}", 150),
      repeated("[", kDeep) + repeated("]", kDeep),
      alternatives,
      doubling,
      R"({"pattern":"^)" + repeated("(", 5'000) + repeated(")", 5'000) + R"($"})",
      R"({"pattern":"^((((a{9999}){9999}){9999}){9999})$"})",
      R"({"pattern":"(a|b)*a(a|b){30}"})",
      R"({"pattern":"^([a-z]{0,500}){0,500}$"})",
      R"({"type":"string","minLength":1000000000})",
      R"({"minItems":1000000000})",
      R"({"pattern":"^a*$","maxLength":1000000000})",
      R"({"enum":[)" + repeated("1,", 100'000) + "1]}",
      R"({"const":")" + std::string(std::size_t{2} << 20, 'x') + "\"}",
      R"({"properties":{"a":{"allOf":[{"$ref":"#"},{"title":"x","minLength":1}]},"b":)"
      R"({"allOf":[{"$ref":"#"},{"minLength":2}]}}})",
  };
  for (const std::string& schema : refused) {
    const auto error = error_of([&] { (void)Grammar::parse_json_schema(schema); });
    ASSERT_TRUE(error) << schema.substr(0, 100);
    EXPECT_TRUE(error->code() == ErrorCode::kTooLarge ||
                error->code() == ErrorCode::kInvalidArgument)
        << error->what();
    EXPECT_LT(error->message().size(), 1'000u);
  }
}

TEST(GrammarSchemaTest, LargeSchemasWithinTheBoundsAreTaken) {
  std::string values = R"({"enum":[)";
  for (int i = 0; i < 10'000; ++i) values += "\"value " + std::to_string(i) + "\",";
  values += "\"last\"]}";
  check({{values, {R"("value 9999")", R"("last")"}, {R"("value 10000")"}}});
  std::string chain = R"({"$ref":"#/$defs/a0","$defs":{)";
  for (int i = 0; i < 3'000; ++i)
    chain += "\"a" + std::to_string(i) + R"(":{"$ref":"#/$defs/a)" + std::to_string(i + 1) + "\"},";
  chain += R"("a3000":{"type":"null"}}})";
  check({{chain, {"null"}, {"1"}}});
  std::string wide = R"({"properties":{)";
  for (int i = 0; i < 500; ++i)
    wide += "\"property " + std::to_string(i) + R"(":{"type":"string"},)";
  wide += R"("last":{"type":"integer"}}})";
  check({{wide, {"{}", R"({"property 3":"x","last":1})"}, {R"({"last":1,"property 3":"x"})"}}});
}

// Each level has two readings: 2^40 of them would be followed if their number were not bounded.
TEST(GrammarSchemaTest, AmbiguityCostsNoTime) {
  const auto grammar = Grammar::parse_json_schema(
      R"({"$defs":{"t":{"anyOf":[{"properties":{"a":{"$ref":"#/$defs/t"}},"required":["a"]},
          {"properties":{"a":{"$ref":"#/$defs/t"},"b":{"type":"null"}},"required":["a"]},
          {"type":"null"}]}},"$ref":"#/$defs/t"})");
  const std::string open = repeated(R"({"a":)", 40);
  EXPECT_TRUE(accepts(*grammar, open + "null" + repeated("}", 40)));
}

}  // namespace
}  // namespace tandem
