// What runs the steps of a generation: several sequences in one step, several tokens of each.
//
// CpuDecoder (model/cpu_decoder.h) and DeviceDecoder (model/device_decoder.h) compute the same
// network (model/decoder_config.h) on blocks of keys and values (model/kv_cache.h) that each keeps
// where it computes. Whoever drives them needs to know neither.
#ifndef TANDEM_MODEL_DECODER_EXECUTOR_H_
#define TANDEM_MODEL_DECODER_EXECUTOR_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "model/decoder_config.h"
#include "model/kv_cache.h"
#include "model/passage_kv.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

enum class TokenKind { kPrompt, kDecoded };

// The next tokens of one sequence.
struct DecoderSegment {
  KvSequence* sequence = nullptr;
  std::span<const TokenId> tokens;
  TokenKind kind = TokenKind::kDecoded;
  int logit_count = 1;  // logits are wanted after each of the last so many tokens
};

// All methods are for one thread at a time, config() excepted.
class DecoderExecutor {
 public:
  virtual ~DecoderExecutor() = default;

  virtual const DecoderConfig& config() const = 0;
  // Bytes of the weights in memory.
  virtual std::size_t size_bytes() const = 0;
  // Names everything besides weights, tokens and the cache's type that decides what a prompt's keys
  // and values are to the last bit: those of equal names may be used for one another.
  virtual std::string_view arithmetic() const = 0;
  // Tokens of prompts in a step that use the device well, while decoding beside them still waits
  // only briefly.
  virtual std::size_t prompt_tokens_per_step() const = 0;

  // Blocks for the sequences of this executor, at most `limit_bytes` of them. The executor must
  // outlive the pool. Throws kUnsupported for a type that the executor does not know.
  virtual std::unique_ptr<KvPool> make_pool(std::size_t limit_bytes, KvType type) = 0;

  // Appends each segment's tokens to its sequence, which must have room reserved, and writes the
  // wanted logits, one row [vocabulary_size] after another in the order of the segments, to
  // `logits`. A sequence may occur once, and all are of pools made here. Throws kInvalidArgument
  // for a token outside the vocabulary, before any work.
  virtual void forward(std::span<const DecoderSegment> segments, std::span<float> logits) = 0;

  // A sequence that was computed as a prompt, to be appended to others; see passage_kv.h.
  virtual std::shared_ptr<const PassageKv> pack(const KvSequence& sequence) = 0;
  virtual void append(const PassageKv& passage, KvSequence& sequence) = 0;
  // As forget_blocks() of kv_window.h.
  virtual bool forget(KvSequence& sequence, int first_block, int count) = 0;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_DECODER_EXECUTOR_H_
