#include "trainer/evaluation.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>

#include "base/error.h"
#include "base/stopwatch.h"
#include "generator/abstention.h"
#include "generator/citations.h"
#include "generator/fitted_prompt.h"
#include "generator/marginal_answer.h"
#include "trainer/answer_metrics.h"
#include "trainer/citation_metrics.h"
#include "trainer/corpus_search.h"
#include "trainer/ranking_metrics.h"

namespace tandem {
namespace {

constexpr std::size_t kDeepest = 20;  // place in a ranking that a metric looks at

void score_ranking(const Question& question, std::span<const FoundPassage> found,
                   std::map<std::string, double>& scores) {
  if (question.positives.empty()) return;
  const std::vector<int> relevant(question.positives.size(), 1);
  std::vector<int> grades;
  for (const FoundPassage& passage : found.first(std::min(found.size(), kDeepest)))
    grades.push_back(question.has_positive(passage.index) ? 1 : 0);
  scores[kRecallAt1] = recall_at(1, grades, relevant);
  scores[kRecallAt5] = recall_at(5, grades, relevant);
  scores[kRecallAt20] = recall_at(kDeepest, grades, relevant);
  scores[kReciprocalRank] = reciprocal_rank(grades);
  scores[kNdcgAt10] = ndcg_at(10, grades, relevant);
}

void score_answer(const Question& question, const std::string& answer,
                  std::map<std::string, double>& scores) {
  const bool abstained = is_abstention(answer);
  scores[kAbstained] = abstained ? 1 : 0;
  // A question whose passages are known but not its answer has nothing to compare with.
  if (question.answers.empty() && question.is_answerable()) return;
  const std::string given = abstained ? std::string() : answer;
  scores[kExactMatch] = exact_match(given, question.answers);
  scores[kTokenF1] = token_f1(given, question.answers);
  if (!question.answers.empty()) scores[kRougeL] = rouge_l(given, question.answers);
}

void score_citations(const CitationCounts& counts, const Question& question,
                     std::map<std::string, double>& scores) {
  if (!question.is_answerable() || scores.at(kAbstained) > 0) return;
  const auto share = [](std::size_t part, std::size_t whole) {
    return static_cast<double>(part) / static_cast<double>(whole);
  };
  if (counts.citations > 0) scores[kCitationPrecision] = share(counts.right, counts.citations);
  if (counts.statements > 0) scores[kCitationRecall] = share(counts.supported, counts.statements);
}

// Those that go into the prompt, best first.
std::vector<Hit> hits_of(const Corpus& corpus, std::span<const FoundPassage> found,
                         std::size_t count) {
  std::vector<Hit> hits;
  for (const FoundPassage& passage : found.first(std::min(found.size(), count)))
    hits.push_back({to_passage(corpus.passages[passage.index]), passage.score});
  return hits;
}

struct CitedAnswer {
  std::string text;
  std::vector<Citation> citations;
};

CitedAnswer answer_one(const Generator& generator, const Encoder& encoder, const Question& question,
                       std::vector<Hit> hits, const EvaluationOptions& options) {
  const std::vector<ChatMessage> messages = {{"user", question.text}};
  GenerationOptions generation;
  generation.sampling.temperature = 0;
  generation.max_tokens = options.max_tokens;
  CitedAnswer answer;
  if (options.each && !hits.empty()) {
    std::vector<float> cosines;
    cosines.reserve(hits.size());
    for (const Hit& hit : hits) cosines.push_back(hit.score);
    MarginalAnswer marginal =
        answer_from_each(generator, messages, hits, cosines, generation, *options.each);
    answer.text = std::move(marginal.generation.text);
    answer.citations = find_citations(question.text, answer.text, marginal.hits, encoder);
    return answer;
  }
  const FittedPrompt fitted =
      fit_prompt(generator, messages, std::move(hits), options.max_tokens, nullptr);
  answer.text =
      generator.generate(fitted.prompt, generation, [](const TextPiece&) { return true; }).text;
  answer.citations = find_citations(question.text, answer.text, fitted.hits, encoder);
  return answer;
}

// So many places of `size`, evenly apart; all for 0.
std::vector<std::size_t> spread_places(std::size_t size, std::size_t count) {
  if (count == 0 || count > size) count = size;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < count; ++i) places.push_back(i * size / count);
  return places;
}

// Runs answer(i) for i below `count`, so many at a time, and throws what the first that fails
// throws, when those under way have ended.
template <typename Answer>
void answer_all(std::size_t count, std::size_t concurrent, const Answer& answer,
                const StageProgress& progress) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  std::size_t done = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < count && !failed; i = next++) {
      try {
        answer(i);
      } catch (...) {
        failed = true;
        throw;
      }
      const std::lock_guard lock(mutex);
      ++done;
      if (progress) progress("answering", done, count);
    }
  };
  if (progress) progress("answering", 0, count);
  std::vector<std::future<void>> workers;
  for (std::size_t i = 0; i < std::min(concurrent, count); ++i)
    workers.push_back(std::async(std::launch::async, work));
  for (const std::future<void>& worker : workers) worker.wait();
  for (std::future<void>& worker : workers) worker.get();
}

}  // namespace

EvaluationReport evaluate(const Corpus& corpus, std::span<const Question> questions,
                          const Encoder& encoder, const Generator* generator,
                          const EvaluationOptions& options, const StageProgress& progress) {
  TANDEM_CHECK(options.passages > 0 && options.concurrent > 0);
  EvaluationReport report;
  std::vector<std::string> texts;
  texts.reserve(questions.size());
  for (const Question& question : questions) texts.push_back(question.text);
  const Stopwatch retrieval;
  const auto found =
      search_corpus(corpus, texts, encoder, std::max(options.passages, kDeepest), progress);
  report.retrieval_seconds = retrieval.seconds();
  report.results.resize(questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    QuestionResult& result = report.results[i];
    result.id = questions[i].id;
    result.answerable = questions[i].is_answerable();
    for (const FoundPassage& passage : found[i])
      result.found.push_back(corpus.passages[passage.index].id);
    score_ranking(questions[i], found[i], result.scores);
  }
  if (generator == nullptr) return report;
  const Stopwatch generation;
  const auto answered = spread_places(questions.size(), options.answered);
  answer_all(
      answered.size(), options.concurrent,
      [&](std::size_t place) {
        const std::size_t i = answered[place];
        QuestionResult& result = report.results[i];
        CitedAnswer answer = answer_one(*generator, encoder, questions[i],
                                        hits_of(corpus, found[i], options.passages), options);
        score_answer(questions[i], answer.text, result.scores);
        score_citations(count_citations(corpus, questions[i], answer.text, answer.citations),
                        questions[i], result.scores);
        result.answer = std::move(answer.text);
      },
      progress);
  report.generation_seconds = generation.seconds();
  return report;
}

}  // namespace tandem
