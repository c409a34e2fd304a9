// Executes a decoder on the CPU, on quantised weights as they are in the file: several sequences in
// one step, several tokens of each.
//
// The step is plain code over model/kernels, computed by a team of threads that meet some 150
// times; LibTorch's dispatch of its operators alone would take half the time of a step.
//
// The result for a token depends on its sequence alone, never on what else is in the step: greedy
// decoding gives the same text whatever the load. Tokens of a prompt (kPrompt) may be computed by
// other instructions than decoded ones (kDecoded), which are slower for one row and faster for
// hundreds; a step never chooses between them by the number of rows it happens to have.
#ifndef TANDEM_MODEL_CPU_DECODER_H_
#define TANDEM_MODEL_CPU_DECODER_H_

#include <memory>
#include <span>

#include "model/decoder_config.h"
#include "model/kv_cache.h"
#include "model/passage_kv.h"
#include "model/tokenizers/tokenizer.h"
#include "model/weights.h"

namespace tandem {

enum class TokenKind { kPrompt, kDecoded };

// The next tokens of one sequence.
struct DecoderSegment {
  KvSequence* sequence = nullptr;
  std::span<const TokenId> tokens;
  TokenKind kind = TokenKind::kDecoded;
  int logit_count = 1;  // logits are wanted after each of the last so many tokens
};

// forward() is for one thread at a time.
class CpuDecoder {
 public:
  // `weights` holds the tensors that `config` names, by their GGUF names; it is not needed later.
  // `threads` compute a step. Throws kCorrupt for a missing, misshapen or not finite tensor and
  // kUnsupported for what the kernels do not know.
  static std::unique_ptr<CpuDecoder> load(const WeightFile& weights, const DecoderConfig& config,
                                          int threads);
  virtual ~CpuDecoder() = default;

  virtual const DecoderConfig& config() const = 0;
  // Bytes of the weights in memory.
  virtual std::size_t size_bytes() const = 0;

  // Appends each segment's tokens to its sequence, which must have room reserved, and writes the
  // wanted logits, one row [vocabulary_size] after another in the order of the segments, to
  // `logits`. A sequence may occur once. Throws kInvalidArgument for a token outside the
  // vocabulary, before any work.
  virtual void forward(std::span<const DecoderSegment> segments, std::span<float> logits) = 0;

  // A sequence that was computed as a prompt, to be appended to others; see passage_kv.h. These are
  // for the thread that calls forward().
  virtual std::shared_ptr<const PassageKv> pack(const KvSequence& sequence) = 0;
  virtual void append(const PassageKv& passage, KvSequence& sequence) = 0;
  // As forget_blocks() of kv_window.h.
  virtual bool forget(KvSequence& sequence, int first_block, int count) = 0;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_CPU_DECODER_H_
