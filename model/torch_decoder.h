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
  ~TorchDecoderCache();
  TorchDecoderCache(const TorchDecoderCache&) = delete;
  TorchDecoderCache& operator=(const TorchDecoderCache&) = delete;

  // Positions filled so far.
  int length() const;
  // Forgets all positions from `length` on.
  void truncate(int length);

 private:
  friend class TorchDecoder;
  struct State;
  explicit TorchDecoderCache(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Immutable once loaded. forward() may be called from several threads with different caches; each
// call uses the thread pool of LibTorch.
class TorchDecoder {
 public:
  // Expands all weights to float32 and keeps nothing of `weights`. Throws kCorrupt for a tensor
  // with values that are not finite.
  static std::unique_ptr<TorchDecoder> load(const DecoderWeights& weights);

  TorchDecoder(const TorchDecoder&) = delete;
  TorchDecoder& operator=(const TorchDecoder&) = delete;
  ~TorchDecoder();

  const DecoderConfig& config() const;

  // A cache with room for `capacity` positions.
  std::unique_ptr<TorchDecoderCache> make_cache(int capacity) const;

  // Appends `tokens` to the sequence in `cache` and writes the logits that follow its last token to
  // `logits` [vocabulary_size]. An empty `logits` skips the output layer. Throws kTooLarge if
  // the cache has no room for the tokens.
  //
  // `passages` are read by themselves (model/passage_kv.h): their tokens see nothing before the
  // first one of their own passage.
  void forward(std::span<const TokenId> tokens, TorchDecoderCache& cache, std::span<float> logits,
               std::span<const PositionRange> passages = {}) const;

 private:
  struct Network;
  explicit TorchDecoder(std::unique_ptr<Network> network);
  std::unique_ptr<Network> network_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_TORCH_DECODER_H_
