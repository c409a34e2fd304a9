// What a system made of one question.
#ifndef TANDEM_TRAINER_QUESTION_RESULT_H_
#define TANDEM_TRAINER_QUESTION_RESULT_H_

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tandem {

// Names of scores, each from 0 to 1. Those of rankings are there for questions with positives, the
// others where an answer was asked for. An abstention has the exact match and F1 of an empty
// answer: 0 where there is an answer, 1 where there is none.
inline constexpr char kRecallAt1[] = "recall@1";
inline constexpr char kRecallAt5[] = "recall@5";
inline constexpr char kRecallAt20[] = "recall@20";
inline constexpr char kReciprocalRank[] = "mrr";
inline constexpr char kNdcgAt10[] = "ndcg@10";
inline constexpr char kExactMatch[] = "exact_match";
inline constexpr char kTokenF1[] = "f1";
inline constexpr char kRougeL[] = "rouge_l";  // only where there is an answer
// Of answers that cite, and that have a statement to cite for (citation_metrics.h).
inline constexpr char kCitationPrecision[] = "citation_precision";
inline constexpr char kCitationRecall[] = "citation_recall";
inline constexpr char kAbstained[] = "abstained";  // 1 or 0

struct QuestionResult {
  std::string id;  // of the question
  bool answerable = true;
  std::vector<std::string> found;     // ids of passages, best first
  std::optional<std::string> answer;  // absent where the generator was not asked
  std::map<std::string, double> scores;
};

// A file of JSON lines (json_lines.h), one for each result. Throws as write_file_atomic.
void write_results(const std::filesystem::path& path, std::span<const QuestionResult> results);

// Throws as for_each_json_line, and kCorrupt for an id that comes twice and for scores that are not
// from 0 to 1.
std::vector<QuestionResult> read_results(const std::filesystem::path& path);

}  // namespace tandem

#endif  // TANDEM_TRAINER_QUESTION_RESULT_H_
