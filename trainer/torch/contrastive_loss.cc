#include "trainer/torch/contrastive_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/logsumexp.h>

#include "base/error.h"

namespace tandem {
namespace {

// Instead of -inf, whose difference from itself has no gradient: a question whose candidates are
// all positives has no negatives.
constexpr double kNever = -1e9;

}  // namespace

at::Tensor contrastive_loss(const at::Tensor& scores, const at::Tensor& positives,
                            const at::Tensor& ignored) {
  TANDEM_CHECK(scores.dim() == 2 && positives.sizes() == scores.sizes() &&
               ignored.sizes() == scores.sizes());
  const at::Tensor right = positives & ~ignored;
  const at::Tensor negatives =
      at::logsumexp(scores.masked_fill(positives | ignored, kNever), -1, /*keepdim=*/true);
  const at::Tensor losses = at::logaddexp(scores, negatives) - scores;
  const at::Tensor counts = right.sum(-1).to(scores.scalar_type());
  return (losses.masked_fill(~right, 0).sum(-1) / counts).mean();
}

}  // namespace tandem
