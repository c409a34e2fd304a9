// The Llama family of decoders (Touvron et al. 2023, arXiv:2302.13971; grouped-query attention:
// Ainslie et al. 2023, arXiv:2305.13245), executed by LibTorch.
//
// Weights come from a GGUF of architecture "llama" and are dequantised when loaded. Layers:
// RMSNorm, rotary position embedding on adjacent pairs (GGUF stores query and key rows permuted for
// that), SwiGLU.
#ifndef TANDEM_MODEL_LLAMA_H_
#define TANDEM_MODEL_LLAMA_H_

#include <cstdint>
#include <memory>
#include <span>

#include "model/gguf.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

struct LlamaConfig {
  int layer_count = 0;
  int hidden_size = 0;
  int intermediate_size = 0;
  int head_count = 0;
  int kv_head_count = 0;
  int head_size = 0;
  int rotary_size = 0;
  int vocabulary_size = 0;
  int context_length = 0;
  float rms_norm_epsilon = 0;
  float rotary_base = 0;
};

// Keys and values of one sequence, all layers. Owned by the caller; used by one thread at a time.
class LlamaCache {
 public:
  ~LlamaCache();
  LlamaCache(const LlamaCache&) = delete;
  LlamaCache& operator=(const LlamaCache&) = delete;

  // Positions filled so far.
  int length() const;
  // Forgets all positions from `length` on.
  void truncate(int length);

 private:
  friend class LlamaModel;
  struct State;
  explicit LlamaCache(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Immutable once loaded. forward() may be called from several threads with different caches; each
// call uses the thread pool of LibTorch.
class LlamaModel {
 public:
  // Throws kUnsupported for another architecture or a rotary scaling that is not known, kCorrupt
  // for missing or misshapen tensors.
  static std::unique_ptr<LlamaModel> load(const GgufFile& file);

  LlamaModel(const LlamaModel&) = delete;
  LlamaModel& operator=(const LlamaModel&) = delete;
  ~LlamaModel();

  const LlamaConfig& config() const;

  // A cache with room for `capacity` positions.
  std::unique_ptr<LlamaCache> make_cache(int capacity) const;

  // Appends `tokens` to the sequence in `cache` and writes the logits that follow its last token to
  // `logits` [vocabulary_size]. An empty `logits` skips the output layer. Throws kTooLarge if
  // the cache has no room for the tokens.
  void forward(std::span<const TokenId> tokens, LlamaCache& cache, std::span<float> logits) const;

 private:
  struct Weights;
  explicit LlamaModel(std::unique_ptr<Weights> weights);
  std::unique_ptr<Weights> weights_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_LLAMA_H_
