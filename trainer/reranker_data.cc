#include "trainer/reranker_data.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "retriever/passage_text.h"
#include "trainer/epoch_order.h"

namespace tandem {
RerankerData::RerankerData(const Corpus& corpus, std::span<const Question> questions,
                           const Tokenizer& tokenizer, const PairLayout& layout,
                           const RerankerBatches& options)
    : layout_(layout), options_(options) {
  if (options.batch_size < 1 || options.negatives < 1)
    throw Error(ErrorCode::kInvalidArgument,
                "a batch needs questions, and each of them a passage that is not right");
  for (const Question& question : questions)
    if (!question.positives.empty() && question.positives.size() < corpus.passages.size())
      questions_.push_back(&question);
  if (questions_.empty())
    throw Error(ErrorCode::kInvalidArgument,
                "no question has a passage that is known to be right beside others that are not",
                "give questions with \"positives\", the ids of passages");
  for (const TrainingPassage& passage : corpus.passages)
    passage_tokens_.push_back(tokenizer.encode(embedding_text(to_passage(passage))));
  for (const Question* const question : questions_)
    question_tokens_.push_back(tokenizer.encode(question->text));
}

void RerankerData::set_retrieved(std::vector<std::vector<std::uint32_t>> retrieved) {
  TANDEM_CHECK(retrieved.size() == questions_.size());
  negatives_ = std::move(retrieved);
  for (std::size_t i = 0; i < negatives_.size(); ++i)
    std::erase_if(negatives_[i],
                  [&](std::uint32_t passage) { return questions_[i]->has_positive(passage); });
}

std::size_t RerankerData::steps_per_epoch() const {
  return (questions_.size() + options_.batch_size - 1) / options_.batch_size;
}

std::vector<std::size_t> RerankerData::places(std::size_t step) const {
  return places_of_step(questions_.size(), options_.batch_size, step, options_.seed);
}

RankedPairs RerankerData::pairs(std::size_t place, std::uint64_t epoch) const {
  const Question& question = *questions_[place];
  auto random = random_numbers(options_.seed, 1 + place, epoch);
  std::vector<std::uint32_t> chosen = negatives_[place];
  shuffle(chosen, random);
  if (chosen.size() > options_.negatives) chosen.resize(options_.negatives);
  while (chosen.size() < options_.negatives) {
    const auto passage = static_cast<std::uint32_t>(random() % passage_tokens_.size());
    if (!question.has_positive(passage)) chosen.push_back(passage);
  }
  const std::size_t right = question.positives[random() % question.positives.size()];
  chosen.insert(chosen.begin(), static_cast<std::uint32_t>(right));
  RankedPairs pairs;
  for (const std::uint32_t passage : chosen)
    pairs.push_back(layout_.join(question_tokens_[place], passage_tokens_[passage]));
  return pairs;
}

std::vector<RankedPairs> RerankerData::batch(std::size_t step) const {
  TANDEM_CHECK(negatives_.size() == questions_.size());
  std::vector<RankedPairs> batch;
  for (const std::size_t place : places(step))
    batch.push_back(pairs(place, step / steps_per_epoch()));
  return batch;
}

std::vector<std::string> RerankerData::batch_ids(std::size_t step) const {
  std::vector<std::string> ids;
  for (const std::size_t place : places(step)) ids.push_back(questions_[place]->id);
  return ids;
}

}  // namespace tandem
