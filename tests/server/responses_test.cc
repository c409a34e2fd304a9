#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "server/http_error.h"
#include "server/http_server.h"
#include "server/responses/conversation.h"
#include "server/responses/events.h"
#include "server/responses/json.h"
#include "server/responses/records.h"
#include "server/responses/request.h"
#include "tests/support/fake_generator.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

ResponseRequest parse(json fields, const json& input = "Why?") {
  fields["input"] = input;
  return parse_response_request(fields.dump());
}

json file_search(const json& fields = json::object()) {
  json tool = {{"type", "file_search"}, {"vector_store_ids", {"laws", "letters", "laws"}}};
  tool.update(fields);
  return tool;
}

TEST(ResponseRequestTest, DefaultsAreThoseOfChatWithoutRetrieval) {
  const ResponseRequest request = parse(json::object());
  const GenerationOptions expected = default_generation_options();
  EXPECT_EQ(request.options.generation.sampling.temperature, expected.sampling.temperature);
  EXPECT_EQ(request.options.generation.max_tokens, expected.max_tokens);
  EXPECT_FALSE(request.options.generation.top_log_probabilities);
  EXPECT_FALSE(request.options.retrieve);
  EXPECT_TRUE(request.store);
  EXPECT_FALSE(request.stream);
  EXPECT_FALSE(request.truncate);
  EXPECT_FALSE(request.include_results);
  const json& repeated = request.repeated;
  EXPECT_EQ(repeated["temperature"], 0);
  EXPECT_EQ(repeated["top_p"], 1);
  EXPECT_EQ(repeated["tools"], json::array());
  EXPECT_EQ(repeated["tool_choice"], "auto");
  EXPECT_EQ(repeated["metadata"], json::object());
  EXPECT_EQ(repeated["text"]["format"]["type"], "text");
  EXPECT_EQ(repeated["truncation"], "disabled");
  EXPECT_TRUE(repeated["instructions"].is_null());
}

TEST(ResponseRequestTest, ReadsEveryField) {
  const json filters = {{"type", "eq"}, {"key", "year"}, {"value", 1880}};
  const ResponseRequest request = parse(
      {{"model", "m"},
       {"instructions", "Be brief."},
       {"previous_response_id", "resp_1"},
       {"stream", true},
       {"store", false},
       {"truncation", "auto"},
       {"temperature", 0.5},
       {"top_p", 0.25},
       {"max_output_tokens", 9},
       {"top_logprobs", 3},
       {"include", {"file_search_call.results", "message.output_text.logprobs"}},
       {"metadata", {{"case", "7"}}},
       {"user", "u"},
       {"parallel_tool_calls", false},
       {"background", false},
       {"unheard_of", 1},
       {"tandem", {{"mode", "lexical"}, {"answer_from", "each"}, {"top_k", 9}}},
       {"tools",
        {file_search({{"max_num_results", 7},
                      {"filters", filters},
                      {"ranking_options",
                       {{"ranker", "auto"},
                        {"score_threshold", 0.5},
                        {"hybrid_search", {{"embedding_weight", 3}, {"text_weight", 1}}}}}})}}});
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.instructions, "Be brief.");
  EXPECT_EQ(request.previous_response_id, "resp_1");
  EXPECT_TRUE(request.stream);
  EXPECT_FALSE(request.store);
  EXPECT_TRUE(request.truncate);
  EXPECT_TRUE(request.include_results);
  EXPECT_THAT(request.file_search.vector_stores, ElementsAre("laws", "letters"));
  const SearchOptions& search = request.options.search;
  EXPECT_TRUE(request.options.retrieve);
  EXPECT_TRUE(request.options.each);
  EXPECT_EQ(search.limit, 7u);
  EXPECT_EQ(search.mode, SearchMode::kLexical);
  EXPECT_EQ(search.filter->key, "year");
  EXPECT_EQ(search.score_threshold, 0.5f);
  EXPECT_EQ(search.fusion.lexical_weight, 0.25f);
  const GenerationOptions& generation = request.options.generation;
  EXPECT_EQ(generation.max_tokens, 9);
  EXPECT_EQ(generation.sampling.temperature, 0.5f);
  EXPECT_EQ(generation.sampling.top_p, 0.25f);
  EXPECT_EQ(generation.top_log_probabilities, 3);
  EXPECT_EQ(request.repeated["tools"][0]["filters"], filters);
  EXPECT_EQ(request.repeated["metadata"]["case"], "7");
  EXPECT_EQ(request.repeated["user"], "u");
}

