// Sequences that go through an executor together, token by token: what the programs that measure a
// decoder do between starting and stopping the clock.
#ifndef TANDEM_BENCH_TOKEN_BATCH_H_
#define TANDEM_BENCH_TOKEN_BATCH_H_

#include <cstddef>
#include <span>
#include <vector>

#include "base/error.h"
#include "model/decoder_executor.h"
#include "model/kernels/logits.h"

namespace tandem::bench {

// The beginning of the `text`-th text that prompts are made of. What it says does not matter to the
// time and memory it takes; the peers make the same ones.
inline std::vector<TokenId> some_tokens(std::size_t count, std::size_t text) {
  std::vector<TokenId> tokens(count);
  for (std::size_t k = 0; k < count; ++k)
    tokens[k] = static_cast<TokenId>(1000 + (k * 37 + text * 101) % 3000);
  return tokens;
}

// The executor and the pool must outlive it.
class TokenBatch {
 public:
  // `count` sequences with room for their prompts and as many decoded tokens.
  TokenBatch(DecoderExecutor& executor, KvPool& pool, std::size_t count, std::size_t prompt_tokens,
             std::size_t decoded_tokens)
      : executor_(executor),
        vocabulary_(static_cast<std::size_t>(executor.config().vocabulary_size)),
        next_(count),
        logits_(count * vocabulary_) {
    for (std::size_t i = 0; i < count; ++i) {
      sequences_.emplace_back(pool);
      TANDEM_CHECK(sequences_.back().reserve(static_cast<int>(prompt_tokens + decoded_tokens)));
      prompts_.push_back(some_tokens(prompt_tokens, i));
    }
  }

  void prefill() {
    std::vector<DecoderSegment> segments;
    for (std::size_t i = 0; i < prompts_.size(); ++i)
      segments.push_back({&sequences_[i], prompts_[i], TokenKind::kPrompt, 1});
    run(segments);
  }
  // One more token for each, the likeliest.
  void decode() {
    std::vector<DecoderSegment> segments;
    for (std::size_t i = 0; i < next_.size(); ++i)
      segments.push_back({&sequences_[i], {&next_[i], 1}, TokenKind::kDecoded, 1});
    run(segments);
  }

 private:
  void run(const std::vector<DecoderSegment>& segments) {
    executor_.forward(segments, logits_);
    for (std::size_t i = 0; i < next_.size(); ++i) {
      const auto row = std::span(logits_).subspan(i * vocabulary_, vocabulary_);
      next_[i] = static_cast<TokenId>(kernels::index_of_largest(row).value());
    }
  }

  DecoderExecutor& executor_;
  const std::size_t vocabulary_;
  std::vector<KvSequence> sequences_;
  std::vector<std::vector<TokenId>> prompts_;
  std::vector<TokenId> next_;
  std::vector<float> logits_;
};

}  // namespace tandem::bench

#endif  // TANDEM_BENCH_TOKEN_BATCH_H_
