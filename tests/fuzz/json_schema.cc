// JSON Schemas that hold answers: compiling one, and texts that a random walk over its tokens
// makes.
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "base/file.h"
#include "generator/grammar/grammar_matcher.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/grammar_texts.h"

namespace tandem::fuzz {
namespace {

constexpr int kSteps = 48;
constexpr int kTriedTokens = 4;

// The same for the same input, so that a finding can be reproduced.
std::mt19937 random_for(std::string_view input) {
  std::uint32_t seed = 2166136261u;  // FNV-1a
  for (const char byte : input) seed = (seed ^ static_cast<unsigned char>(byte)) * 16777619u;
  return std::mt19937(seed);
}

std::vector<TokenId> allowed_tokens(const std::vector<std::uint64_t>& bits, std::size_t count) {
  std::vector<TokenId> tokens;
  for (TokenId id = 0; id < static_cast<TokenId>(count); ++id)
    if (testing::has_bit(bits, id)) tokens.push_back(id);
  return tokens;
}

void walk(const std::shared_ptr<const TokenMasks>& masks, std::mt19937& random) {
  const TokenVocabulary& vocabulary = masks->vocabulary();
  GrammarMatcher matcher(masks);
  std::vector<std::uint64_t> bits(vocabulary.words());
  std::string text;
  for (int step = 0; step < kSteps; ++step) {
    require(!matcher.complete() || nlohmann::json::accept(text), "a complete text is JSON");
    // Every byte is a token, so that there is always one to go on with.
    require(matcher.allowed(bits), "a text that was begun can be finished");
    for (int i = 0; i < kTriedTokens; ++i) {
      const auto token = static_cast<TokenId>(random() % vocabulary.size());
      const bool accepted = matcher.accept(token);
      require(accepted == testing::has_bit(bits, token), "the mask allows what is accepted");
      if (accepted) matcher.rollback(1);
    }
    const std::string forced = matcher.forced();
    for (const char byte : forced)
      require(matcher.accept(static_cast<unsigned char>(byte)), "what must follow is allowed");
    matcher.rollback(forced.size());

    const std::vector<TokenId> tokens = allowed_tokens(bits, vocabulary.size());
    const TokenId token = tokens[random() % tokens.size()];
    require(matcher.accept(token), "an allowed token is accepted");
    if (matcher.finished()) return;
    text += vocabulary.bytes(token);
  }
}

}  // namespace

std::vector<std::string> seeds() {
  std::vector<std::string> schemas = {
      "true",
      "{}",
      R"({"type":"string","minLength":2,"maxLength":5})",
      R"({"type":["integer","null"],"minimum":-3,"exclusiveMaximum":40})",
      R"({"type":"number","multipleOf":0.5})",
      R"({"enum":["a",1,null,{"b":[true]}]})",
      R"({"const":{"a":"\u00e9"}})",
      R"({"pattern":"^(a|b){2,4}[^c]*\\d$"})",
      R"({"format":"date-time"})",
      R"({"items":{"type":"boolean"},"minItems":1,"maxItems":3})",
      R"({"prefixItems":[{"type":"null"},{"type":"string"}],"items":false})",
      R"({"properties":{"a":{"type":"integer"},"b":{}},"required":["b"],
          "additionalProperties":{"type":"string"}})",
      R"({"$defs":{"t":{"properties":{"a":{"items":{"$ref":"#/$defs/t"}}}}},"$ref":"#/$defs/t"})",
      R"({"allOf":[{"minimum":1},{"type":"integer"}],"anyOf":[{"maximum":9},{"const":12}]})",
      R"({"oneOf":[{"required":["x"]},{"type":"array"}]})"};
  const auto cases = nlohmann::json::parse(
      read_file(std::string(TANDEM_SOURCE_DIR) + "/bench/grammar_cases.json"));
  for (const auto& item : cases)
    if (item.contains("schema")) schemas.push_back(item["schema"].dump());
  return schemas;
}

std::vector<std::string> words() {
  return {"\"type\":",
          "\"string\"",
          "\"integer\"",
          "\"number\"",
          "\"boolean\"",
          "\"null\"",
          "\"array\"",
          "\"object\"",
          "\"properties\":{",
          "\"required\":[",
          "\"items\":",
          "\"prefixItems\":[",
          "\"minItems\":",
          "\"maxItems\":",
          "\"minLength\":",
          "\"maxLength\":",
          "\"minimum\":",
          "\"maximum\":",
          "\"exclusiveMinimum\":",
          "\"exclusiveMaximum\":",
          "\"multipleOf\":",
          "\"enum\":[",
          "\"const\":",
          "\"anyOf\":[",
          "\"oneOf\":[",
          "\"allOf\":[",
          "\"$ref\":\"#",
          "\"$defs\":{",
          "/$defs/",
          "\"pattern\":\"",
          "\"format\":\"",
          "\"date-time\"",
          "\"uuid\"",
          "\"email\"",
          "\"additionalProperties\":",
          "\"minProperties\":",
          "\"maxProperties\":",
          "true",
          "false",
          "[^",
          "\\\\d",
          "\\\\u",
          "{2,",
          "(?:",
          "(?=",
          "1000000000"};
}

void run(std::string_view input) {
  static const auto vocabulary = testing::make_small_vocabulary();
  const auto masks = std::make_shared<const TokenMasks>(Grammar::parse_json_schema(input),
                                                        vocabulary, std::size_t{1} << 20);
  std::mt19937 random = random_for(input);
  for (int i = 0; i < 3; ++i) walk(masks, random);
}

}  // namespace tandem::fuzz