TEST(ResponseRequestTest, ToolChoiceDecidesWhetherTheToolIsUsed) {
  const json tools = {file_search()};
  const json by_type = {{"type", "file_search"}};
  EXPECT_TRUE(parse({{"tools", tools}, {"tool_choice", "auto"}}).options.retrieve);
  EXPECT_TRUE(parse({{"tools", tools}, {"tool_choice", "required"}}).options.retrieve);
  EXPECT_TRUE(parse({{"tools", tools}, {"tool_choice", by_type}}).options.retrieve);
  EXPECT_FALSE(parse({{"tools", tools}, {"tool_choice", "none"}}).options.retrieve);
}

TEST(ResponseRequestTest, SchemasKeepTheOrderOfTheirProperties) {
  const std::string schema = R"({"type":"object","properties":{"z":{},"a":{}}})";
  const ResponseRequest request = parse_response_request(
      R"({"input": "x", "text": {"format": {"type": "json_schema", "name": "n", "schema": )" +
      schema + "}}}");
  EXPECT_EQ(request.options.generation.json_schema, schema);
  EXPECT_EQ(request.repeated["text"]["format"]["name"], "n");
  EXPECT_EQ(
      parse({{"text", {{"format", {{"type", "json_object"}}}}}}).options.generation.json_schema,
      "");
}

TEST(ResponseRequestTest, InputMayBeItemsOfAFormerResponse) {
  const json input = json::parse(R"([
      {"role": "developer", "content": "Be brief."},
      {"type": "message", "role": "user", "id": "msg_1",
       "content": [{"type": "input_text", "text": "One? "}, {"type": "input_text", "text": "Two?"}]},
      {"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["x"]},
      {"type": "message", "role": "assistant", "id": "msg_2", "status": "completed",
       "content": [{"type": "output_text", "text": "Three.", "annotations": [], "logprobs": []}]},
      {"role": "user", "content": "Four?", "id": "msg_1"}])");
  const ResponseRequest request = parse(json::object(), input);
  const std::vector<ChatMessage> messages = messages_of(request.input);
  std::vector<std::string> said;
  said.reserve(messages.size());
  for (const ChatMessage& message : messages) said.push_back(message.role + ": " + message.content);
  EXPECT_THAT(said, ElementsAre("system: Be brief.", "user: One? Two?", "assistant: Three.",
                                "user: Four?"));
  EXPECT_EQ(request.input[0]["role"], "developer");
  EXPECT_EQ(request.input[1]["id"], "msg_1");
  EXPECT_EQ(request.input[1]["content"][1]["type"], "input_text");
  EXPECT_EQ(request.input[2]["content"][0]["type"], "output_text");
  // Pages begin behind an id: no two items have the same.
  EXPECT_NE(request.input[3]["id"], "msg_1");
  EXPECT_THAT(request.input[0]["id"].get<std::string>(), StartsWith("msg_"));
}

struct BadCase {
  const char* body;
  const char* field;
};

class BadResponseRequestTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadResponseRequestTest, NamesTheField) {
  json body = json::parse(GetParam().body);
  if (!body.contains("input")) body["input"] = "x";
  if (body["input"] == "absent") body.erase("input");
  try {
    parse_response_request(body.dump());
    FAIL() << GetParam().body;
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status(), 400);
    EXPECT_EQ(error.param(), GetParam().field);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadResponseRequestTest,
    ::testing::Values(
        BadCase{R"({"input": "absent"})", "input"}, BadCase{R"({"input": 1})", "input"},
        BadCase{R"({"input": {}})", "input"}, BadCase{R"({"input": []})", "input"},
        BadCase{R"({"input": ""})", "input"}, BadCase{R"({"input": " \n"})", "input"},
        BadCase{R"({"input": ["x"]})", "input[0]"},
        BadCase{R"({"input": [{"role": "user"}]})", "input[0].content"},
        BadCase{R"({"input": [{"role": "tool", "content": "x"}]})", "input[0].role"},
        BadCase{R"({"input": [{"content": "x"}]})", "input[0].role"},
        BadCase{R"({"input": [{"role": "assistant", "content": "x"}]})", "input[0]"},
        BadCase{R"({"input": [{"role": "user", "content": []}]})", "input[0]"},
        BadCase{R"({"input": [{"role": "user", "content": [{"type": "input_image"}]}]})",
                "input[0].content[0].type"},
        BadCase{R"({"input": [{"role": "user", "content": [{"type": "input_text"}]}]})",
                "input[0].content[0].text"},
        BadCase{R"({"input": [{"type": "function_call", "name": "f"}]})", "input[0].type"},
        BadCase{R"({"input": [{"type": "item_reference", "id": "m"}]})", "input[0].type"},
        BadCase{R"({"input": [{"type": "file_search_call"}]})", "input"},
        BadCase{R"({"model": 1})", "model"}, BadCase{R"({"instructions": []})", "instructions"},
        BadCase{R"({"stream": "yes"})", "stream"}, BadCase{R"({"store": 1})", "store"},
        BadCase{R"({"truncation": "middle"})", "truncation"},
        BadCase{R"({"temperature": 3})", "temperature"}, BadCase{R"({"top_p": -1})", "top_p"},
        BadCase{R"({"max_output_tokens": 0})", "max_output_tokens"},
        BadCase{R"({"top_logprobs": 5})", "top_logprobs"},
        BadCase{R"({"top_logprobs": 21, "include": ["message.output_text.logprobs"]})",
                "top_logprobs"},
        BadCase{R"({"include": ["reasoning.encrypted_content"]})", "include[0]"},
        BadCase{R"({"include": "file_search_call.results"})", "include"},
        BadCase{R"({"metadata": {"a": 1}})", "metadata.a"},
        BadCase{R"({"background": true})", "background"},
        BadCase{R"({"conversation": "conv_1"})", "conversation"},
        BadCase{R"({"prompt": {"id": "p"}})", "prompt"},
        BadCase{R"({"reasoning": {"effort": "high"}})", "reasoning.effort"},
        BadCase{R"({"previous_response_id": 5})", "previous_response_id"},
        BadCase{R"({"text": {"format": {"type": "xml"}}})", "text.format.type"},
        BadCase{R"({"text": {"format": {"type": "json_schema", "name": "n"}}})",
                "text.format.schema"},
        BadCase{R"({"text": {"verbosity": "high"}})", "text.verbosity"},
        BadCase{R"({"tools": {}})", "tools"},
        BadCase{R"({"tools": [{"type": "function", "name": "f"}]})", "tools[0].type"},
        BadCase{R"({"tools": [{"type": "web_search"}]})", "tools[0].type"},
        BadCase{R"({"tools": [{"type": "file_search"}]})", "tools[0].vector_store_ids"},
        BadCase{R"({"tools": [{"type": "file_search", "vector_store_ids": []}]})",
                "tools[0].vector_store_ids"},
        BadCase{R"({"tools": [{"type": "file_search", "vector_store_ids": ["a", 1]}]})",
                "tools[0].vector_store_ids[1]"},
        BadCase{R"({"tools": [{"type": "file_search", "vector_store_ids": ["../a"]}]})",
                "tools[0].vector_store_ids[0]"},
        BadCase{R"({"tools": [{"type": "file_search", "vector_store_ids": ["a"],
                               "max_num_results": 51}]})",
                "tools[0].max_num_results"},
        BadCase{R"({"tools": [{"type": "file_search", "vector_store_ids": ["a"],
                               "filters": {"type": "like"}}]})",
                "tools[0].filters"},
        BadCase{R"({"tools": [{"type": "file_search", "vector_store_ids": ["a"],
                               "ranking_options": {"score_threshold": 2}}]})",
                "tools[0].ranking_options.score_threshold"},
        BadCase{R"({"tools": [{"type": "file_search", "vector_store_ids": ["a"],
                               "ranking_options": {"hybrid_search": {"text_weight": 1}}}]})",
                "tools[0].ranking_options.hybrid_search.embedding_weight"},
        BadCase{R"({"tools": [{"type": "file_search", "vector_store_ids": ["a"]},
                              {"type": "file_search", "vector_store_ids": ["b"]}]})",
                "tools[1].type"},
        BadCase{R"({"tool_choice": "maybe"})", "tool_choice"},
        BadCase{R"({"tool_choice": 1})", "tool_choice"},
        BadCase{R"({"tool_choice": "required"})", "tool_choice"},
        BadCase{R"({"tool_choice": {"type": "function", "name": "f"}})", "tool_choice.type"},
        BadCase{R"({"tandem": {"collection": "a"}})", "tandem.collection"},
        BadCase{R"({"tandem": {"retrieve": true}})", "tandem.retrieve"},
        BadCase{R"({"tandem": {"mode": "psychic"}})", "tandem.mode"}));

class ConversationTest : public ::testing::Test {
 protected:
  static std::vector<std::string> said(const std::vector<ChatMessage>& messages) {
    std::vector<std::string> all;
    all.reserve(messages.size());
    for (const ChatMessage& m : messages) all.push_back(m.role + ": " + m.content.substr(0, 12));
    return all;
  }

