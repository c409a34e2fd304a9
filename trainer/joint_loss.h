// What joint training minimises: out of how a retriever scored passages and how likely a generator
// found the answer with each of them, one number that teaches both.
//
//   s_k     the score of passage k for its question, divided by the retriever's temperature
//   p_k     softmax of s over the passages of the question
//   l_k,t   log-likelihood of answer token t given question, passage k and the answer before t
//   L_k     of the whole answer: the sum or the mean of l_k,t over t
//   q_k     the passages that the generator found useful, as a distribution; without gradient
//
// Scores are those of the networks themselves. What an index answers carries no gradient and may be
// of an older encoder; it may choose passages, but not score them here.
#ifndef TANDEM_TRAINER_JOINT_LOSS_H_
#define TANDEM_TRAINER_JOINT_LOSS_H_

#include <ATen/core/Tensor.h>

#include <memory>

namespace tandem {

// A micro-batch. Questions may have fewer passages and answers fewer tokens than the others: what
// the masks leave out takes no part, and gets no gradient.
struct ScoredAnswers {
  at::Tensor scores;           // s: [questions, passages]
  at::Tensor log_likelihoods;  // l: [questions, passages, tokens]
  at::Tensor passage_mask;     // [questions, passages], bool; at least one of each question
  at::Tensor token_mask;       // [questions, tokens], bool; at least one of each question
  // Of the answer with all passages in one prompt, [questions, tokens]: what the generator learns
  // from where the loss has a term for it alone. Undefined: from single passages, as often as the
  // retriever would choose them (the sum of -p_k L_k, p without gradient).
  at::Tensor together;
  // Of the answer with all passages but the k-th in one prompt, [questions, passages, tokens]. Only
  // for leave-one-out.
  at::Tensor without;
};

enum class JointLossKind {
  // -log sum_k p_k exp(L_k). Lewis et al. 2020, arXiv:2005.11401, RAG-Sequence.
  kRagSequence,
  // -sum_t log sum_k p_k exp(l_k,t). The same, RAG-Token.
  kRagToken,
  // -log sum_k p_k exp(L_k), L without gradient, for the retriever. Sachan et al. 2021,
  // arXiv:2106.05346 (EMDR2).
  kEmdr2,
  // KL(q || p) with q = softmax(L / T), for the retriever. Izacard et al. 2022, arXiv:2208.03299,
  // section 2.2, perplexity distillation.
  kPerplexityDistillation,
  // KL(p || q), q as before: the other direction. Shi et al. 2023, arXiv:2301.12652, section 4
  // (REPLUG LSR).
  kReplug,
  // KL(q || p) with q = softmax(-L of the answer without passage k / T), for the retriever. Izacard
  // et al. 2022, section 2.2, leave-one-out perplexity distillation.
  kLeaveOneOut,
};

// How the log-likelihoods of an answer's tokens become one. The papers sum, but for distillation,
// where a long answer's sums differ so much that q knows one passage only, and take the mean.
enum class AnswerLikelihood { kSum, kMean };

struct JointLossOptions {
  JointLossKind kind = JointLossKind::kRagSequence;
  AnswerLikelihood likelihood = AnswerLikelihood::kSum;
  double temperature = 1;       // T
  double generator_weight = 1;  // of the generator's own term, for the kinds that have one
};

struct JointLossValue {
  at::Tensor total;  // a scalar, the mean over the questions
  // Of its parts, for the record; without gradient. A marginal loss has no parts: both are 0.
  double generator = 0;
  double retriever = 0;
};

// Immutable; safe from any thread.
class JointLoss {
 public:
  virtual ~JointLoss() = default;
  virtual JointLossValue compute(const ScoredAnswers& answers) const = 0;
};

// Throws kInvalidArgument unless the temperature is positive and the weight not negative.
std::unique_ptr<JointLoss> make_joint_loss(const JointLossOptions& options);

}  // namespace tandem

#endif  // TANDEM_TRAINER_JOINT_LOSS_H_
