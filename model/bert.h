// The BERT encoder (Devlin et al. 2018, arXiv:1810.04805), executed by LibTorch.
//
// Reads a Hugging Face folder: `config.json` and `model.safetensors` of BertModel. Non-goals: heads
// other than the hidden states (a reranking head comes with the reranker), dropout,
// cross-attention.
#ifndef TANDEM_MODEL_BERT_H_
#define TANDEM_MODEL_BERT_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "model/tokenizers/tokenizer.h"

namespace tandem {

struct BertConfig {
  int hidden_size = 0;
  int layer_count = 0;
  int head_count = 0;
  int intermediate_size = 0;
  int vocabulary_size = 0;
  int max_positions = 0;
  int type_vocabulary_size = 0;
  float layer_norm_epsilon = 0;
};

// How the hidden states of a sequence become one vector.
enum class Pooling { kMean, kCls };

// Immutable once loaded; pooled_states may be called from any number of threads at once. Each call
// uses the thread pool of LibTorch.
class BertModel {
 public:
  // Throws Error: kNotFound (missing file), kCorrupt (missing or misshapen tensor), kUnsupported
  // (an architecture or activation that is not BERT's).
  static std::unique_ptr<BertModel> load(const std::filesystem::path& folder);

  BertModel(const BertModel&) = delete;
  BertModel& operator=(const BertModel&) = delete;
  ~BertModel();

  const BertConfig& config() const;

  // Runs a batch of sequences (already with [CLS] and [SEP], each at most max_positions long, none
  // empty) and pools each into out[i * hidden_size ...]: shape [sequences, hidden_size], not
  // normalised. The batch is padded to its longest sequence inside; callers sort by length.
  void pooled_states(std::span<const std::vector<TokenId>> sequences, Pooling pooling,
                     std::span<float> out) const;

 private:
  struct Weights;
  explicit BertModel(std::unique_ptr<Weights> weights);
  std::unique_ptr<Weights> weights_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_BERT_H_
