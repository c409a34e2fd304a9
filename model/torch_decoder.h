// Decoders of the Llama lineage (model/decoder_config.h) executed by LibTorch in float32: the
// reference that other executors are held to, and the one that will carry gradients.
#ifndef TANDEM_MODEL_TORCH_DECODER_H_
#define TANDEM_MODEL_TORCH_DECODER_H_

#include <memory>
#include <span>

#include "model/decoder_config.h"
#include "model/decoder_weights.h"
#include "model/passage_kv.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

// Keys and values of one sequence, all layers. Owned by the caller; used by one thread at a time.
class TorchDecoderCache {
 public:
  virtual ~TorchDecoderCache() = default;

  // Positions filled so far.
  virtual int length() const = 0;
  // Forgets all positions from `length` on.
  virtual void truncate(int length) = 0;
};

// Immutable once loaded. forward() may be called from several threads with different caches; each
// call uses the thread pool of LibTorch.
class TorchDecoder {
 public:
  // Expands all weights to float32 and keeps nothing of `weights`. Throws kCorrupt for a tensor
  // with values that are not finite, and as torch_plugin() (model/torch_plugin.h) does.
  static std::unique_ptr<TorchDecoder> load(const DecoderWeights& weights);
  virtual ~TorchDecoder() = default;

  virtual const DecoderConfig& config() const = 0;

  // A cache with room for `capacity` positions.
  virtual std::unique_ptr<TorchDecoderCache> make_cache(int capacity) const = 0;

  // Appends `tokens` to the sequence in `cache`, which was made here, and writes the logits that
  // follow its last token to `logits` [vocabulary_size]. An empty `logits` skips the output layer.
  // Throws kTooLarge if the cache has no room for the tokens.
  //
  // `passages` are read by themselves (model/passage_kv.h): their tokens see nothing before the
  // first one of their own passage.
  virtual void forward(std::span<const TokenId> tokens, TorchDecoderCache& cache,
                       std::span<float> logits,
                       std::span<const PositionRange> passages = {}) const = 0;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_TORCH_DECODER_H_
