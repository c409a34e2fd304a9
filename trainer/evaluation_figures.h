// What an evaluation comes down to: figures with their intervals, and the difference between two.
//
// The figures, each from 0 to 1, where the results have what they need:
//
//   recall@1, recall@5, recall@20, mrr, ndcg@10   of the retriever
//   exact_match, f1, rouge_l                      of the answers to questions that have one
//   citation_precision, citation_recall           of answers that can be cited for, likewise
//   exact_match_all, f1_all                       of all answers, where some questions have none
//   abstention_precision, _recall, _f1            abstaining is right where there is no answer;
//                                                 0 where nothing was, or should have been, held
//                                                 back
#ifndef TANDEM_TRAINER_EVALUATION_FIGURES_H_
#define TANDEM_TRAINER_EVALUATION_FIGURES_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "trainer/question_result.h"
#include "trainer/statistics.h"

namespace tandem {

struct Figure {
  std::string name;
  Estimate estimate;
  std::size_t questions = 0;  // that it is of
};

// In the order above. Pure; safe from any thread.
std::vector<Figure> summarize(std::span<const QuestionResult> results,
                              const BootstrapOptions& options = {});

struct FigureComparison {
  std::string name;
  double a = 0;
  double b = 0;
  Comparison comparison;
  std::size_t questions = 0;
};

struct ResultComparison {
  std::vector<FigureComparison> figures;
  std::size_t questions = 0;  // that both have
  std::size_t only_in_a = 0;
  std::size_t only_in_b = 0;
};

// Of the questions that both have, by their ids, and of each figure over those that have its score
// in both. Throws kInvalidArgument where they have no question in common, or where one can be
// answered in a and cannot in b. Pure; safe from any thread.
ResultComparison compare_results(std::span<const QuestionResult> a,
                                 std::span<const QuestionResult> b,
                                 const BootstrapOptions& options = {});

}  // namespace tandem

#endif  // TANDEM_TRAINER_EVALUATION_FIGURES_H_
