#include "trainer/question_split.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>

#include "base/error.h"
#include "trainer/question_leaks.h"
#include "trainer/random_draws.h"

namespace tandem {
namespace {

// Sets that are joined until nothing more connects them.
class Groups {
 public:
  explicit Groups(std::size_t size) : parents_(size) {
    std::iota(parents_.begin(), parents_.end(), std::size_t{0});
  }
  std::size_t find(std::size_t place) {
    while (parents_[place] != place) place = parents_[place] = parents_[parents_[place]];
    return place;
  }
  void join(std::size_t a, std::size_t b) { parents_[find(a)] = find(b); }

 private:
  std::vector<std::size_t> parents_;
};

std::vector<std::vector<std::size_t>> group(const Corpus& corpus,
                                            std::span<const Question> questions) {
  Groups groups(questions.size());
  std::map<std::string_view, std::size_t> first;  // question of each document
  for (std::size_t i = 0; i < questions.size(); ++i)
    for (const std::size_t positive : questions[i].positives)
      groups.join(i, first.emplace(document_of(corpus.passages[positive]), i).first->second);
  for (const auto& [i, j] : near_questions(questions, questions)) groups.join(i, j);
  std::map<std::size_t, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < questions.size(); ++i) members[groups.find(i)].push_back(i);
  std::vector<std::vector<std::size_t>> all;
  for (auto& [root, places] : members) all.push_back(std::move(places));
  return all;
}

}  // namespace

std::vector<bool> split_by_document(const Corpus& corpus, std::span<const Question> questions,
                                    const SplitOptions& options) {
  if (!(options.share > 0 && options.share < 1))
    throw Error(ErrorCode::kInvalidArgument,
                "the share of questions that are kept aside is above 0 and below 1");
  auto groups = group(corpus, questions);
  if (groups.size() < 2)
    throw Error(ErrorCode::kInvalidArgument,
                "all questions belong to one document, of which no part can be kept aside",
                "give passages of several documents, told apart by \"document\" or \"title\", or "
                "questions to measure by in a file of their own");
  auto random = random_numbers(options.seed, 0, 0);
  shuffle(groups, random);
  const auto wanted =
      static_cast<std::size_t>(options.share * static_cast<double>(questions.size()));
  std::vector<bool> aside(questions.size(), false);
  std::size_t kept = 0;
  const auto keep = [&](const std::vector<std::size_t>& places) {
    for (const std::size_t place : places) aside[place] = true;
    kept += places.size();
  };
  for (const auto& places : groups)
    if (kept + places.size() <= wanted) keep(places);
  if (kept == 0)
    keep(*std::min_element(groups.begin(), groups.end(),
                           [](const auto& a, const auto& b) { return a.size() < b.size(); }));
  return aside;
}

}  // namespace tandem
