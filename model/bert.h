// The BERT encoder (Devlin et al. 2018, arXiv:1810.04805) and its relatives that differ in where
// positions begin: RoBERTa (arXiv:1907.11692) and XLM-R (arXiv:1911.02116).
//
// Reads a Hugging Face folder: `config.json` and `model.safetensors` of BertModel, RobertaModel or
// XLMRobertaModel, with or without a head, of which nothing is read here (model/cross_encoder.h
// reads one). Non-goals: dropout, cross-attention.
#ifndef TANDEM_MODEL_BERT_H_
#define TANDEM_MODEL_BERT_H_

#include <cstddef>
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
  int max_positions = 0;  // tokens of the longest sequence
  int first_position =
      0;  // of a sequence, in the table of positions: RoBERTa keeps some for padding
  int type_vocabulary_size = 0;
  float layer_norm_epsilon = 0;

  bool is_roberta() const { return first_position > 0; }
  // Whether the network is given the second of two texts as tokens of type 1.
  bool tells_texts_apart() const { return !is_roberta() && type_vocabulary_size > 1; }
};

// How the hidden states of a sequence become one vector.
enum class Pooling { kMean, kCls };

// Who computes. LibTorch in float32 is the reference, and what runs everywhere; tiles multiply in
// bfloat16 with sums in float, several times as fast by AMX and twice as fast by AVX-512.
enum class BertExecutor { kFastest, kTorch, kTiles };

// Whether anybody waits for the result. Where tiles compute, what is done in the background gives
// way to everything else in the process.
enum class Urgency { kWaitedFor, kBackground };

// Immutable once loaded; pooled_states may be called from any number of threads at once. One call
// at a time computes with compute_threads().
class BertModel {
 public:
  // Throws Error: kNotFound (missing file), kCorrupt (missing or misshapen tensor), kUnsupported
  // (an architecture or activation that is not BERT's; kTiles where they are not to be had).
  static std::unique_ptr<BertModel> load(const std::filesystem::path& folder,
                                         BertExecutor executor = BertExecutor::kFastest);
  virtual ~BertModel() = default;

  virtual const BertConfig& config() const = 0;

  // Runs a batch of sequences (already with [CLS] and [SEP], each at most max_positions long, none
  // empty) and pools each into out[i * hidden_size ...]: shape [sequences, hidden_size], not
  // normalised. Nothing is padded; callers sort by length all the same, since LibTorch computes
  // neighbours of equal length together.
  //
  // `first_lengths` says how many tokens of each sequence are of type 0, those of the first of two
  // texts; the others are of type 1, which the network must have. Empty: all are of type 0.
  virtual void pooled_states(std::span<const std::vector<TokenId>> sequences,
                             std::span<const std::size_t> first_lengths, Pooling pooling,
                             Urgency urgency, std::span<float> out) const = 0;
  void pooled_states(std::span<const std::vector<TokenId>> sequences, Pooling pooling,
                     std::span<float> out) const {
    pooled_states(sequences, {}, pooling, Urgency::kWaitedFor, out);
  }
};

}  // namespace tandem

#endif  // TANDEM_MODEL_BERT_H_
