#include "server/answers/record.h"

#include <chrono>
#include <ctime>
#include <utility>

#include "server/answer_json.h"
#include "server/metrics.h"

namespace tandem {
namespace {

using nlohmann::json;

// As the generator got it: control tokens by their names.
std::string prompt_text(const Generator& generator, std::span<const TokenId> tokens) {
  std::string text;
  for (const TokenId token : tokens) text += generator.spell(token);
  return text;
}

json prompt_passages(const Answer& answer, bool each) {
  json ids = json::array();
  for (const Hit& hit : answer.hits) {
    // The others led to the same answer, by prompts of their own.
    if (each && !ids.empty()) break;
    ids.push_back(hit.passage.id);
  }
  return ids;
}

json to_json(Rating rating) {
  if (rating == Rating::kNone) return nullptr;
  return rating == Rating::kGood ? "good" : "bad";
}

json text_or_null(const std::string& text) {
  return text.empty() ? json() : json(text);
}

// What the file and the API have in common.
json to_json(const Feedback& feedback) {
  json passages = json::array();
  for (const auto& [id, relevant] : feedback.relevant) {
    passages.push_back({{"passage_id", id}, {"relevant", relevant}});
  }
  return {{"rating", to_json(feedback.rating)},
          {"correction", text_or_null(feedback.correction)},
          {"comment", text_or_null(feedback.comment)},
          {"passages", std::move(passages)},
          {"updated_at", feedback.says_nothing() ? json() : json(feedback.updated_at_unix_s)}};
}

std::string text_of(const json& value) {
  return value.is_null() ? std::string() : value.get<std::string>();
}

Feedback parse_feedback(const json& object) {
  Feedback feedback;
  if (!object.at("updated_at").is_null())
    object.at("updated_at").get_to(feedback.updated_at_unix_s);
  const std::string rating = text_of(object.at("rating"));
  if (!rating.empty()) feedback.rating = rating == "good" ? Rating::kGood : Rating::kBad;
  feedback.correction = text_of(object.at("correction"));
  feedback.comment = text_of(object.at("comment"));
  for (const json& passage : object.at("passages")) {
    feedback.relevant.emplace(passage.at("passage_id").get<PassageId>(),
                              passage.at("relevant").get<bool>());
  }
  return feedback;
}

}  // namespace

AnswerRecord make_answer_record(const Exchange& exchange, const ServedRelease& release,
                                const AnswerTrace& trace, const Answer& answer) {
  const GenerationResult& generation = answer.generation;
  const std::chrono::duration<double> total = Exchange::Clock::now() - exchange.start();
  AnswerRecord record{.id = trace.id, .request_id = exchange.id(), .answer = {}, .feedback = {}};
  record.answer = {{"id", record.id},
                   {"object", "answer"},
                   {"request_id", record.request_id},
                   {"created_at", std::time(nullptr)},
                   {"owner", exchange.caller().owner},
                   {"model", release.generator->name()},
                   {"release", release.name},
                   {"collections", trace.collections},
                   {"messages", messages_json(trace.messages)},
                   {"queries", trace.queries},
                   {"hits", tandem::to_json(trace.found)},
                   {"passages", prompt_passages(answer, trace.each)},
                   {"prompt", prompt_text(*release.generator, answer.prompt)},
                   {"answer", generation.text},
                   {"citations", tandem::to_json(answer.citations)},
                   {"finish_reason", to_string(generation.finish_reason)},
                   {"usage",
                    {{"prompt_tokens", generation.prompt_tokens},
                     {"reused_tokens", generation.reused_tokens},
                     {"completion_tokens", generation.completion_tokens}}},
                   {"timings",
                    {{"retrieval", answer.retrieval_seconds},
                     {"first_token", trace.first_token_seconds},
                     {"prefill", generation.prefill_seconds},
                     {"decode", generation.decode_seconds},
                     {"total", total.count()}}}};
  return record;
}

json to_json(const AnswerRecord& record) {
  return {{"answer", record.answer}, {"feedback", to_json(record.feedback)}};
}

AnswerRecord parse_answer_record(json file) {
  AnswerRecord record;
  record.answer = std::move(file.at("answer"));
  record.answer.at("id").get_to(record.id);
  record.answer.at("request_id").get_to(record.request_id);
  // Whoever reads it counts on a question.
  record.answer.at("messages").at(0);
  record.feedback = parse_feedback(file.at("feedback"));
  return record;
}

json feedback_json(const AnswerRecord& record) {
  json object = to_json(record.feedback);
  object["id"] = record.id;
  object["object"] = "feedback";
  object["answer_id"] = record.id;
  object["status"] = record.feedback.says_nothing() ? "unreviewed" : "reviewed";
  object["answer"] = record.answer;
  object["answer"].erase("prompt");
  return object;
}

}  // namespace tandem
