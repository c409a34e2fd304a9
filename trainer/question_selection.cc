#include "trainer/question_selection.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace tandem {
namespace {

double product(std::span<const float> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

}  // namespace

std::vector<std::size_t> highest_places(std::span<const double> usefulness, std::size_t count) {
  std::vector<std::size_t> places(usefulness.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::stable_sort(places.begin(), places.end(),
                   [&](std::size_t a, std::size_t b) { return usefulness[a] > usefulness[b]; });
  places.resize(std::min(places.size(), count));
  std::sort(places.begin(), places.end());
  return places;
}

std::vector<std::size_t> diverse_places(std::span<const float> vectors, std::size_t dimension,
                                        std::size_t count) {
  TANDEM_CHECK(dimension > 0 && vectors.size() % dimension == 0);
  const std::size_t rows = vectors.size() / dimension;
  const auto row = [&](std::size_t i) { return vectors.subspan(i * dimension, dimension); };
  std::vector<double> towards(dimension, 0);  // what the last one chosen is compared by
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < dimension; ++j) towards[j] += static_cast<double>(row(i)[j]);
  std::size_t next = 0;
  double best = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < rows; ++i)
    if (const double likeness = product(row(i), towards); likeness > best) {
      best = likeness;
      next = i;
    }
  // Of each row, to the chosen one that is most like it; a chosen row is out of the question.
  std::vector<double> likeness(rows, -std::numeric_limits<double>::infinity());
  std::vector<std::size_t> places;
  while (places.size() < std::min(count, rows)) {
    places.push_back(next);
    likeness[next] = std::numeric_limits<double>::infinity();
    towards.assign(row(next).begin(), row(next).end());
    for (std::size_t i = 0; i < rows; ++i)
      likeness[i] = std::max(likeness[i], product(row(i), towards));
    next = static_cast<std::size_t>(std::min_element(likeness.begin(), likeness.end()) -
                                    likeness.begin());
  }
  std::sort(places.begin(), places.end());
  return places;
}

double retrieval_loss(std::span<const double> positive_scores,
                      std::span<const double> other_scores) {
  if (positive_scores.empty()) return 0;
  double highest = -std::numeric_limits<double>::infinity();
  for (const auto scores : {positive_scores, other_scores})
    for (const double score : scores) highest = std::max(highest, score);
  const auto mass = [&](std::span<const double> scores) {
    double sum = 0;
    for (const double score : scores) sum += std::exp(score - highest);
    return sum;
  };
  const double right = mass(positive_scores);
  return std::log((right + mass(other_scores)) / right);
}

}  // namespace tandem
