// Many generations on one decoder: what each of them needs next goes into one step.
//
// A step takes the next token of every running generation (with a draft of what may follow it, see
// draft.h) and, up to a budget of tokens, the next piece of prompts that are still to be computed:
// continuous batching (Yu et al. 2022, "Orca") with chunked prefill (Agrawal et al. 2023,
// arXiv:2308.16369). So the weights are read once for all, and a long prompt never makes the others
// wait for longer than one piece of it.
//
// Passages that a prompt wants read by themselves (model/passage_kv.h) are taken from a cache, or
// computed beside everything else, once for all requests that wait for them.
//
// Requests are admitted in the order in which they came, each when the cache has room for its
// prompt and its longest answer; none has to be interrupted afterwards.
#ifndef TANDEM_GENERATOR_SCHEDULER_H_
#define TANDEM_GENERATOR_SCHEDULER_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "generator/grammar/token_masks.h"
#include "generator/log_probabilities.h"
#include "generator/passage_cache.h"
#include "generator/sampler.h"
#include "model/decoder_executor.h"

namespace tandem {

struct SchedulerOptions {
  // Memory for keys and values of running and remembered prompts. Taken as it is needed.
  std::size_t cache_bytes = std::size_t{2} << 30;
  KvType cache_type = KvType::kHalf;
  std::size_t max_running = 64;   // generations in one step
  std::size_t prompt_tokens = 0;  // of prompts, in one step; 0: as many as suit the executor
  // Whether a sequence goes on past the context of the model by forgetting what lies between its
  // beginning and the window before its end (model/kv_window.h).
  bool window = false;
  PassageCacheOptions passages = {};
};

struct SequenceRequest {
  std::vector<TokenId> prompt;
  // Parts of the prompt that are read by themselves, in order and apart from one another. The last
  // token is in none.
  std::vector<PositionRange> passages;
  int max_tokens = 0;
  SamplingOptions sampling;
  std::vector<TokenId> ends;  // tokens that end the text; the last one given out is not one of them
  std::shared_ptr<const TokenMasks> form;  // that the text is held to; null for any text
  bool drafts = true;                      // draft.h; they change nothing but the time it takes
  // Log-probabilities are computed where this is given: of each token and of so many likeliest
  // ones.
  std::optional<int> top_log_probabilities;
};

// The tokens of one generation as they come. next() is for one thread; cancel() for any. Destroying
// it cancels.
class TokenStream {
 public:
  virtual ~TokenStream() = default;

  // Waits for the next token. Nullopt at the end; ended() says which. Throws what stopped the
  // generation: kInternal for a broken network, kResourceExhausted for want of memory.
  virtual std::optional<TokenId> next() = 0;
  // Of the token that next() gave last, where they were asked for. Called by the thread of next().
  virtual const LogProbabilities& log_probabilities() const = 0;
  // After next() gave nullopt: whether one of the `ends` came, and not max_tokens or cancel().
  virtual bool ended() const = 0;
  // Ends the generation before its next step.
  virtual void cancel() = 0;
  // Until the first token's logits, from when it was admitted.
  virtual double prefill_seconds() const = 0;
  // Tokens of the prompt that were found computed.
  virtual int reused_tokens() const = 0;
};

struct SchedulerState {
  std::size_t running = 0;
  std::size_t waiting = 0;
  std::size_t cache_blocks_in_use = 0;
  std::size_t cache_block_limit = 0;
  std::size_t cache_position_bytes = 0;  // that one token takes
  std::uint64_t steps = 0;
  std::uint64_t prompt_tokens = 0;   // computed
  std::uint64_t reused_tokens = 0;   // of prompts, found computed
  std::uint64_t decoded_tokens = 0;  // given out
  std::uint64_t drafted_tokens = 0;
  std::uint64_t accepted_tokens = 0;  // of the drafted ones
};

// submit() and state() may be called from any thread; one thread of its own runs the steps.
class Scheduler {
 public:
  Scheduler(std::unique_ptr<DecoderExecutor> decoder, const SchedulerOptions& options);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  // Ends all generations.
  ~Scheduler();

  const DecoderConfig& config() const;
  // Whether sequences go on past the context: where the options want that, and the context is long
  // enough to have a window. Elsewhere prompt and answer together must fit it.
  bool goes_past_context() const;

  // Throws kTooLarge if prompt and answer could never fit the cache, kInvalidArgument for a token
  // outside the vocabulary and for options of sampling out of range. The prompt must not be empty,
  // max_tokens must be positive. Passages are looked for on disk before it returns.
  std::unique_ptr<TokenStream> submit(SequenceRequest request);

  SchedulerState state() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_SCHEDULER_H_
