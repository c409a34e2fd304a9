#include "retriever/token_batches.h"

#include <algorithm>
#include <numeric>

namespace tandem {
namespace {

constexpr std::size_t kTokensPerBatch = 2048;

}  // namespace

std::vector<std::vector<std::size_t>> batches_by_length(std::span<const std::size_t> lengths) {
  std::vector<std::size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return lengths[a] > lengths[b]; });
  std::vector<std::vector<std::size_t>> batches;
  std::size_t tokens = 0;
  for (const std::size_t place : order) {
    if (batches.empty() || tokens + lengths[place] > kTokensPerBatch) {
      batches.emplace_back();
      tokens = 0;
    }
    batches.back().push_back(place);
    tokens += lengths[place];
  }
  return batches;
}

}  // namespace tandem
