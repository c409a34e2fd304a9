// Retrieval-augmented generation: question, passages, prompt, answer, citations.
#ifndef TANDEM_GENERATOR_ANSWERER_H_
#define TANDEM_GENERATOR_ANSWERER_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "generator/choices.h"
#include "generator/citations.h"
#include "generator/generator.h"
#include "generator/passage_order.h"
#include "retriever/retriever.h"

namespace tandem {

// Passages that go into a prompt unless the caller says otherwise.
inline constexpr std::size_t kDefaultPromptPassages = 4;

// What suits an answer from passages: nearly always the most likely token, and a light penalty that
// keeps small models from running in circles without keeping them from quoting.
GenerationOptions default_generation_options();

struct AnswerOptions {
  SearchOptions search{.limit = kDefaultPromptPassages, .conditions = false};
  GenerationOptions generation = default_generation_options();
  bool retrieve = true;   // false: plain chat, no passages, no citations
  bool follow_up = true;  // whether the user's former questions count in the search (follow_up.h)
  // An answer from each passage by itself, of which the likeliest is given (marginal_answer.h),
  // instead of one from all of them.
  bool each = false;
};

// What a question brought, best first.
struct Retrieval {
  std::vector<std::string> queries;  // what was searched for; none where nothing was
  std::vector<Hit> hits;
  double seconds = 0;
};

struct Answer {
  GenerationResult generation;
  std::vector<TokenId> prompt;  // that it came of
  // Those that went into the prompt, in its order; or those that the answer came of.
  std::vector<Hit> hits;
  std::vector<Citation> citations;
  double retrieval_seconds = 0;
};

// Borrows its parts, which must outlive it. answer() may be called from any thread.
class Answerer {
 public:
  // A generator that reads passages independently finds them wherever they stand, and gets them by
  // relevance.
  Answerer(const Retriever& retriever, const Encoder& encoder, const Generator& generator,
           PassageOrder order = PassageOrder::kRelevance);

  // retrieve() and then answer_from().
  Answer answer(std::span<const ChatMessage> messages, const AnswerOptions& options,
                const TextSink& sink) const;

  // Passages for the last message of the conversation, the user's question, which may lean on those
  // before it (generator/follow_up.h); none where the options say so. Throws kInvalidArgument if
  // there is no user message, and what search() does.
  Retrieval retrieve(std::span<const ChatMessage> messages, const AnswerOptions& options) const;

  // `messages` is the conversation, its last message the user's question. Passages that do not fit
  // into the context beside the conversation and the answer are left out, worst first. `sink` may
  // be null; where there are several answers it gets that which is chosen at the end, and empty
  // pieces before, which only ask whether to go on. Throws kInvalidArgument if there is no user
  // message, kTooLarge if the conversation alone does not fit.
  Answer answer_from(std::span<const ChatMessage> messages, Retrieval retrieval,
                     const AnswerOptions& options, const TextSink& sink) const;

  // The same for `count` answers from one prompt (choices.h). Throws kInvalidArgument also for more
  // than one where the options want one from each passage, of which the likeliest is the answer.
  std::vector<Answer> choices_from(std::span<const ChatMessage> messages, Retrieval retrieval,
                                   const AnswerOptions& options, std::size_t count,
                                   const ChoiceSink& sink) const;

 private:
  std::vector<Hit> search(const std::vector<std::string>& queries,
                          const SearchOptions& options) const;
  std::vector<float> cosines(const std::string& question, std::span<const Hit> hits) const;
  void answer_each(std::span<const ChatMessage> messages, std::vector<Hit> hits,
                   const AnswerOptions& options, const TextSink& sink, Answer& answer) const;

  const Retriever& retriever_;
  const Encoder& encoder_;
  const Generator& generator_;
  const std::unique_ptr<RecentOrders> orders_;  // null where relevance decides
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_ANSWERER_H_
