// What is trained and evaluated on: questions, their answers, and the passages that hold them.
//
// Two files of JSON lines (json_lines.h). A corpus is {"id", "document"?, "title"?, "text"} a line.
// Questions are
//
//   {"id"?, "question", "answers"?, "positives"?, "negatives"?}
//
// answers that are right, passages of the corpus that hold one, and passages that may look as if
// they did. A question without answers and positives cannot be answered from the corpus. Triples
// for retrieval are lines of the same file, {"query", "positive", "negatives"?}. A passage is named
// by its id, or by its whole text.
#ifndef TANDEM_TRAINER_QUESTION_SET_H_
#define TANDEM_TRAINER_QUESTION_SET_H_

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/store.h"

namespace tandem {

struct TrainingPassage {
  std::string id;
  std::string title;
  std::string text;
  std::string document = {};  // that it is of
};

struct Corpus {
  std::vector<TrainingPassage> passages;  // in the order of the file
  std::unordered_map<std::string, std::size_t> by_id;
};

struct Question {
  std::string id;  // "FILE:LINE" where the file gives none
  std::string text;
  std::vector<std::string> answers;
  std::vector<std::size_t> positives;       // places in Corpus::passages, by size, each once
  std::vector<std::size_t> negatives = {};  // likewise; none is positive

  bool has_positive(std::size_t passage) const {
    return std::binary_search(positives.begin(), positives.end(), passage);
  }
  bool is_answerable() const { return !answers.empty() || !positives.empty(); }
};

// Throws as for_each_json_line, and kCorrupt for a file without passages, for an id that comes
// twice and for a passage without id or text.
Corpus read_corpus(const std::filesystem::path& path);

// Throws as for_each_json_line, and kCorrupt for a file without questions, for an id that comes
// twice, for a question without text, for an answer without a letter, for a passage that the corpus
// lacks and for one that is both positive and negative.
std::vector<Question> read_questions(const std::filesystem::path& path, const Corpus& corpus);

// The same lines again, with the ids of passages. Throws as write_file_atomic.
void write_questions(const std::filesystem::path& path, const Corpus& corpus,
                     std::span<const Question> questions);

// What passages of the same document have in common: its name, else the title, else the passage's
// own id. Borrows it.
std::string_view document_of(const TrainingPassage& passage);

// Appends `more` to `questions`. Throws kInvalidArgument if they have an id in common.
void add_questions(std::vector<Question>& questions, std::vector<Question> more);

// As retriever and generator are given it: a document of one passage.
Passage to_passage(const TrainingPassage& passage);

}  // namespace tandem

#endif  // TANDEM_TRAINER_QUESTION_SET_H_
