#include "trainer/question_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
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

}  // namespace

Corpus read_corpus(const std::filesystem::path& path) {
  Corpus corpus;
  for_each_json_line(path, [&](const JsonLine& line) {
    TrainingPassage passage{line.required_text("id"), line.text("title").value_or(""),
                            line.required_text("text")};
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
  for_each_json_line(path, [&](const JsonLine& line) {
    Question question;
    question.id = line.text("id").value_or(
        fmt::format("{}:{}", path.filename().string(), line.line_number()));
    question.text = line.required_text("question");
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
    for (const std::string& id : line.texts("positives")) {
      const auto found = corpus.by_id.find(id);
      if (found == corpus.by_id.end())
        line.refuse(fmt::format("the corpus has no passage \"{}\"", id),
                    "add it there, or take it out of \"positives\"");
      question.positives.push_back(found->second);
    }
    std::sort(question.positives.begin(), question.positives.end());
    const auto repeated = std::unique(question.positives.begin(), question.positives.end());
    question.positives.erase(repeated, question.positives.end());
    questions.push_back(std::move(question));
  });
  if (questions.empty()) throw empty_file(path, "questions");
  return questions;
}

Passage to_passage(const TrainingPassage& passage) {
  Passage whole;
  whole.document_id = passage.id;
  whole.title = passage.title;
  whole.text = passage.text;
  return whole;
}

}  // namespace tandem
