// The BERT encoder (model/bert.h) with gradients, without dropout: a step is the same each time.
#ifndef TANDEM_TRAINER_TORCH_TRAINABLE_BERT_H_
#define TANDEM_TRAINER_TORCH_TRAINABLE_BERT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "model/bert_checkpoint.h"
#include "model/text_pair.h"
#include "trainer/torch/packed_sequences.h"
#include "trainer/torch/parameters.h"

namespace tandem::training {

// For one thread at a time.
class TrainableBert {
 public:
  // `type` is what matrices are multiplied in.
  TrainableBert(const BertCheckpoint& checkpoint, Pooling pooling, const NetworkOptions& options,
                std::uint64_t seed, at::ScalarType type);

  // Unit vectors: [sequences, hidden_size], float.
  at::Tensor encode(std::span<const std::vector<TokenId>> sequences) const;
  // The state of each pair's first token: [pairs, hidden_size], float.
  at::Tensor first_states(std::span<const TextPair> pairs) const;

  const Parameters& parameters() const { return parameters_; }
  const BertConfig& config() const { return config_; }

 private:
  struct Norm {
    at::Tensor weight;
    at::Tensor bias;
  };
  struct Linear {
    Matrix matrix;
    at::Tensor bias;
  };
  struct Layer {
    Linear query, key, value, attention_output;
    Norm attention_norm;
    Linear intermediate, output;
    Norm output_norm;
  };
  Linear load_linear(const std::string& name, std::int64_t out, std::int64_t in);
  Norm load_norm(const std::string& name);
  at::Tensor apply(const Linear& linear, const at::Tensor& x) const;
  at::Tensor apply(const Norm& norm, const at::Tensor& x) const;
  // [rows, hidden_size]. `types` [rows] are those of the tokens; undefined: all 0.
  at::Tensor states(const PackedSequences& packed, const at::Tensor& types) const;

  BertConfig config_;
  Pooling pooling_;
  at::ScalarType type_;
  Parameters parameters_;
  at::Tensor words_, positions_, types_;
  Norm embedding_norm_;
  std::vector<Layer> layers_;
};

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_TRAINABLE_BERT_H_
