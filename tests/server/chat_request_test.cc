#include "server/chat_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/http_error.h"

namespace tandem {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

json body_with(const json& fields) {
  json body = {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", "Why?"}}}}};
  body.update(fields);
  return body;
}

json body_with_messages(const std::string& messages) {
  return {{"messages", json::parse(messages)}};
}

ChatRequest parse_chat_request(const json& body) {
  return tandem::parse_chat_request(body.dump());
}

TEST(ChatRequestTest, DefaultsAreThoseOfTheAnswerer) {
  const ChatRequest request = parse_chat_request(body_with(json::object()));
  const GenerationOptions expected = default_generation_options();
  EXPECT_EQ(request.options.generation.sampling.temperature, expected.sampling.temperature);
  EXPECT_EQ(request.options.generation.max_tokens, expected.max_tokens);
  EXPECT_EQ(request.options.search.collection, "default");
  EXPECT_EQ(request.options.search.mode, SearchMode::kHybrid);
  EXPECT_EQ(request.options.search.limit, kDefaultPromptPassages);
  EXPECT_TRUE(request.options.retrieve);
  EXPECT_TRUE(request.options.follow_up);
  EXPECT_FALSE(request.options.each);
  EXPECT_EQ(request.choices, 1u);
  EXPECT_FALSE(request.stream);
  EXPECT_TRUE(request.store);
}

TEST(ChatRequestTest, ReadsEveryField) {
  const ChatRequest request =
      parse_chat_request(body_with({{"stream", true},
                                    {"stream_options", {{"include_usage", true}}},
                                    {"store", false},
                                    {"max_tokens", 7},
                                    {"max_completion_tokens", 9},
                                    {"temperature", 0.5},
                                    {"top_p", 0.25},
                                    {"seed", -1},
                                    {"stop", {"a", "b"}},
                                    {"n", 1},
                                    {"frequency_penalty", 0},
                                    {"unheard_of", {1, 2}},
                                    {"tandem",
                                     {{"collection", "laws"},
                                      {"mode", "lexical"},
                                      {"top_k", 2},
                                      {"retrieve", false},
                                      {"follow_up", false},
                                      {"answer_from", "each"},
                                      {"repetition_penalty", 1.5},
                                      {"top_k_sampling", 40}}}}));
  const GenerationOptions& generation = request.options.generation;
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.include_usage);
  EXPECT_FALSE(request.store);
  EXPECT_EQ(generation.max_tokens, 9);
  EXPECT_FLOAT_EQ(generation.sampling.temperature, 0.5f);
  EXPECT_FLOAT_EQ(generation.sampling.top_p, 0.25f);
  EXPECT_FLOAT_EQ(generation.sampling.repetition_penalty, 1.5f);
  EXPECT_EQ(generation.sampling.top_k, 40);
  EXPECT_EQ(generation.sampling.seed, UINT64_MAX);
  EXPECT_THAT(generation.stop, ElementsAre("a", "b"));
  EXPECT_EQ(request.options.search.collection, "laws");
  EXPECT_EQ(request.options.search.mode, SearchMode::kLexical);
  EXPECT_EQ(request.options.search.limit, 2u);
  EXPECT_FALSE(request.options.retrieve);
  EXPECT_FALSE(request.options.follow_up);
  EXPECT_TRUE(request.options.each);
  EXPECT_TRUE(request.collection_given);
}

TEST(ChatRequestTest, LogProbabilitiesAreGivenOnlyWhenAsked) {
  const auto asked = [](const json& fields) {
    return parse_chat_request(body_with(fields)).options.generation.top_log_probabilities;
  };
  EXPECT_EQ(asked(json::object()), std::nullopt);
  EXPECT_EQ(asked({{"logprobs", false}}), std::nullopt);
  EXPECT_EQ(asked({{"logprobs", true}}), 0);
  EXPECT_EQ(asked({{"logprobs", true}, {"top_logprobs", 20}}), 20);
}

TEST(ChatRequestTest, SeedsDifferUnlessGiven) {
  const auto seed = [] {
    return parse_chat_request(body_with(json::object())).options.generation.sampling.seed;
  };
  EXPECT_NE(seed(), seed());
}

TEST(ChatRequestTest, UpToEightChoices) {
  const auto choices = [](const json& fields) {
    return parse_chat_request(body_with(fields)).choices;
  };
  EXPECT_EQ(choices({{"n", 8}}), 8u);
  EXPECT_EQ(choices({{"n", nullptr}}), 1u);
  EXPECT_EQ(choices({{"n", 1}, {"tandem", {{"answer_from", "each"}}}}), 1u);
}

json file_search(const json& fields = json::object()) {
  json tool = {{"type", "file_search"}, {"vector_store_ids", {"laws"}}};
  tool.update(fields);
  return tool;
}

TEST(ChatRequestTest, AToolSaysWhatIsSearched) {
  const ChatRequest request = parse_chat_request(
      body_with({{"tools",
                  {file_search({{"vector_store_ids", {"laws", "letters"}},
                                {"max_num_results", 7},
                                {"filters", {{"type", "eq"}, {"key", "year"}, {"value", 1969}}},
                                {"ranking_options", {{"score_threshold", 0.5}}}})}},
                 {"tandem", {{"mode", "lexical"}, {"follow_up", false}}}}));
  EXPECT_TRUE(request.file_search.is_used());
  EXPECT_THAT(request.file_search.vector_stores, ElementsAre("laws", "letters"));
  const SearchOptions& search = request.options.search;
  EXPECT_TRUE(request.options.retrieve);
  EXPECT_FALSE(request.options.follow_up);
  EXPECT_EQ(search.limit, 7u);
  EXPECT_EQ(search.filter->key, "year");
  EXPECT_EQ(search.score_threshold, 0.5f);
  EXPECT_EQ(search.mode, SearchMode::kLexical);
}

TEST(ChatRequestTest, ToolChoiceDecidesWhetherAnythingIsRetrieved) {
  const auto parse = [](const json& fields) { return parse_chat_request(body_with(fields)); };
  const json tools = {file_search()};
  for (const json& choice : {json("auto"), json("required"), json({{"type", "file_search"}})}) {
    const ChatRequest request = parse({{"tools", tools}, {"tool_choice", choice}});
    EXPECT_TRUE(request.file_search.is_used() && request.options.retrieve) << choice;
  }
  const ChatRequest forbidden = parse({{"tools", tools}, {"tool_choice", "none"}});
  EXPECT_FALSE(forbidden.file_search.is_used() || forbidden.options.retrieve);
  EXPECT_FALSE(parse({{"tool_choice", "none"}}).options.retrieve);
  const ChatRequest without = parse({{"tools", json::array()}, {"tool_choice", "auto"}});
  EXPECT_FALSE(without.file_search.is_used());
  EXPECT_TRUE(without.options.retrieve) << "from the default collection, as ever";
}

TEST(ChatRequestTest, ToolAndOwnFieldsMayAgree) {
  const json filters = {{"type", "eq"}, {"key", "year"}, {"value", 1969}};
  const ChatRequest request = parse_chat_request(body_with(
      {{"tools", {file_search({{"max_num_results", 3}})}},
       {"tandem",
        {{"collection", "laws"}, {"top_k", 3}, {"retrieve", true}, {"filters", filters}}}}));
  EXPECT_TRUE(request.file_search.is_used());
  EXPECT_EQ(request.options.search.limit, 3u);
  EXPECT_EQ(request.options.search.filter->key, "year") << "what the tool says nothing of";
  EXPECT_EQ(parse_chat_request(body_with({{"tools", {file_search()}}, {"tandem", {{"top_k", 9}}}}))
                .options.search.limit,
            9u);
}

TEST(ChatRequestTest, JoinsTextPartsAndRenamesDeveloper) {
  const ChatRequest request = parse_chat_request(body_with_messages(
      R"([{"role": "developer", "content": "Be brief."},
          {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}])"));
  EXPECT_EQ(request.messages[0].role, "system");
  EXPECT_EQ(request.messages[1].content, "ab");
}

TEST(ChatRequestTest, AFormIsAnyObjectOrASchemaInItsOwnOrder) {
  const auto schema_of = [](const std::string& format) {
    const std::string body =
        R"({"messages": [{"role": "user", "content": "a"}], "response_format": )" + format + "}";
    return tandem::parse_chat_request(body).options.generation.json_schema;
  };
  EXPECT_EQ(schema_of(R"({"type": "text"})"), std::nullopt);
  EXPECT_EQ(schema_of("null"), std::nullopt);
  EXPECT_EQ(schema_of(R"({"type": "json_object"})"), "");
  EXPECT_EQ(schema_of(R"({"type": "json_schema", "json_schema": {"name": "n", "schema":
                          {"type": "object", "properties": {"b": {}, "a": {}}}}})"),
            R"({"type":"object","properties":{"b":{},"a":{}}})");
}

