#include "trainer/training_sets.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "trainer/question_leaks.h"
#include "trainer/question_split.h"

namespace tandem {
namespace {

// Those that are kept aside leave `questions`.
std::vector<Question> keep_aside(const Corpus& corpus, const SplitOptions& options,
                                 std::vector<Question>& questions) {
  const std::vector<bool> aside = split_by_document(corpus, questions, options);
  std::vector<Question> dev;
  std::vector<Question> rest;
  for (std::size_t i = 0; i < questions.size(); ++i)
    (aside[i] ? dev : rest).push_back(std::move(questions[i]));
  questions = std::move(rest);
  return dev;
}

}  // namespace

TrainingSets read_training_sets(const TrainingOptions& options) {
  if (options.dev && options.dev_share > 0)
    throw Error(ErrorCode::kInvalidArgument,
                "dev questions are given, and others are to be kept aside",
                "choose one of the two");
  TrainingSets sets;
  sets.corpus = read_corpus(options.corpus);
  sets.questions = read_questions(options.questions, sets.corpus);
  if (options.unanswerable)
    add_questions(sets.questions, read_questions(*options.unanswerable, sets.corpus));
  if (options.dev_share > 0)
    sets.dev = keep_aside(sets.corpus, {options.dev_share, options.batches.seed}, sets.questions);
  if (options.dev) sets.dev = read_questions(*options.dev, sets.corpus);
  if (options.allow_leaks || !options.dev) return sets;
  if (const auto leaks = find_leaks(sets.corpus, sets.questions, sets.dev); !leaks.empty())
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("the dev questions are not apart from those that are learned from: {}",
                            describe_leaks(leaks)),
                "take these out, or keep others aside by --dev-share; with --allow-leaks the "
                "figures say less about documents that were not learned from");
  return sets;
}

}  // namespace tandem
