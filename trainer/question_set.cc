#include "trainer/question_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/error.h"
#include "base/file.h"
#include "trainer/json_lines.h"
#include "trainer/passage_names.h"

namespace tandem {
namespace {

// Places by size, each once.
std::vector<std::size_t> set_of(std::vector<std::size_t> places) {
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

}  // namespace

Corpus read_corpus(const std::filesystem::path& path) {
  Corpus corpus;
  for_each_json_line(path, [&](const JsonLine& line) {
    TrainingPassage passage{line.required_text("id"), line.text("title").value_or(""),
                            line.required_text("text"), line.text("document").value_or("")};
    if (is_blank(passage.text)) line.refuse("\"text\" is blank", "take the line out");
    if (!corpus.by_id.emplace(passage.id, corpus.passages.size()).second)
      line.refuse(fmt::format("a passage before has the id \"{}\" too", passage.id),
                  "give each passage an id of its own");
    corpus.passages.push_back(std::move(passage));
  });
  if (corpus.passages.empty()) throw no_lines(path, "passages");
  return corpus;
}

std::vector<Question> read_questions(const std::filesystem::path& path, const Corpus& corpus) {
  std::vector<Question> questions;
  std::unordered_set<std::string> ids;
  PassageNames names(corpus);
  for_each_json_line(path, [&](const JsonLine& line) {
    Question question;
    question.id = line.id();
    question.text = line.text("query").value_or("");
    if (question.text.empty()) question.text = line.required_text("question");
    question.answers = line.texts("answers");
    if (is_blank(question.text)) line.refuse("\"question\" is blank", "take the line out");
    if (!ids.insert(question.id).second)
      line.refuse(fmt::format("a question before has the id \"{}\" too", question.id),
                  "give each question an id of its own, or none any");
    for (const std::string& answer : question.answers) {
      if (is_blank(answer))
        line.refuse("an answer is empty",
                    "take it out; a question without answer has \"answers\": []");
    }
    std::vector<std::string> positives = line.texts("positives");
    if (auto positive = line.text("positive")) positives.push_back(*std::move(positive));
    question.positives = set_of(names.find(line, positives));
    question.negatives = set_of(names.find(line, line.texts("negatives")));
    std::vector<std::size_t> both;
    std::ranges::set_intersection(question.positives, question.negatives, std::back_inserter(both));
    if (!both.empty())
      line.refuse(fmt::format("passage \"{}\" is both positive and negative",
                              corpus.passages[both.front()].id),
                  "take it out of one of the two");
    questions.push_back(std::move(question));
  });
  if (questions.empty()) throw no_lines(path, "questions");
  return questions;
}

void write_questions(const std::filesystem::path& path, const Corpus& corpus,
                     std::span<const Question> questions) {
  const auto ids_of = [&](const std::vector<std::size_t>& places) {
    auto ids = nlohmann::ordered_json::array();
    for (const std::size_t place : places) ids.push_back(corpus.passages[place].id);
    return ids;
  };
  std::string text;
  for (const Question& question : questions) {
    nlohmann::ordered_json line = {{"id", question.id},
                                   {"question", question.text},
                                   {"answers", question.answers},
                                   {"positives", ids_of(question.positives)}};
    if (!question.negatives.empty()) line["negatives"] = ids_of(question.negatives);
    text += line.dump() + "\n";
  }
  write_file_atomic(path, text);
}

std::string_view document_of(const TrainingPassage& passage) {
  if (!passage.document.empty()) return passage.document;
  return passage.title.empty() ? passage.id : passage.title;
}

void add_questions(std::vector<Question>& questions, std::vector<Question> more) {
  std::unordered_set<std::string> ids;
  for (const Question& question : questions) ids.insert(question.id);
  for (Question& question : more) {
    if (ids.contains(question.id))
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("both files of questions have the id {}", question.id),
                  "give each question an id of its own");
    questions.push_back(std::move(question));
  }
}

Passage to_passage(const TrainingPassage& passage) {
  Passage whole;
  whole.document_id = passage.id;
  whole.title = passage.title;
  whole.text = passage.text;
  return whole;
}

}  // namespace tandem
