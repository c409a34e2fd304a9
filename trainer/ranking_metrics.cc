#include "trainer/ranking_metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace tandem {
namespace {

double gain(std::span<const int> grades, std::size_t k) {
  double sum = 0;
  for (std::size_t i = 0; i < std::min(grades.size(), k); ++i)
    sum += grades[i] / std::log2(static_cast<double>(i) + 2);
  return sum;
}

}  // namespace

double recall_at(std::size_t k, std::span<const int> found, std::span<const int> relevant) {
  if (relevant.empty()) return 0;
  const auto first = found.first(std::min(found.size(), k));
  const auto count = std::count_if(first.begin(), first.end(), [](int grade) { return grade > 0; });
  return static_cast<double>(count) / static_cast<double>(relevant.size());
}

double reciprocal_rank(std::span<const int> found) {
  const auto first = std::find_if(found.begin(), found.end(), [](int grade) { return grade > 0; });
  return first == found.end() ? 0 : 1.0 / static_cast<double>(first - found.begin() + 1);
}

double ndcg_at(std::size_t k, std::span<const int> found, std::span<const int> relevant) {
  std::vector<int> ideal(relevant.begin(), relevant.end());
  std::sort(ideal.begin(), ideal.end(), std::greater());
  const double most = gain(ideal, k);
  return most > 0 ? gain(found, k) / most : 0;
}

}  // namespace tandem