  testing::FakeGenerator generator_;  // 4,000 tokens of context, a byte each
};

TEST_F(ConversationTest, InstructionsAreForOneResponse) {
  const ResponseRequest request = parse({{"instructions", "Brief."}}, "Two?");
  const std::vector<ChatMessage> before = {
      {"system", "Kind."}, {"user", "One?"}, {"assistant", "1."}};
  const Conversation conversation = make_conversation(request, before, generator_);
  EXPECT_THAT(said(conversation.prompt),
              ElementsAre("system: Brief.\n\nKind", "user: One?", "assistant: 1.", "user: Two?"));
  EXPECT_THAT(said(conversation.kept),
              ElementsAre("system: Kind.", "user: One?", "assistant: 1.", "user: Two?"));
}

TEST_F(ConversationTest, TheOldestMessagesGoOnlyWhereThatIsWanted) {
  const std::vector<ChatMessage> before = {{"system", "Kind."},
                                           {"user", "One" + std::string(2100, '.')},
                                           {"assistant", "1."},
                                           {"user", "Two" + std::string(1700, '.')},
                                           {"assistant", "2."}};
  EXPECT_EQ(make_conversation(parse(json::object()), before, generator_).prompt.size(), 6u);
  const Conversation conversation = make_conversation(
      parse({{"truncation", "auto"}, {"instructions", "Brief."}}), before, generator_);
  EXPECT_THAT(said(conversation.prompt), ElementsAre("system: Brief.\n\nKind", "user: Two.........",
                                                     "assistant: 2.", "user: Why?"));
  EXPECT_THAT(said(conversation.kept),
              ElementsAre("system: Kind.", "user: Two.........", "assistant: 2.", "user: Why?"));
}

TEST_F(ConversationTest, WhatIsFarTooLongIsRefusedUnread) {
  const std::string text(kMaxConversationBytes / 2, 'x');
  try {
    make_conversation(parse({{"truncation", "auto"}}, text), {{"user", text}, {"assistant", "y"}},
                      generator_);
    FAIL();
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status(), 400);
    EXPECT_EQ(error.param(), "input");
    EXPECT_EQ(error.code_word(), "context_length_exceeded");
  }
}

class ResponseRecordsTest : public ::testing::Test {
 protected:
  ResponseRecords open(bool read_only = false, RecordLimits limits = {}) const {
    return ResponseRecords(folder_.path(), read_only, limits);
  }
  static ResponseRecord record(const std::string& id, const std::string& text = "Hello.") {
    return {{{"id", id}, {"output", json::array()}},
            {{{"id", "msg_" + id}}},
            {{"user", "Hi."}, {"assistant", text}}};
  }
  static std::vector<std::string> there(const ResponseRecords& records) {
    std::vector<std::string> ids;
    for (const char* id : {"resp_1", "resp_2", "resp_3", "resp_4"}) {
      if (records.find(id)) ids.emplace_back(id);
    }
    return ids;
  }
  std::filesystem::path files() const { return folder_.path() / "responses"; }

  testing::TemporaryFolder folder_;
};

