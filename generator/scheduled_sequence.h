// What the scheduler knows of one request, from its coming to its end. For its thread alone.
#ifndef TANDEM_GENERATOR_SCHEDULED_SEQUENCE_H_
#define TANDEM_GENERATOR_SCHEDULED_SEQUENCE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "generator/draft.h"
#include "generator/grammar/grammar_matcher.h"
#include "generator/sampler.h"
#include "generator/scheduler.h"
#include "generator/token_channel.h"
#include "model/kv_cache.h"
#include "model/passage_kv.h"

namespace tandem {

// A passage that is read by itself: known, or being computed for those that hold it.
struct ReadPassage {
  ReadPassage(std::span<const TokenId> passage, KvPool& pool)
      : tokens(passage.begin(), passage.end()), sequence(pool) {}

  std::size_t left() const { return tokens.size() - static_cast<std::size_t>(sequence.length()); }

  std::vector<TokenId> tokens;
  KvSequence sequence;
  std::shared_ptr<const PassageKv> kv;  // once it is known
  std::uint64_t step = 0;               // the last one that it had a part in
};

// A request until it is admitted.
struct WaitingSequence {
  SequenceRequest request;
  std::shared_ptr<TokenChannel> channel;
  std::vector<std::shared_ptr<const PassageKv>> passages;  // null where one is not known
};

// The tokens of a passage of a request.
inline std::span<const TokenId> tokens_of(const SequenceRequest& request,
                                          const PositionRange& range) {
  return std::span(request.prompt)
      .subspan(static_cast<std::size_t>(range.begin),
               static_cast<std::size_t>(range.end - range.begin));
}

// One that has a part in steps.
struct RunningSequence {
  RunningSequence(WaitingSequence waiting, KvPool& pool)
      : request(std::move(waiting.request)),
        channel(std::move(waiting.channel)),
        context(request.prompt),
        sequence(pool),
        sampler(request.sampling) {
    if (request.form != nullptr) {
      form.emplace(request.form);
      allowed.resize(form->vocabulary().words());
    }
  }

  std::size_t computed() const { return forgotten + static_cast<std::size_t>(sequence.length()); }
  bool in_prompt() const { return computed() < request.prompt.size(); }
  std::size_t given() const { return context.size() - request.prompt.size(); }
  // The end of what can be computed before the next passage has to be put in.
  std::size_t reach() const {
    return readings.empty() ? request.prompt.size()
                            : static_cast<std::size_t>(next_passage().begin);
  }
  const PositionRange& next_passage() const {
    return request.passages[request.passages.size() - readings.size()];
  }

  SequenceRequest request;
  std::shared_ptr<TokenChannel> channel;
  std::vector<TokenId> context;  // prompt and what was given out
  KvSequence sequence;
  std::size_t forgotten = 0;  // of the tokens that were computed, not in `sequence` any more
  std::deque<std::shared_ptr<ReadPassage>>
      readings;  // of the passages that are not in `sequence` yet
  Sampler sampler;
  std::optional<GrammarMatcher> form;
  std::vector<std::uint64_t> allowed;  // by `form`, next
  Drafter drafter;
  std::chrono::steady_clock::time_point admitted = std::chrono::steady_clock::now();

  // Of the step in progress.
  std::vector<TokenId> tokens;
  std::size_t drafted = 0;
  int logit_count = 0;
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_SCHEDULED_SEQUENCE_H_
