#include "trainer/question_leaks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <unordered_map>

#include "generator/answer_words.h"

namespace tandem {
namespace {

using WordId = std::uint32_t;

// The words of questions, each once, the rarest first.
class WordSets {
 public:
  WordSets(std::span<const Question> a, std::span<const Question> b) {
    for (const Question& question : a) a_.push_back(add(question));
    for (const Question& question : b) b_.push_back(add(question));
    for (auto* const sets : {&a_, &b_})
      for (auto& words : *sets)
        std::sort(words.begin(), words.end(), [&](WordId x, WordId y) {
          return std::pair(counts_[x], x) < std::pair(counts_[y], y);
        });
  }

  const std::vector<std::vector<WordId>>& a() const { return a_; }
  const std::vector<std::vector<WordId>>& b() const { return b_; }

 private:
  std::vector<WordId> add(const Question& question) {
    std::vector<WordId> words;
    const std::string normal = normalize_answer(question.text);
    for (std::size_t begin = 0; begin < normal.size();) {
      const std::size_t end = std::min(normal.find(' ', begin), normal.size());
      const auto [found, is_new] =
          ids_.emplace(normal.substr(begin, end - begin), static_cast<WordId>(counts_.size()));
      if (is_new) counts_.push_back(0);
      words.push_back(found->second);
      begin = end + 1;
    }
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    for (const WordId word : words) ++counts_[word];
    return words;
  }

  std::unordered_map<std::string, WordId> ids_;
  std::vector<std::size_t> counts_;  // of the questions that have the word
  std::vector<std::vector<WordId>> a_;
  std::vector<std::vector<WordId>> b_;
};

// The first words, of which near sets have one in common.
std::span<const WordId> prefix_of(const std::vector<WordId>& words) {
  if (words.empty()) return {};
  const auto shared = static_cast<std::size_t>(
      std::ceil(kNearQuestions * static_cast<double>(words.size()) - 1e-9));
  return std::span(words).first(words.size() - shared + 1);
}

bool are_near(const std::vector<WordId>& x, const std::vector<WordId>& y) {
  std::size_t common = 0;
  for (const WordId word : x)
    if (std::find(y.begin(), y.end(), word) != y.end()) ++common;
  const std::size_t all = x.size() + y.size() - common;
  return static_cast<double>(common) >= kNearQuestions * static_cast<double>(all);
}

std::set<std::string_view> documents_of(const Corpus& corpus, std::span<const Question> questions) {
  std::set<std::string_view> documents;
  for (const Question& question : questions)
    for (const std::size_t positive : question.positives)
      documents.insert(document_of(corpus.passages[positive]));
  return documents;
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> near_questions(std::span<const Question> a,
                                                                std::span<const Question> b) {
  const WordSets sets(a, b);
  std::unordered_map<WordId, std::vector<std::size_t>> with_word;  // places in b
  for (std::size_t j = 0; j < b.size(); ++j)
    for (const WordId word : prefix_of(sets.b()[j])) with_word[word].push_back(j);
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::set<std::size_t> candidates;
    for (const WordId word : prefix_of(sets.a()[i]))
      if (const auto found = with_word.find(word); found != with_word.end())
        candidates.insert(found->second.begin(), found->second.end());
    for (const std::size_t j : candidates)
      if (are_near(sets.a()[i], sets.b()[j])) pairs.emplace_back(i, j);
  }
  return pairs;
}

QuestionLeaks find_leaks(const Corpus& corpus, std::span<const Question> learned,
                         std::span<const Question> measured) {
  QuestionLeaks leaks;
  std::set<std::size_t> named;
  for (const auto& [i, j] : near_questions(learned, measured))
    if (named.insert(j).second) leaks.questions.emplace_back(learned[i].id, measured[j].id);
  const auto known = documents_of(corpus, learned);
  for (const std::string_view document : documents_of(corpus, measured))
    if (known.contains(document)) leaks.documents.emplace_back(document);
  return leaks;
}

std::string describe_leaks(const QuestionLeaks& leaks) {
  std::string text;
  if (!leaks.questions.empty())
    text = fmt::format("{} of them {} (nearly) the same as one of those, such as {} and {}",
                       leaks.questions.size(), leaks.questions.size() == 1 ? "is" : "are",
                       leaks.questions.front().second, leaks.questions.front().first);
  if (leaks.documents.empty()) return text;
  if (!text.empty()) text += "; ";
  return text + fmt::format("{} {} answers to both, such as \"{}\"", leaks.documents.size(),
                            leaks.documents.size() == 1 ? "document holds" : "documents hold",
                            leaks.documents.front());
}

}  // namespace tandem
