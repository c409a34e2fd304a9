#include "trainer/torch/answer_scores.h"

#include <algorithm>

#include "base/error.h"

namespace tandem::training {
namespace {

bool has_together(const TrainingQuestion& question) {
  return !question.together.empty();
}

// The token log-likelihoods of each question's `together` prompt, padded with the first of all.
void score_together(const TrainableDecoder& generator, std::span<const TrainingQuestion> questions,
                    ScoredAnswers& answers) {
  if (std::none_of(questions.begin(), questions.end(), has_together)) return;
  const auto count = static_cast<std::int64_t>(questions.size());
  const std::int64_t tokens = answers.token_mask.size(1);
  answers.together_mask = at::zeros({count}, at::kBool);
  const at::Tensor from = at::zeros({count, tokens}, at::kLong);
  std::vector<ScoredSequence> sequences;
  std::int64_t next = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const TrainingQuestion& question = questions[static_cast<std::size_t>(i)];
    if (!has_together(question)) continue;
    sequences.push_back({question.together, question.answer});
    const auto length = static_cast<std::int64_t>(question.answer.size());
    answers.together_mask[i] = true;
    from[i].narrow(0, 0, length).copy_(at::arange(next, next + length, at::kLong));
    next += length;
  }
  answers.together = at::index_select(generator.log_likelihoods(sequences), 0, from.flatten())
                         .view({count, tokens});
}

}  // namespace

ScoredAnswers score_answers(const TrainableDecoder& generator,
                            std::span<const TrainingQuestion> questions,
                            std::span<const std::vector<std::int64_t>> columns,
                            const at::Tensor& scores, JointLossKind loss) {
  const auto count = static_cast<std::int64_t>(questions.size());
  std::int64_t passages = 0;
  std::int64_t tokens = 0;
  std::vector<ScoredSequence> pairs;
  for (const TrainingQuestion& question : questions) {
    passages = std::max(passages, static_cast<std::int64_t>(question.prompts.size()));
    tokens = std::max(tokens, static_cast<std::int64_t>(question.answer.size()));
    for (const auto& prompt : question.prompts) pairs.push_back({prompt, question.answer});
  }

  // Rows of tokens of a pair, padded with the first of all, which the mask leaves out.
  ScoredAnswers answers;
  answers.passage_mask = at::zeros({count, passages}, at::kBool);
  answers.token_mask = at::zeros({count, tokens}, at::kBool);
  const at::Tensor from = at::zeros({count, passages, tokens}, at::kLong);
  const at::Tensor column = at::zeros({count, passages}, at::kLong);
  std::int64_t next = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const TrainingQuestion& question = questions[static_cast<std::size_t>(i)];
    const auto length = static_cast<std::int64_t>(question.answer.size());
    answers.token_mask[i].narrow(0, 0, length).fill_(true);
    for (std::int64_t k = 0; k < static_cast<std::int64_t>(question.prompts.size()); ++k) {
      answers.passage_mask[i][k] = true;
      column[i][k] = columns[static_cast<std::size_t>(i)][static_cast<std::size_t>(k)];
      from[i][k].narrow(0, 0, length).copy_(at::arange(next, next + length, at::kLong));
      next += length;
    }
  }
  answers.scores = scores.gather(1, column);
  score_together(generator, questions, answers);
  const auto score_pairs = [&] {
    return at::index_select(generator.log_likelihoods(pairs), 0, from.flatten())
        .view({count, passages, tokens});
  };
  if (loss == JointLossKind::kLeaveOneOut) {
    // They say how useful a passage is; what the generator learns from is `together`.
    TANDEM_CHECK(std::all_of(questions.begin(), questions.end(), has_together));
    const at::NoGradGuard no_grad;
    answers.without = score_pairs();
    answers.log_likelihoods = answers.without;
  } else {
    answers.log_likelihoods = score_pairs();
  }
  return answers;
}

at::Tensor together_loss(const TrainableDecoder& generator,
                         std::span<const TrainingQuestion> questions, AnswerLikelihood likelihood) {
  std::vector<ScoredSequence> sequences;
  std::vector<float> weights;  // of each token
  for (const TrainingQuestion& question : questions) {
    sequences.push_back({question.together, question.answer});
    const auto parts = likelihood == AnswerLikelihood::kSum
                           ? questions.size()
                           : questions.size() * question.answer.size();
    weights.insert(weights.end(), question.answer.size(), 1.0F / static_cast<float>(parts));
  }
  return -(generator.log_likelihoods(sequences) * at::tensor(weights)).sum();
}

std::int64_t tokens_to_score(const TrainingQuestion& question) {
  std::size_t tokens = 0;
  const auto add = [&](const std::vector<TokenId>& prompt) {
    // The last token of an answer predicts nothing that is scored.
    if (!prompt.empty()) tokens += prompt.size() + question.answer.size() - 1;
  };
  for (const auto& prompt : question.prompts) add(prompt);
  add(question.together);
  return static_cast<std::int64_t>(tokens);
}

}  // namespace tandem::training
