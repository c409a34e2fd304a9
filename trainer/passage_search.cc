#include "trainer/passage_search.h"

#include <faiss/utils/distances.h>

#include <algorithm>
#include <array>
#include <limits>
#include <thread>

#include "base/error.h"
#include "model/threads.h"
#include "retriever/top_passages.h"

namespace tandem {
namespace {

// Passages that stay in the processor's cache while all questions of a thread pass by: 384 KiB of
// 384 dimensions.
constexpr std::size_t kBlock = 256;

void search_some(std::span<const float> passages, std::span<const float> queries,
                 std::size_t dimension, std::size_t k, std::span<std::vector<FoundPassage>> found) {
  const std::size_t count = passages.size() / dimension;
  std::vector<TopPassages> best(found.size(), TopPassages(k));
  // Row by row instead of by a product of matrices, which rounds by the place in the matrix: equal
  // passages would differ.
  std::array<float, kBlock> scores;
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t size = std::min(kBlock, count - begin);
    for (std::size_t i = 0; i < found.size(); ++i) {
      faiss::fvec_inner_products_ny(scores.data(), &queries[i * dimension],
                                    &passages[begin * dimension], dimension, size);
      for (std::size_t row = 0; row < size; ++row) best[i].offer(begin + row, scores[row]);
    }
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const ScoredPassage& passage : best[i].take())
      found[i].push_back({static_cast<std::size_t>(passage.id), passage.score});
  }
}

}  // namespace

std::vector<std::vector<FoundPassage>> search_passages(std::span<const float> passages,
                                                       std::span<const float> queries,
                                                       std::size_t dimension, std::size_t k) {
  TANDEM_CHECK(dimension > 0 && passages.size() % dimension == 0 &&
               queries.size() % dimension == 0);
  std::vector<std::vector<FoundPassage>> found(queries.size() / dimension);
  const auto threads = static_cast<std::size_t>(compute_threads());
  const std::size_t share = (found.size() + threads - 1) / threads;
  std::vector<std::jthread> team;
  for (std::size_t begin = 0; begin < found.size(); begin += share) {
    const std::size_t size = std::min(share, found.size() - begin);
    team.emplace_back([=, &found] {
      search_some(passages, queries.subspan(begin * dimension, size * dimension), dimension, k,
                  std::span(found).subspan(begin, size));
    });
  }
  team.clear();  // joins
  return found;
}

std::vector<std::vector<FoundPassage>> search_passages(WorkerGroup& workers,
                                                       std::span<const float> own,
                                                       std::size_t first,
                                                       std::span<const float> queries,
                                                       std::size_t dimension, std::size_t k) {
  std::vector<std::vector<FoundPassage>> found = search_passages(own, queries, dimension, k);
  // Rows of k; where a worker has fewer passages, what fills them up is never taken.
  std::vector<FoundPassage> rows(found.size() * k,
                                 {.index = 0, .score = std::numeric_limits<float>::quiet_NaN()});
  for (std::size_t i = 0; i < found.size(); ++i)
    for (std::size_t j = 0; j < found[i].size(); ++j)
      rows[i * k + j] = {found[i][j].index + first, found[i][j].score};
  const auto all = gather_numbers<FoundPassage>(workers, rows);
  for (std::size_t i = 0; i < found.size(); ++i) {
    TopPassages best(k);
    for (std::size_t row = i * k; row < all.size(); row += rows.size())
      for (std::size_t j = row; j < row + k; ++j) best.offer(all[j].index, all[j].score);
    found[i].clear();
    for (const ScoredPassage& passage : best.take())
      found[i].push_back({static_cast<std::size_t>(passage.id), passage.score});
  }
  return found;
}

}  // namespace tandem
