#include "server/answers/training_lines.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "generator/abstention.h"
#include "trainer/json_lines.h"

namespace tandem {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Names of passages as they are now, by the ids of that time; those that are gone are left out.
using PassageNow = std::map<PassageId, std::string>;

std::optional<PassageId> now_of(const json& hit, const std::string& collection,
                                const Store& store) {
  if (hit.at("collection") != collection) return std::nullopt;
  const auto id = hit.at("passage_id").get<PassageId>();
  if (store.get_passages({&id, 1}).front()) return id;
  for (const Passage& passage :
       store.document_passages(collection, hit.at("document_id").get<std::string>())) {
    if (passage.text == hit.at("text")) return passage.id;
  }
  return std::nullopt;
}

PassageNow passages_now(const AnswerRecord& record, const std::string& collection,
                        const Store& store) {
  PassageNow names;
  for (const json& hit : record.answer.at("hits")) {
    if (const auto now = now_of(hit, collection, store)) {
      names.emplace(hit.at("passage_id").get<PassageId>(), std::to_string(*now));
    }
  }
  return names;
}

std::string question_text(const AnswerRecord& record) {
  return record.answer.at("messages").back().at("content");
}

// Nothing where it teaches nothing.
std::optional<ordered_json> question_line(const AnswerRecord& record, const PassageNow& passages) {
  const Feedback& feedback = record.feedback;
  const bool knows_answer = !feedback.correction.empty() || feedback.rating == Rating::kGood;
  const auto& given = record.answer.at("answer").get_ref<const std::string&>();
  const std::string& answer = feedback.correction.empty() ? given : feedback.correction;
  auto answers = ordered_json::array();
  std::set<std::string> positives;
  std::set<std::string> negatives;
  if (knows_answer && !is_abstention(answer)) answers.push_back(answer);
  for (const auto& [id, relevant] : feedback.relevant) {
    const auto name = passages.find(id);
    if (name == passages.end()) continue;
    (relevant ? positives : negatives).insert(name->second);
  }
  // Two that were apart may be one now.
  for (const std::string& name : positives) negatives.erase(name);
  // Without either, the line would say that the corpus has no answer.
  if (!knows_answer && positives.empty()) return std::nullopt;
  ordered_json line = {{"id", record.id},
                       {"question", question_text(record)},
                       {"answers", std::move(answers)},
                       {"positives", positives}};
  if (!negatives.empty()) line["negatives"] = negatives;
  return line;
}

bool is_pair(const AnswerRecord& record) {
  const Feedback& feedback = record.feedback;
  const auto& answer = record.answer.at("answer").get_ref<const std::string&>();
  return feedback.rating != Rating::kGood && !feedback.correction.empty() && !is_blank(answer) &&
         trimmed(feedback.correction) != trimmed(answer);
}

// Nothing where passages of the prompt are gone, or two of them are one now.
std::optional<ordered_json> preference_line(const AnswerRecord& record,
                                            const PassageNow& passages) {
  auto names = ordered_json::array();
  for (const json& id : record.answer.at("passages")) {
    const auto name = passages.find(id.get<PassageId>());
    const bool is_there = name != passages.end();
    if (!is_there || std::find(names.begin(), names.end(), name->second) != names.end()) {
      return std::nullopt;
    }
    names.push_back(name->second);
  }
  return ordered_json{{"id", record.id},
                      {"question", question_text(record)},
                      {"passages", std::move(names)},
                      {"chosen", record.feedback.correction},
                      {"rejected", record.answer.at("answer")}};
}

bool is_from(const AnswerRecord& record, const std::string& collection) {
  const json& collections = record.answer.at("collections");
  return std::find(collections.begin(), collections.end(), collection) != collections.end();
}

// What the system says is in no prompt of training; it matters to an answer, not to its question.
bool is_alone(const AnswerRecord& record, TrainingKind kind) {
  const json& messages = record.answer.at("messages");
  const auto counts = [&](const json& message) {
    return kind == TrainingKind::kPreferences || message.at("role") != "system";
  };
  return std::count_if(messages.begin(), messages.end(), counts) == 1;
}

}  // namespace

const std::map<std::string, TrainingKind>& training_kinds() {
  static const std::map<std::string, TrainingKind> kinds = {
      {"questions", TrainingKind::kQuestions}, {"preferences", TrainingKind::kPreferences}};
  return kinds;
}

TrainingLines training_lines(const AnswerRecords& records, const Store& store,
                             const TrainingLinesOptions& options) {
  TrainingLines lines;
  for (const RecordPlace& place : records.places(Review::kReviewed)) {
    const auto record = records.find(place.id);
    if (!record || !is_from(*record, options.collection)) continue;
    if (is_blank(question_text(*record))) continue;
    const bool preferences = options.kind == TrainingKind::kPreferences;
    if (preferences && !is_pair(*record)) continue;
    if (!options.conversations && !is_alone(*record, options.kind)) {
      ++lines.conversations;
      continue;
    }
    const PassageNow passages = passages_now(*record, options.collection, store);
    const auto line =
        preferences ? preference_line(*record, passages) : question_line(*record, passages);
    if (!line) {
      if (preferences) ++lines.changed;
      continue;
    }
    lines.text += line->dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    ++lines.count;
  }
  return lines;
}

}  // namespace tandem
