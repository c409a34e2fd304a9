// Which joint loss is minimised, and how. The letters are those of trainer/torch/joint_loss.h.
#ifndef TANDEM_TRAINER_LOSS_OPTIONS_H_
#define TANDEM_TRAINER_LOSS_OPTIONS_H_

namespace tandem {

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
  // et al. 2022, section 2.2, leave-one-out perplexity distillation: a passage is useful by how
  // much the others lack it. The generator learns from all of them in one prompt.
  kLeaveOneOut,
};

// How the log-likelihoods of an answer's tokens become one. The papers sum, but for distillation,
// where a long answer's sums differ so much that q knows one passage only, and take the mean.
enum class AnswerLikelihood { kSum, kMean };

struct JointLossOptions {
  JointLossKind kind = JointLossKind::kRagSequence;
  AnswerLikelihood likelihood = AnswerLikelihood::kSum;
  double temperature = 1;       // T
  double generator_weight = 1;  // of the generator's own term, where there is one
};

}  // namespace tandem

#endif  // TANDEM_TRAINER_LOSS_OPTIONS_H_
