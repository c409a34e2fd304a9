#include "trainer/training_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "generator/prompt.h"
#include "retriever/passage_text.h"
#include "trainer/epoch_order.h"

namespace tandem {
TrainingData::TrainingData(const Corpus& corpus, std::span<const Question> questions,
                           const Encoder& encoder, const Generator* generator,
                           const BatchOptions& options)
    : corpus_(corpus), generator_(generator), options_(options) {
  if (options.batch_size < 1 || options.passages < 1 || options.passage_tokens < 1)
    throw Error(ErrorCode::kInvalidArgument,
                "a batch needs questions, and each of them passages with tokens");
  options_.pool = std::max(options.pool, options.passages);
  for (const Question& question : questions)
    if (generator != nullptr ? !question.answers.empty() : !question.positives.empty())
      questions_.push_back(&question);
  if (questions_.empty())
    throw Error(ErrorCode::kInvalidArgument,
                generator != nullptr ? "no question has an answer to learn"
                                     : "no question has a passage that is known to be right",
                "give questions with \"answers\" and, to train the retriever alone, \"positives\"");
  if (generator != nullptr && !generator->end_of_turn())
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} names no token that ends a turn", generator->name()),
                "choose an instruction-tuned model");
  for (const TrainingPassage& passage : corpus.passages)
    passage_tokens_.push_back(
        encoder.tokens_of(embedding_text(to_passage(passage)), TextKind::kPassage));
  for (const Question* question : questions_)
    query_tokens_.push_back(encoder.tokens_of(question->text, TextKind::kQuery));
}

void TrainingData::set_retrieved(RetrievedPassages retrieved) {
  TANDEM_CHECK(retrieved.size() == questions_.size());
  retrieved_ = std::move(retrieved);
}

std::size_t TrainingData::steps_per_epoch() const {
  return (questions_.size() + options_.batch_size - 1) / options_.batch_size;
}

std::vector<std::size_t> TrainingData::places(std::size_t step) const {
  return places_of_step(questions_.size(), options_.batch_size, step, options_.seed);
}

std::vector<std::uint32_t> TrainingData::choose_passages(std::size_t place,
                                                         std::uint64_t draw) const {
  std::vector<std::uint32_t> pool = retrieved_[place];
  if (pool.size() > options_.pool) pool.resize(options_.pool);
  const std::size_t kept = std::min(pool.size(), (options_.passages + 1) / 2);
  std::vector<std::uint32_t> rest(pool.begin() + static_cast<std::ptrdiff_t>(kept), pool.end());
  auto random = random_numbers(options_.seed, 1 + place, draw);
  shuffle(rest, random);
  pool.resize(kept);
  for (const std::uint32_t passage : rest)
    if (pool.size() < options_.passages) pool.push_back(passage);
  // Where it is known what is right, the generator has something to read and the retriever
  // something to learn.
  const auto& positives = questions_[place]->positives;
  const auto is_positive = [&](std::uint32_t passage) {
    return std::binary_search(positives.begin(), positives.end(), passage);
  };
  if (!positives.empty() && std::none_of(pool.begin(), pool.end(), is_positive)) {
    const auto right = static_cast<std::uint32_t>(positives[random() % positives.size()]);
    if (pool.size() < options_.passages)
      pool.push_back(right);
    else
      pool.back() = right;
  }
  return pool;
}

std::vector<TokenId> TrainingData::prompt(const Question& question, std::uint32_t passage) const {
  Hit hit;
  hit.passage = to_passage(corpus_.passages[passage]);
  const Tokenizer& tokenizer = generator_->tokenizer();
  std::vector<TokenId> tokens = tokenizer.encode(hit.passage.text);
  const auto limit = static_cast<std::size_t>(options_.passage_tokens);
  if (tokens.size() > limit) hit.passage.text = tokenizer.decode(std::span(tokens).first(limit));
  const ChatMessage message = {"user", question.text};
  return generator_->render(with_passages({&message, 1}, {&hit, 1})).tokens;
}

std::vector<TrainingQuestion> TrainingData::batch(std::size_t step) const {
  TANDEM_CHECK(retrieved_.size() == questions_.size());
  const std::size_t epoch = step / steps_per_epoch();
  std::vector<TrainingQuestion> batch;
  for (const std::size_t place : places(step)) {
    const Question& from = *questions_[place];
    TrainingQuestion& question = batch.emplace_back();
    question.query = query_tokens_[place];
    question.positive_ids.assign(from.positives.begin(), from.positives.end());
    for (const std::uint32_t passage : choose_passages(place, epoch)) {
      question.passages.push_back(passage_tokens_[passage]);
      question.passage_ids.push_back(passage);
      if (generator_ != nullptr) question.prompts.push_back(prompt(from, passage));
    }
    if (generator_ == nullptr) continue;
    auto random = random_numbers(options_.seed + 1, 1 + place, epoch);
    question.answer = generator_->tokenizer().encode(from.answers[random() % from.answers.size()]);
    question.answer.push_back(*generator_->end_of_turn());
  }
  return batch;
}

std::vector<std::string> TrainingData::batch_ids(std::size_t step) const {
  std::vector<std::string> ids;
  for (const std::size_t place : places(step)) ids.push_back(questions_[place]->id);
  return ids;
}

}  // namespace tandem