TEST_F(ResponseRecordsTest, AreThereAfterARestart) {
  open().add(record("resp_1", "Grüße.\n"));
  const ResponseRecords after = open(true);
  const auto found = after.find("resp_1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->response["id"], "resp_1");
  EXPECT_EQ(found->input[0]["id"], "msg_resp_1");
  ASSERT_EQ(found->conversation.size(), 2u);
  EXPECT_EQ(found->conversation[1].role, "assistant");
  EXPECT_EQ(found->conversation[1].content, "Grüße.\n");
}

TEST_F(ResponseRecordsTest, TheOldestGoFirst) {
  ResponseRecords records = open(false, {.count = 2});
  for (const char* id : {"resp_1", "resp_3", "resp_2"}) records.add(record(id));
  EXPECT_THAT(there(records), ElementsAre("resp_2", "resp_3"));
  // Also those of a server that kept more, and also by their size.
  EXPECT_THAT(there(open(false, {.count = 1})), ElementsAre("resp_2"));
  open().add(record("resp_1"));
  open().add(record("resp_4", std::string(5000, 'x')));
  EXPECT_THAT(there(open(false, {.bytes = 5500})), ElementsAre("resp_1", "resp_4"));
  EXPECT_THAT(there(open(false, {.bytes = 100})), ElementsAre("resp_4"));
}

TEST_F(ResponseRecordsTest, RemovedOnesAreGone) {
  ResponseRecords records = open();
  records.add(record("resp_1"));
  EXPECT_TRUE(records.remove("resp_1"));
  EXPECT_FALSE(records.remove("resp_1"));
  EXPECT_THAT(there(records), IsEmpty());
  EXPECT_THAT(there(open()), IsEmpty());
}

TEST_F(ResponseRecordsTest, OnlyNamesOfRecordsLeadToFiles) {
  ResponseRecords records = open();
  records.add(record("resp_1"));
  for (const char* id : {"", "../resp_1", "resp_", "00000000000000000001-resp_1"}) {
    EXPECT_FALSE(records.find(id)) << id;
    EXPECT_FALSE(records.remove(id)) << id;
  }
}

TEST_F(ResponseRecordsTest, DamagedAndForeignFilesArePassedOver) {
  open().add(record("resp_1"));
  std::ofstream(files() / "00000000000000000002-resp_2.json") << "{\"version\": 1";
  std::ofstream(files() / "00000000000000000003-resp_3.json") << "{\"version\": 2}";
  std::ofstream(files() / "notes.json") << "{}";
  std::ofstream(files() / "00000000000000000004-resp_4.json.tmp.7") << "{";
  ResponseRecords records = open();
  EXPECT_THAT(there(records), ElementsAre("resp_1"));
  EXPECT_FALSE(exists(files() / "00000000000000000004-resp_4.json.tmp.7"));
  records.add(record("resp_4"));
  EXPECT_TRUE(exists(files() / "00000000000000000004-resp_4.json"));
}

TEST_F(ResponseRecordsTest, ReadOnlyChangesNothing) {
  EXPECT_FALSE(open(true).find("resp_1"));
  EXPECT_FALSE(exists(files()));
  open().add(record("resp_1"));
  open().add(record("resp_2"));
  open(true, {.count = 1});
  EXPECT_THAT(there(open()), ElementsAre("resp_1", "resp_2"));
}

// What a client reads of a stream that `write` writes.
std::vector<json> events_of(const std::function<void(ResponseEvents&)>& write) {
  Metrics metrics;
  HttpServerOptions options;
  options.host = "127.0.0.1";
  options.port = 0;
  HttpServer server(options, metrics);
  server.add_route("GET", "/stream", kForEverybody, [&](Exchange& exchange) {
    EventStream stream(exchange);
    ResponseEvents events(stream);
    write(events);
    stream.finish();
  });
  std::thread thread([&] { server.run(); });
  httplib::Client client("127.0.0.1", server.port());
  const auto response = client.Get("/stream");
  server.stop();
  thread.join();
  std::vector<json> events;
  std::istringstream lines(response->body);
  for (std::string name, data, empty; std::getline(lines, name);) {
    std::getline(lines, data);
    std::getline(lines, empty);
    EXPECT_EQ(empty, "");
    events.push_back(json::parse(data.substr(data.find(' '))));
    EXPECT_EQ(name, "event: " + events.back()["type"].get<std::string>());
    EXPECT_EQ(events.back()["sequence_number"], events.size() - 1);
  }
  return events;
}

TEST(ResponseEventsTest, AFailureTakesThePlaceOfWhatWouldFollow) {
  const std::vector<json> events = events_of([](ResponseEvents& stream) {
    stream.begin({{"id", "resp_1"}, {"status", "in_progress"}});
    stream.begin_message(output_message_json("msg_1", "in_progress", json::array()));
    stream.delta("Well\n", json::array());
    stream.end({{"id", "resp_1"},
                {"status", "failed"},
                {"error", response_error_json(http_error(500, "m"))}});
  });
  std::vector<std::string> names;
  names.reserve(events.size());
  for (const json& event : events) names.push_back(event["type"].get<std::string>().substr(9));
  EXPECT_THAT(names, ElementsAre("created", "in_progress", "output_item.added",
                                 "content_part.added", "output_text.delta", "failed"));
  EXPECT_EQ(events[4]["delta"], "Well\n");
  EXPECT_EQ(events[4]["item_id"], "msg_1");
  EXPECT_EQ(events[4]["output_index"], 0);
  EXPECT_EQ(events[5]["response"]["error"]["code"], "server_error");
}

TEST(ResponseJsonTest, ErrorsHaveCodesThatClientsKnow) {
  EXPECT_EQ(response_error_json(http_error(400, "m")),
            (json{{"code", "invalid_prompt"}, {"message", "m"}}));
  EXPECT_EQ(response_error_json(http_error(500, ""))["code"], "server_error");
  EXPECT_EQ(response_error_json(http_error(503, ""))["code"], "rate_limit_exceeded");
}

}  // namespace
}  // namespace tandem
