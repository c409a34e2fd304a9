#include "trainer/torch/joint_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <limits>

#include "base/error.h"

namespace tandem {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

void check(const ScoredAnswers& answers) {
  TANDEM_CHECK(answers.scores.dim() == 2 && answers.log_likelihoods.dim() == 3);
  const auto questions = answers.scores.size(0);
  const auto passages = answers.scores.size(1);
  const auto tokens = answers.log_likelihoods.size(2);
  TANDEM_CHECK(answers.log_likelihoods.size(0) == questions &&
               answers.log_likelihoods.size(1) == passages);
  TANDEM_CHECK(answers.passage_mask.sizes() == answers.scores.sizes());
  TANDEM_CHECK(answers.token_mask.dim() == 2 && answers.token_mask.size(0) == questions &&
               answers.token_mask.size(1) == tokens);
  TANDEM_CHECK(answers.together.defined() == answers.together_mask.defined());
  TANDEM_CHECK(!answers.together.defined() ||
               (answers.together.sizes() == answers.token_mask.sizes() &&
                answers.together_mask.dim() == 1 && answers.together_mask.size(0) == questions));
}

// log p: [questions, passages].
at::Tensor log_retrieved(const ScoredAnswers& answers) {
  return at::log_softmax(answers.scores.masked_fill(~answers.passage_mask, kNever), -1);
}

// The log-likelihoods [questions, ..., tokens] of tokens, 0 for those that do not count.
at::Tensor counted(const at::Tensor& tokens, const at::Tensor& mask) {
  const at::Tensor counts = tokens.dim() == 3 ? mask.unsqueeze(1) : mask;
  return tokens.masked_fill(~counts, 0);
}

// L, of what counted() gave: [questions, ...].
at::Tensor whole(const at::Tensor& tokens, const at::Tensor& mask, AnswerLikelihood likelihood) {
  const at::Tensor sum = counted(tokens, mask).sum(-1);
  if (likelihood == AnswerLikelihood::kSum) return sum;
  const at::Tensor lengths = mask.sum(-1).to(sum.scalar_type());
  return sum / (sum.dim() == 2 ? lengths.unsqueeze(1) : lengths);
}

// KL(from || to) of distributions over passages, by question, given as logarithms: [questions].
// Passages that are left out have -inf in both, which would make NaN of 0 * (-inf + inf).
at::Tensor divergence(const at::Tensor& log_from, const at::Tensor& log_to,
                      const at::Tensor& passage_mask) {
  const at::Tensor from = log_from.masked_fill(~passage_mask, 0);
  const at::Tensor to = log_to.masked_fill(~passage_mask, 0);
  return (from.exp() * (from - to)).masked_fill(~passage_mask, 0).sum(-1);
}

// -L with several passages in one prompt where it was scored, `otherwise` where not: [questions].
at::Tensor together_term(const ScoredAnswers& answers, AnswerLikelihood likelihood,
                         const at::Tensor& otherwise) {
  if (!answers.together.defined()) return otherwise;
  return at::where(answers.together_mask, -whole(answers.together, answers.token_mask, likelihood),
                   otherwise);
}

class Marginal final : public JointLoss {
 public:
  explicit Marginal(const JointLossOptions& options) : options_(options) {}

  JointLossValue compute(const ScoredAnswers& answers) const override {
    check(answers);
    const at::Tensor marginal = -log_marginal(answers).mean();
    if (!answers.together.defined()) return {marginal};
    const at::Tensor generator =
        together_term(answers, options_.likelihood, at::zeros({1}, marginal.options())).mean();
    return {marginal + options_.generator_weight * generator, generator.item<double>()};
  }

 private:
  at::Tensor log_marginal(const ScoredAnswers& answers) const {
    const at::Tensor log_p = log_retrieved(answers);
    if (options_.kind == JointLossKind::kRagSequence) {
      const at::Tensor likelihoods =
          whole(answers.log_likelihoods, answers.token_mask, options_.likelihood);
      return at::logsumexp(log_p + likelihoods, -1);
    }
    const at::Tensor tokens = counted(answers.log_likelihoods, answers.token_mask);
    // A token that does not count has the likelihood 1 under every passage, and so under all.
    const at::Tensor all = at::logsumexp(log_p.unsqueeze(-1) + tokens, 1);
    return whole(all, answers.token_mask, options_.likelihood);
  }

  const JointLossOptions options_;
};

// A term for the generator alone and one for the retriever alone.
class TwoTerms final : public JointLoss {
 public:
  explicit TwoTerms(const JointLossOptions& options) : options_(options) {}

  JointLossValue compute(const ScoredAnswers& answers) const override {
    check(answers);
    const at::Tensor log_p = log_retrieved(answers);
    const at::Tensor likelihoods =
        whole(answers.log_likelihoods, answers.token_mask, options_.likelihood);
    const at::Tensor retriever = retriever_term(answers, log_p, likelihoods.detach()).mean();
    const at::Tensor generator = generator_term(answers, log_p.detach(), likelihoods).mean();
    return {retriever + options_.generator_weight * generator, generator.item<double>(),
            retriever.item<double>()};
  }

 private:
  at::Tensor generator_term(const ScoredAnswers& answers, const at::Tensor& log_p,
                            const at::Tensor& likelihoods) const {
    return together_term(answers, options_.likelihood, -(log_p.exp() * likelihoods).sum(-1));
  }

  at::Tensor retriever_term(const ScoredAnswers& answers, const at::Tensor& log_p,
                            const at::Tensor& likelihoods) const {
    const at::Tensor& mask = answers.passage_mask;
    switch (options_.kind) {
      case JointLossKind::kEmdr2:
        return -at::logsumexp(log_p + likelihoods, -1);
      case JointLossKind::kPerplexityDistillation:
        return divergence(useful(likelihoods, mask), log_p, mask);
      case JointLossKind::kReplug:
        return divergence(log_p, useful(likelihoods, mask), mask);
      case JointLossKind::kLeaveOneOut: {
        TANDEM_CHECK(answers.without.defined() &&
                     answers.without.sizes() == answers.log_likelihoods.sizes());
        const at::Tensor left =
            whole(answers.without, answers.token_mask, options_.likelihood).detach();
        return divergence(useful(-left, mask), log_p, mask);
      }
      case JointLossKind::kRagSequence:
      case JointLossKind::kRagToken:
        break;
    }
    TANDEM_CHECK(false);
    return {};
  }

  // log q: [questions, passages].
  at::Tensor useful(const at::Tensor& usefulness, const at::Tensor& mask) const {
    return at::log_softmax((usefulness / options_.temperature).masked_fill(~mask, kNever), -1);
  }

  const JointLossOptions options_;
};

}  // namespace

std::unique_ptr<JointLoss> make_joint_loss(const JointLossOptions& options) {
  if (!(options.temperature > 0))
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("the temperature of the loss is {}, which must be above 0",
                            options.temperature));
  if (!(options.generator_weight >= 0))
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("the weight of the generator's term is {}, which must not be below 0",
                            options.generator_weight));
  const bool marginal =
      options.kind == JointLossKind::kRagSequence || options.kind == JointLossKind::kRagToken;
  if (marginal) return std::make_unique<Marginal>(options);
  return std::make_unique<TwoTerms>(options);
}

}  // namespace tandem
