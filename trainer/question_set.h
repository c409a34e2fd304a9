// What is trained and evaluated on: questions, their answers, and the passages that hold them.
//
// Two files of JSON lines (json_lines.h). A corpus is {"id", "title"?, "text"} a line. Questions
// are
// {"id"?, "question", "answers"?, "positives"?}: answers that are right, and the ids of passages of
// the corpus that hold one. A question without either cannot be answered from the corpus.
#ifndef TANDEM_TRAINER_QUESTION_SET_H_
#define TANDEM_TRAINER_QUESTION_SET_H_

#include <cstddef>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/store.h"

namespace tandem {

struct TrainingPassage {
  std::string id;
  std::string title;
  std::string text;
};

struct Corpus {
  std::vector<TrainingPassage> passages;  // in the order of the file
  std::unordered_map<std::string, std::size_t> by_id;
};

struct Question {
  std::string id;  // "FILE:LINE" where the file gives none
  std::string text;
  std::vector<std::string> answers;
  std::vector<std::size_t> positives;  // places in Corpus::passages, by size, each once

  bool is_answerable() const { return !answers.empty() || !positives.empty(); }
};

// Throws as for_each_json_line, and kCorrupt for a file without passages, for an id that comes
// twice and for a passage without id or text.
Corpus read_corpus(const std::filesystem::path& path);

// Throws as for_each_json_line, and kCorrupt for a file without questions, for an id that comes
// twice, for a question without text, for an answer without a letter and for a positive that the
// corpus lacks.
std::vector<Question> read_questions(const std::filesystem::path& path, const Corpus& corpus);

// As retriever and generator are given it: a document of one passage.
Passage to_passage(const TrainingPassage& passage);

}  // namespace tandem

#endif  // TANDEM_TRAINER_QUESTION_SET_H_
