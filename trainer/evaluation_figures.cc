#include "trainer/evaluation_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "base/error.h"

namespace tandem {
namespace {

// A figure of a sample of questions.
struct Measured {
  std::string name;
  std::size_t size = 0;
  Statistic statistic;

  double value() const {
    std::vector<std::size_t> places(size);
    std::iota(places.begin(), places.end(), std::size_t{0});
    return statistic(places);
  }
};

Measured mean_of(std::string name, std::vector<double> values) {
  const std::size_t size = values.size();
  return {std::move(name), size, [values = std::move(values)](std::span<const std::size_t> places) {
            double sum = 0;
            for (const std::size_t place : places) sum += values[place];
            return sum / static_cast<double>(places.size());
          }};
}

struct Abstention {
  bool given;
  bool right;  // there is no answer
};

struct AbstentionCounts {
  std::size_t given = 0;
  std::size_t right = 0;
  std::size_t both = 0;
};

double ratio(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

template <typename Ratio>
Measured abstention(std::string name, const std::vector<Abstention>& questions, Ratio figure) {
  return {std::move(name), questions.size(),
          [questions, figure](std::span<const std::size_t> places) {
            AbstentionCounts counts;
            for (const std::size_t place : places) {
              const auto [given, right] = questions[place];
              counts.given += given ? 1 : 0;
              counts.right += right ? 1 : 0;
              counts.both += given && right ? 1 : 0;
            }
            return figure(counts);
          }};
}

std::vector<double> scores_of(std::span<const QuestionResult> results, const char* name,
                              bool unanswerable_too) {
  std::vector<double> values;
  for (const QuestionResult& result : results) {
    const auto found = result.scores.find(name);
    if (found != result.scores.end() && (result.answerable || unanswerable_too))
      values.push_back(found->second);
  }
  return values;
}

std::vector<Measured> measure(std::span<const QuestionResult> results) {
  std::vector<Measured> figures;
  const auto add_mean = [&](std::string name, const char* score, bool unanswerable_too) {
    std::vector<double> values = scores_of(results, score, unanswerable_too);
    if (!values.empty()) figures.push_back(mean_of(std::move(name), std::move(values)));
  };
  for (const char* const name :
       {kRecallAt1, kRecallAt5, kRecallAt20, kReciprocalRank, kNdcgAt10, kExactMatch, kTokenF1,
        kRougeL, kCitationPrecision, kCitationRecall})
    add_mean(name, name, /*unanswerable_too=*/false);
  std::vector<Abstention> abstentions;
  bool unanswerable = false;
  for (const QuestionResult& result : results) {
    const auto abstained = result.scores.find(kAbstained);
    if (abstained == result.scores.end()) continue;
    abstentions.push_back({abstained->second > 0, !result.answerable});
    unanswerable = unanswerable || !result.answerable;
  }
  if (!unanswerable) return figures;
  add_mean("exact_match_all", kExactMatch, /*unanswerable_too=*/true);
  add_mean("f1_all", kTokenF1, /*unanswerable_too=*/true);
  figures.push_back(abstention("abstention_precision", abstentions,
                               [](const AbstentionCounts& c) { return ratio(c.both, c.given); }));
  figures.push_back(abstention("abstention_recall", abstentions,
                               [](const AbstentionCounts& c) { return ratio(c.both, c.right); }));
  figures.push_back(abstention("abstention_f1", abstentions, [](const AbstentionCounts& c) {
    return ratio(2 * c.both, c.given + c.right);
  }));
  return figures;
}

// Leaves each the scores that the other has too.
void keep_common_scores(QuestionResult& a, QuestionResult& b) {
  std::erase_if(a.scores, [&](const auto& score) { return !b.scores.contains(score.first); });
  std::erase_if(b.scores, [&](const auto& score) { return !a.scores.contains(score.first); });
}

}  // namespace

std::vector<Figure> summarize(std::span<const QuestionResult> results,
                              const BootstrapOptions& options) {
  std::vector<Figure> figures;
  for (const Measured& measured : measure(results))
    figures.push_back(
        {measured.name, bootstrap(measured.size, measured.statistic, options), measured.size});
  return figures;
}

ResultComparison compare_results(std::span<const QuestionResult> a,
                                 std::span<const QuestionResult> b,
                                 const BootstrapOptions& options) {
  std::unordered_map<std::string, const QuestionResult*> others;
  for (const QuestionResult& result : b) others.emplace(result.id, &result);
  std::vector<QuestionResult> left;
  std::vector<QuestionResult> right;
  for (const QuestionResult& result : a) {
    const auto found = others.find(result.id);
    if (found == others.end()) continue;
    if (result.answerable != found->second->answerable)
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("question {} can be answered in one file and not in the other", result.id),
          "compare results for the same questions");
    keep_common_scores(left.emplace_back(result), right.emplace_back(*found->second));
  }
  if (left.empty())
    throw Error(ErrorCode::kInvalidArgument, "the results have no question in common",
                "compare results for the same questions");
  ResultComparison comparison{{}, left.size(), a.size() - left.size(), b.size() - left.size()};
  const std::vector<Measured> of_a = measure(left);
  const std::vector<Measured> of_b = measure(right);
  TANDEM_CHECK(of_a.size() == of_b.size());
  for (std::size_t i = 0; i < of_a.size(); ++i) {
    const Measured& first = of_a[i];
    const Measured& second = of_b[i];
    TANDEM_CHECK(first.name == second.name && first.size == second.size);
    const auto difference = [&](std::span<const std::size_t> places) {
      return second.statistic(places) - first.statistic(places);
    };
    comparison.figures.push_back({first.name, first.value(), second.value(),
                                  compare_paired(first.size, difference, options), first.size});
  }
  return comparison;
}

}  // namespace tandem
