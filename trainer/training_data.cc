#include "trainer/training_data.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "generator/abstention.h"
#include "retriever/passage_text.h"
#include "trainer/answer_metrics.h"
#include "trainer/epoch_order.h"
#include "trainer/random_draws.h"
#include "trainer/served_prompt.h"

namespace tandem {
namespace {

// What is drawn for a question: each has random numbers of its own, in each epoch.
enum class Draw : std::uint64_t { kPassages, kAnswer, kTogether, kAbstention, kNegatives };

std::mt19937_64 random_of(const BatchOptions& options, Draw draw, std::size_t place,
                          std::uint64_t epoch) {
  return random_numbers(options.seed + static_cast<std::uint64_t>(draw), 1 + place, epoch);
}

bool drawn(std::mt19937_64 random, double share) {
  return static_cast<double>(random() >> 11) * 0x1p-53 < share;
}

bool is_share(double value) {
  return value >= 0 && value <= 1;
}

// Where it is known what is right, the generator has something to read and the retriever something
// to learn: one that was not retrieved comes last.
void put_positive(const Question& question, std::size_t count, std::mt19937_64& random,
                  std::vector<std::uint32_t>& passages) {
  const auto is_right = [&](std::uint32_t passage) { return question.has_positive(passage); };
  if (question.positives.empty() || std::any_of(passages.begin(), passages.end(), is_right)) return;
  const auto right =
      static_cast<std::uint32_t>(question.positives[random() % question.positives.size()]);
  if (passages.size() < count)
    passages.push_back(right);
  else
    passages.back() = right;
}

}  // namespace

TrainingData::TrainingData(const Corpus& corpus, std::span<const Question> questions,
                           const Encoder& encoder, const Generator* generator,
                           const BatchOptions& options)
    : corpus_(corpus), generator_(generator), options_(options) {
  if (options.batch_size < 1 || options.passages < 1 || options.passage_tokens < 1)
    throw Error(ErrorCode::kInvalidArgument,
                "a batch needs questions, and each of them passages with tokens");
  if (!is_share(options.together_share) || !is_share(options.abstention_share))
    throw Error(ErrorCode::kInvalidArgument, "a share of the questions is from 0 to 1");
  if (options.leave_one_out && options.passages < 2)
    throw Error(ErrorCode::kInvalidArgument,
                "to leave one passage out, a question needs at least two");
  options_.pool = std::max(options.pool, options.passages);
  bool any = false;
  for (const Question& question : questions) {
    const bool right =
        generator != nullptr ? !question.answers.empty() : !question.positives.empty();
    any = any || right;
    const bool abstains =
        generator != nullptr && options.generator_learns && !question.is_answerable();
    if (right || abstains) questions_.push_back(&question);
  }
  if (!any)
    throw Error(ErrorCode::kInvalidArgument,
                generator != nullptr ? "no question has an answer to learn"
                                     : "no question has a passage that is known to be right",
                "give questions with \"answers\" and, to train the retriever alone, \"positives\"");
  if (generator != nullptr) require_end_of_turn(*generator);
  for (const TrainingPassage& passage : corpus.passages)
    passage_tokens_.push_back(
        encoder.tokens_of(embedding_text(to_passage(passage)), TextKind::kPassage));
  for (const Question* question : questions_)
    query_tokens_.push_back(encoder.tokens_of(question->text, TextKind::kQuery));
}

void TrainingData::keep(std::span<const std::size_t> places) {
  const auto pick = [&](auto& from) {
    std::remove_reference_t<decltype(from)> kept;
    for (const std::size_t place : places) kept.push_back(std::move(from.at(place)));
    from = std::move(kept);
  };
  pick(questions_);
  pick(query_tokens_);
  if (!retrieved_.empty()) pick(retrieved_);
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
                                                         std::uint64_t epoch) const {
  std::vector<std::uint32_t> pool = retrieved_[place];
  if (pool.size() > options_.pool) pool.resize(options_.pool);
  const std::size_t kept = std::min(pool.size(), (options_.passages + 1) / 2);
  std::vector<std::uint32_t> rest(pool.begin() + static_cast<std::ptrdiff_t>(kept), pool.end());
  auto random = random_of(options_, Draw::kPassages, place, epoch);
  shuffle(rest, random);
  pool.resize(kept);
  for (const std::uint32_t passage : rest)
    if (pool.size() < options_.passages) pool.push_back(passage);
  put_positive(*questions_[place], options_.passages, random, pool);
  return pool;
}

std::vector<std::uint32_t> TrainingData::best_passages(std::size_t place,
                                                       std::uint64_t epoch) const {
  std::vector<std::uint32_t> best = retrieved_[place];
  best.resize(std::min(best.size(), options_.passages));
  auto random = random_of(options_, Draw::kPassages, place, epoch);
  put_positive(*questions_[place], options_.passages, random, best);
  return best;
}

std::vector<std::uint32_t> TrainingData::passages_without_answer(std::size_t place,
                                                                 std::size_t count) const {
  const Question& question = *questions_[place];
  std::vector<std::uint32_t> passages;
  for (const std::uint32_t passage : retrieved_[place]) {
    if (passages.size() == count) break;
    // A passage that nobody marked may hold the answer too.
    if (!question.has_positive(passage) &&
        !holds_answer(corpus_.passages[passage].text, question.answers))
      passages.push_back(passage);
  }
  return passages;
}

std::vector<TokenId> TrainingData::prompt(const Question& question,
                                          std::span<const std::uint32_t> passages) const {
  return served_prompt(*generator_, corpus_, question.text, passages, options_.passage_tokens);
}

void TrainingData::add_negatives(std::size_t place, std::uint64_t epoch,
                                 TrainingQuestion& question) const {
  std::vector<std::size_t> negatives = questions_[place]->negatives;
  auto random = random_of(options_, Draw::kNegatives, place, epoch);
  shuffle(negatives, random);
  negatives.resize(std::min(negatives.size(), options_.negatives));
  for (const std::size_t negative : negatives) {
    question.negatives.push_back(passage_tokens_[negative]);
    question.negative_ids.push_back(negative);
  }
}

TrainingQuestion TrainingData::read_alone(std::size_t place) const {
  const Question& from = *questions_[place];
  std::vector<std::uint32_t> found = retrieved_[place];
  // Not retrieved, it is worse than those that were.
  for (const std::size_t positive : from.positives)
    found.push_back(static_cast<std::uint32_t>(positive));
  const auto right = std::find_if(found.begin(), found.end(), [&](std::uint32_t passage) {
    return from.has_positive(passage);
  });
  TrainingQuestion question;
  question.id = from.id;
  const std::uint32_t passage = right == found.end() ? found.front() : *right;
  question.together = prompt(from, {&passage, 1});
  question.answer =
      answer_turn(*generator_, from.answers.empty() ? kAbstention : from.answers.front());
  return question;
}

TrainingQuestion TrainingData::joint_question(std::size_t place, std::uint64_t epoch) const {
  const Question& from = *questions_[place];
  TrainingQuestion question;
  question.id = from.id;
  question.query = query_tokens_[place];
  question.positive_ids.assign(from.positives.begin(), from.positives.end());
  const auto passages = choose_passages(place, epoch);
  for (std::size_t k = 0; k < passages.size(); ++k) {
    question.passages.push_back(passage_tokens_[passages[k]]);
    question.passage_ids.push_back(passages[k]);
    if (generator_ == nullptr) continue;
    std::vector<std::uint32_t> read = {passages[k]};
    if (options_.leave_one_out) {
      read = passages;
      read.erase(read.begin() + static_cast<std::ptrdiff_t>(k));
    }
    question.prompts.push_back(prompt(from, read));
  }
  if (options_.leave_one_out) question.together = prompt(from, passages);
  if (options_.retriever_learns) add_negatives(place, epoch, question);
  return question;
}

void TrainingData::add_answered(std::size_t place, std::uint64_t epoch,
                                std::vector<TrainingQuestion>& batch) const {
  const Question& from = *questions_[place];
  // Leaving passages out, all are read together anyway; where the retriever does not learn, only
  // so.
  const bool together =
      options_.generator_learns &&
      (options_.leave_one_out
           ? !options_.retriever_learns
           : drawn(random_of(options_, Draw::kTogether, place, epoch), options_.together_share));
  TrainingQuestion& question = batch.emplace_back();
  if (!together || options_.retriever_learns) question = joint_question(place, epoch);
  question.id = from.id;
  if (together) question.together = prompt(from, best_passages(place, epoch));
  auto random = random_of(options_, Draw::kAnswer, place, epoch);
  question.answer = answer_turn(*generator_, from.answers[random() % from.answers.size()]);
}

void TrainingData::add_abstention(std::size_t place, std::uint64_t epoch,
                                  std::vector<TrainingQuestion>& batch) const {
  const bool together =
      options_.leave_one_out ||
      drawn(random_of(options_, Draw::kTogether, place, epoch), options_.together_share);
  const auto passages = passages_without_answer(place, together ? options_.passages : 1);
  // All that was retrieved may hold the answer.
  if (passages.empty()) return;
  TrainingQuestion& question = batch.emplace_back();
  question.id = questions_[place]->id;
  question.together = prompt(*questions_[place], passages);
  question.answer = answer_turn(*generator_, kAbstention);
}

std::vector<TrainingQuestion> TrainingData::batch(std::size_t step) const {
  TANDEM_CHECK(retrieved_.size() == questions_.size());
  const std::size_t epoch = step / steps_per_epoch();
  std::vector<TrainingQuestion> batch;
  for (const std::size_t place : places(step)) {
    if (generator_ == nullptr) {
      batch.push_back(joint_question(place, epoch));
      continue;
    }
    const bool answered = !questions_[place]->answers.empty();
    if (answered) add_answered(place, epoch, batch);
    const bool abstains = !answered || (options_.generator_learns &&
                                        drawn(random_of(options_, Draw::kAbstention, place, epoch),
                                              options_.abstention_share));
    if (abstains) add_abstention(place, epoch, batch);
  }
  std::stable_partition(batch.begin(), batch.end(), [](const TrainingQuestion& question) {
    return !question.passages.empty();
  });
  return batch;
}

}  // namespace tandem
