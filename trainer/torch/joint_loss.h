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
#ifndef TANDEM_TRAINER_TORCH_JOINT_LOSS_H_
#define TANDEM_TRAINER_TORCH_JOINT_LOSS_H_

#include <ATen/core/Tensor.h>

#include <memory>

#include "trainer/loss_options.h"

namespace tandem {

// A micro-batch. Questions may have fewer passages and answers fewer tokens than the others: what
// the masks leave out takes no part, and gets no gradient.
struct ScoredAnswers {
  at::Tensor scores;           // s: [questions, passages]
  at::Tensor log_likelihoods;  // l: [questions, passages, tokens]
  at::Tensor passage_mask;     // [questions, passages], bool; at least one of each question
  at::Tensor token_mask;       // [questions, tokens], bool; at least one of each question
  // Of the answer with several passages in one prompt, [questions, tokens], and of which questions
  // it was scored, [questions], bool. Where it was, the generator learns from it: in place of
  // single passages, taken as often as the retriever would choose them (the sum of -p_k L_k, p
  // without gradient), where the loss has a term for the generator alone; beside them where the
  // loss is a marginal. Both undefined: nowhere.
  at::Tensor together;
  at::Tensor together_mask;
  // Of the answer with all passages but the k-th in one prompt, [questions, passages, tokens]. Only
  // for leave-one-out.
  at::Tensor without;
};

struct JointLossValue {
  at::Tensor total;  // a scalar, the mean over the questions
  // Of its parts, for the record; without gradient. A marginal loss is not in parts: the
  // generator's is that of `together`, the retriever's 0.
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

#endif  // TANDEM_TRAINER_TORCH_JOINT_LOSS_H_
