#include "trainer/useful_questions.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "trainer/random_draws.h"

namespace tandem {
namespace {

std::size_t count_of(std::size_t size, double share) {
  const auto count = static_cast<std::size_t>(std::llround(share * static_cast<double>(size)));
  return std::clamp<std::size_t>(count, 1, std::max<std::size_t>(size, 1));
}

double loss_of(const TrainingData& data, std::size_t place, const DataVectors& vectors,
               double temperature) {
  const auto width = static_cast<std::ptrdiff_t>(vectors.dimension);
  const auto score = [&](std::size_t passage) {
    const float* const query = vectors.queries.data() + static_cast<std::ptrdiff_t>(place) * width;
    const float* const text =
        vectors.passages.data() + static_cast<std::ptrdiff_t>(passage) * width;
    return std::inner_product(query, query + width, text, 0.0) / temperature;
  };
  const Question& question = data.question(place);
  std::vector<double> right;
  std::vector<double> others;
  for (const std::size_t positive : question.positives) right.push_back(score(positive));
  for (const std::uint32_t passage : data.retrieved()[place])
    if (!question.has_positive(passage)) others.push_back(score(passage));
  return retrieval_loss(right, others);
}

std::vector<std::size_t> by_loss(const TrainingData& data, const DataVectors& vectors,
                                 double temperature, double share, std::uint64_t seed) {
  std::vector<std::size_t> ranked;
  std::vector<std::size_t> others;
  std::vector<double> losses;
  for (std::size_t place = 0; place < data.question_count(); ++place) {
    if (data.question(place).positives.empty()) {
      others.push_back(place);
      continue;
    }
    ranked.push_back(place);
    losses.push_back(loss_of(data, place, vectors, temperature));
  }
  std::vector<std::size_t> places;
  for (const std::size_t i : highest_places(losses, count_of(ranked.size(), share)))
    places.push_back(ranked[i]);
  if (!others.empty()) {
    auto random = random_numbers(seed, 0, 0);
    shuffle(others, random);
    others.resize(count_of(others.size(), share));
    places.insert(places.end(), others.begin(), others.end());
  }
  std::sort(places.begin(), places.end());
  return places;
}

// The mean over the answer's tokens of -log p.
double surprise(const TrainingQuestion& question, JointNetworks& networks) {
  const auto scores = networks.score(question.together, question.answer);
  return -std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
}

}  // namespace

std::vector<std::size_t> useful_questions(const TrainingData& data, JointNetworks& networks,
                                          const DataVectors& vectors,
                                          const SelectionOptions& options, double score_temperature,
                                          std::uint64_t seed) {
  TANDEM_CHECK(options.share > 0 && options.share <= 1);
  const std::size_t count = count_of(data.question_count(), options.share);
  switch (options.by) {
    case QuestionSelection::kLoss:
      return by_loss(data, vectors, score_temperature, options.share, seed);
    case QuestionSelection::kDiversity:
      return diverse_places(vectors.queries, vectors.dimension, count);
    case QuestionSelection::kPerplexity: {
      std::vector<double> surprises;
      for (std::size_t place = 0; place < data.question_count(); ++place)
        surprises.push_back(surprise(data.read_alone(place), networks));
      return highest_places(surprises, count);
    }
    case QuestionSelection::kAll:
      break;
  }
  std::vector<std::size_t> places(data.question_count());
  std::iota(places.begin(), places.end(), std::size_t{0});
  return places;
}

}  // namespace tandem