TEST(ChatRequestTest, NoTopPMeansTheMostLikelyToken) {
  const ChatRequest request = parse_chat_request(body_with({{"top_p", 0}, {"temperature", 1}}));
  EXPECT_EQ(request.options.generation.sampling.temperature, 0.0f);
}

struct BadCase {
  const char* body;
  const char* param;
};

class BadChatRequestTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadChatRequestTest, IsRefusedNamingTheField) {
  try {
    json body = json::parse(GetParam().body);
    if (!body.contains("messages")) body = body_with(body);
    parse_chat_request(body);
    FAIL() << "accepted: " << GetParam().body;
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status(), 400);
    EXPECT_EQ(error.param(), GetParam().param) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("'" + error.param() + "'"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadChatRequestTest,
    ::testing::Values(
        BadCase{R"({"messages": null})", "messages"}, BadCase{R"({"messages": []})", "messages"},
        BadCase{R"({"messages": "hi"})", "messages"},
        BadCase{R"({"messages": ["hi"]})", "messages[0]"},
        BadCase{R"({"messages": [{"content": "hi"}]})", "messages[0].role"},
        BadCase{R"({"messages": [{"role": 1, "content": "hi"}]})", "messages[0].role"},
        BadCase{R"({"messages": [{"role": "tool", "content": "hi"}]})", "messages[0].role"},
        BadCase{R"({"messages": [{"role": "user"}]})", "messages[0].content"},
        BadCase{R"({"messages": [{"role": "user", "content": null}]})", "messages[0].content"},
        BadCase{R"({"messages": [{"role": "user", "content": 5}]})", "messages[0].content"},
        BadCase{R"({"messages": [{"role": "user", "content": [5]}]})", "messages[0].content[0]"},
        BadCase{R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})",
                "messages[0].content[0].type"},
        BadCase{R"({"messages": [{"role": "user", "content": [{"type": "text"}]}]})",
                "messages[0].content[0].text"},
        BadCase{R"({"messages": [{"role": "user", "content": "a"},
                                 {"role": "assistant", "content": "b"}]})",
                "messages[1].role"},
        BadCase{R"({"model": 3})", "model"}, BadCase{R"({"stream": "yes"})", "stream"},
        BadCase{R"({"stream_options": {}})", "stream_options"},
        BadCase{R"({"stream": true, "stream_options": {"include_usage": 1}})",
                "stream_options.include_usage"},
        BadCase{R"({"temperature": -0.1})", "temperature"},
        BadCase{R"({"temperature": "hot"})", "temperature"}, BadCase{R"({"top_p": 1.1})", "top_p"},
        BadCase{R"({"max_tokens": 0})", "max_tokens"},
        BadCase{R"({"max_completion_tokens": 1.5})", "max_completion_tokens"},
        BadCase{R"({"seed": 1e30})", "seed"}, BadCase{R"({"stop": 5})", "stop"},
        BadCase{R"({"stop": ""})", "stop"}, BadCase{R"({"stop": ["a", 1]})", "stop[1]"},
        BadCase{R"({"stop": ["","","","","","","","","","","","","","","","",""]})", "stop"},
        BadCase{R"({"n": 0})", "n"}, BadCase{R"({"n": 9})", "n"}, BadCase{R"({"n": 1.5})", "n"},
        BadCase{R"({"n": 2, "tandem": {"answer_from": "each"}})", "n"},
        BadCase{R"({"frequency_penalty": 0.5})", "frequency_penalty"},
        BadCase{R"({"presence_penalty": 1})", "presence_penalty"},
        BadCase{R"({"logprobs": 3})", "logprobs"},
        BadCase{R"({"logprobs": true, "top_logprobs": 21})", "top_logprobs"},
        BadCase{R"({"logprobs": true, "top_logprobs": -1})", "top_logprobs"},
        BadCase{R"({"logprobs": true, "top_logprobs": "5"})", "top_logprobs"},
        BadCase{R"({"top_logprobs": 0})", "top_logprobs"},
        BadCase{R"({"logprobs": false, "top_logprobs": 5})", "top_logprobs"},
        BadCase{R"({"tools": {}})", "tools"}, BadCase{R"({"tools": [{}]})", "tools[0].type"},
        BadCase{R"({"tools": [{"type": "function", "function": {"name": "f"}}]})", "tools[0].type"},
        BadCase{R"({"tools": [{"type": "file_search"}]})", "tools[0].vector_store_ids"},
        BadCase{R"({"functions": [{"name": "f"}]})", "functions"},
        BadCase{R"({"tool_choice": "required"})", "tool_choice"},
        BadCase{R"({"tool_choice": {"type": "function", "function": {"name": "f"}}})",
                "tool_choice.type"},
        BadCase{R"({"tool_choice": "none", "tandem": {"retrieve": true}})", "tandem.retrieve"},
        BadCase{R"({"tools": [{"type": "file_search", "vector_store_ids": ["laws"]}],
                    "tandem": {"retrieve": false}})",
                "tandem.retrieve"},
        BadCase{R"({"tools": [{"type": "file_search", "vector_store_ids": ["laws"]}],
                    "tandem": {"collection": "letters"}})",
                "tandem.collection"},
        BadCase{R"({"tools": [{"type": "file_search", "vector_store_ids": ["laws", "letters"]}],
                    "tandem": {"collection": "laws"}})",
                "tandem.collection"},
        BadCase{R"({"tools": [{"type": "file_search", "vector_store_ids": ["laws"],
                               "max_num_results": 3}], "tandem": {"top_k": 4}})",
                "tandem.top_k"},
        BadCase{R"({"tools": [{"type": "file_search", "vector_store_ids": ["laws"],
                               "filters": {"type": "eq", "key": "a", "value": 1}}],
                    "tandem": {"filters": {"type": "eq", "key": "a", "value": 2}}})",
                "tandem.filters"},
        BadCase{R"({"response_format": {"type": "xml"}})", "response_format.type"},
        BadCase{R"({"response_format": {"type": "json_schema"}})", "response_format.json_schema"},
        BadCase{R"({"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}})",
                "response_format.json_schema.schema"},
        BadCase{R"({"tandem": 1})", "tandem"},
        BadCase{R"({"tandem": {"top_k": 0}})", "tandem.top_k"},
        BadCase{R"({"tandem": {"retrieve": "no"}})", "tandem.retrieve"},
        BadCase{R"({"tandem": {"answer_from": "some"}})", "tandem.answer_from"},
        BadCase{R"({"tandem": {"repetition_penalty": 0}})", "tandem.repetition_penalty"},
        BadCase{R"({"tandem": {"top_k_sampling": -1}})", "tandem.top_k_sampling"},
        BadCase{R"({"tandem": {"mode": "psychic"}})", "tandem.mode"},
        BadCase{R"({"tandem": {"collection": "a/b"}})", "tandem.collection"}));

}  // namespace
}  // namespace tandem
