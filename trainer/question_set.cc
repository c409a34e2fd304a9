#include "trainer/question_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>

#include "base/error.h"
#include "base/file.h"
#include "trainer/json_lines.h"

namespace tandem {
namespace {

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

Error empty_file(const std::filesystem::path& path, std::string_view what) {
  return {ErrorCode::kCorrupt, fmt::format("{} has no {}", path.string(), what),
          "write one JSON object a line"};
}

// Passages of a corpus by their ids and, once one is asked for, by their texts.
class PassageNames {
 public:
  explicit PassageNames(const Corpus& corpus) : corpus_(corpus) {}

  // Places, by size, each once. Refuses a name that the corpus lacks.
  std::vector<std::size_t> find(const JsonLine& line, std::span<const std::string> names) {
    std::vector<std::size_t> places;
    for (const std::string& name : names) {
      const std::optional<std::size_t> place = find(name);
      if (!place)
        line.refuse(fmt::format("the corpus has no passage \"{:.80}\"", name),
                    "add it there, or take it out of the line");
      places.push_back(*place);
    }
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    return places;
  }

 private:
  std::optional<std::size_t> find(const std::string& name) {
    if (const auto found = corpus_.by_id.find(name); found != corpus_.by_id.end())
      return found->second;
    if (by_text_.empty())
      for (std::size_t i = 0; i < corpus_.passages.size(); ++i)
        by_text_.emplace(corpus_.passages[i].text, i);
    const auto found = by_text_.find(name);
    return found == by_text_.end() ? std::nullopt : std::optional(found->second);
  }

  const Corpus& corpus_;
  std::unordered_map<std::string_view, std::size_t> by_text_;
};

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
  if (corpus.passages.empty()) throw empty_file(path, "passages");
  return corpus;
}

std::vector<Question> read_questions(const std::filesystem::path& path, const Corpus& corpus) {
  std::vector<Question> questions;
  std::unordered_set<std::string> ids;
  PassageNames names(corpus);
  for_each_json_line(path, [&](const JsonLine& line) {
    Question question;
    question.id = line.text("id").value_or(
        fmt::format("{}:{}", path.filename().string(), line.line_number()));
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
    question.positives = names.find(line, positives);
    question.negatives = names.find(line, line.texts("negatives"));
    std::vector<std::size_t> both;
    std::ranges::set_intersection(question.positives, question.negatives, std::back_inserter(both));
    if (!both.empty())
      line.refuse(fmt::format("passage \"{}\" is both positive and negative",
                              corpus.passages[both.front()].id),
                  "take it out of one of the two");
    questions.push_back(std::move(question));
  });
  if (questions.empty()) throw empty_file(path, "questions");
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
