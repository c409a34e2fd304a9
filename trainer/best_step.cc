#include "trainer/best_step.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "trainer/question_result.h"

namespace tandem {
namespace {

double figure_of(const std::map<std::string, double>& figures, const std::string& name) {
  const auto found = figures.find(name);
  return found == figures.end() ? 0 : found->second;
}

}  // namespace

std::string best_step_figure(const TrainingOptions& options, std::span<const Question> dev) {
  const bool ranked =
      std::any_of(dev.begin(), dev.end(), [](const Question& q) { return !q.positives.empty(); });
  const bool answered =
      !options.generator.empty() && options.dev_answers > 0 &&
      std::any_of(dev.begin(), dev.end(), [](const Question& q) { return !q.answers.empty(); });
  const std::string& wanted = options.best_by;
  if (wanted.empty() && ranked && options.networks.encoder.trained) return kRecallAt1;
  if (wanted.empty() && answered) return kTokenF1;
  if (wanted.empty() && ranked) return kRecallAt1;  // the same in all steps, of which the last wins
  const bool ranking = wanted == kRecallAt1 || wanted == kReciprocalRank;
  if (ranking || wanted == kTokenF1 || wanted == kExactMatch) {
    if (ranking ? ranked : answered) return wanted;
  } else if (!wanted.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("the best step cannot be chosen by {}", wanted),
                "choose recall@1, mrr, f1 or exact_match");
  }
  throw Error(ErrorCode::kInvalidArgument, "the dev questions do not say which step is best",
              "give them \"positives\", for recall and MRR, or \"answers\" and a generator that "
              "answers them, for F1 and exact match");
}

bool is_as_good(const std::map<std::string, double>& now,
                const std::map<std::string, double>& before, const std::string& figure) {
  return figure_of(now, figure) >= figure_of(before, figure);
}

}  // namespace tandem
