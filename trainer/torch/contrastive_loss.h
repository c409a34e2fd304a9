// What teaches a retriever where the right passages are known: InfoNCE (van den Oord et al. 2018,
// arXiv:1807.03748) with the passages of other questions as negatives (Karpukhin et al. 2020,
// arXiv:2004.04906).
#ifndef TANDEM_TRAINER_TORCH_CONTRASTIVE_LOSS_H_
#define TANDEM_TRAINER_TORCH_CONTRASTIVE_LOSS_H_

#include <ATen/core/Tensor.h>

namespace tandem {

// `scores` [questions, candidates] are divided by the temperature already. `positives`, bool of the
// same shape, says which candidates are right, at least one of each question; `ignored`, likewise,
// which take no part: passages that may be right as well (other paragraphs of the answer's
// document, an unlabelled one that holds the answer). Each positive is held against all negatives
// of its question but not against its other positives:
//
//   -log( exp s_p / (exp s_p + sum over negatives n of exp s_n) )
//
// and the mean over a question's positives, then over the questions, is returned: a scalar.
at::Tensor contrastive_loss(const at::Tensor& scores, const at::Tensor& positives,
                            const at::Tensor& ignored);

}  // namespace tandem

#endif  // TANDEM_TRAINER_TORCH_CONTRASTIVE_LOSS_H_
