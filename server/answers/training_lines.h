// What people said of answers, as lines that `tandem train` reads.
#ifndef TANDEM_SERVER_ANSWERS_TRAINING_LINES_H_
#define TANDEM_SERVER_ANSWERS_TRAINING_LINES_H_

#include <cstddef>
#include <map>
#include <string>

#include "server/answers/records.h"
#include "store/store.h"

namespace tandem {

// Questions of trainer/question_set.h, or pairs of trainer/preference_set.h.
enum class TrainingKind { kQuestions, kPreferences };

// By the names that people give.
const std::map<std::string, TrainingKind>& training_kinds();

struct TrainingLinesOptions {
  TrainingKind kind = TrainingKind::kQuestions;
  std::string collection = kDefaultCollection;  // only answers from passages of it
  // Also what was asked with other messages before it, as if it had been asked alone. Training
  // knows single questions only, and one that leans on another teaches it nothing good.
  bool conversations = false;
};

struct TrainingLines {
  std::string text;
  std::size_t count = 0;
  std::size_t conversations = 0;  // that were left out
  std::size_t changed = 0;        // pairs left out whose passages are no longer there
};

// Of the answers from `collection`, the oldest first, each by its id. Passages are named as
// export_corpus() has them (server/tuning/files.h); one whose document was indexed again since is
// found by its text.
//
// A question has the correction for its answer or, without one, the answer that was called good;
// where that is an abstention (generator/abstention.h), it has none. Passages that were called
// relevant are its positives, the others its negatives. A pair is a correction and the answer in
// the place of which it stands, with the passages of the prompt, all of which must still be there.
TrainingLines training_lines(const AnswerRecords& records, const Store& store,
                             const TrainingLinesOptions& options);

}  // namespace tandem

#endif  // TANDEM_SERVER_ANSWERS_TRAINING_LINES_H_
