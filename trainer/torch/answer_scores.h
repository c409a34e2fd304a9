// How likely the generator finds the answers of questions, as the joint loss takes it.
#ifndef TANDEM_TRAINER_TORCH_ANSWER_SCORES_H_
#define TANDEM_TRAINER_TORCH_ANSWER_SCORES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/torch/joint_loss.h"
#include "trainer/torch/trainable_decoder.h"

namespace tandem::training {

// Of questions with passages, in one or two forward passes. `scores` [questions, candidates] are
// the retriever's, and `columns` say for each question which of them are those of its passages.
ScoredAnswers score_answers(const TrainableDecoder& generator,
                            std::span<const TrainingQuestion> questions,
                            std::span<const std::vector<std::int64_t>> columns,
                            const at::Tensor& scores, JointLossKind loss);

// The mean over the questions of -L after their `together` prompts: a scalar.
at::Tensor together_loss(const TrainableDecoder& generator,
                         std::span<const TrainingQuestion> questions, AnswerLikelihood likelihood);

// Tokens that the generator reads for a question.
std::int64_t tokens_to_score(const TrainingQuestion& question);

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_ANSWER_SCORES_H_
