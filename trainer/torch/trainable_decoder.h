// A decoder of the Llama lineage (model/decoder_config.h) with gradients.
#ifndef TANDEM_TRAINER_TORCH_TRAINABLE_DECODER_H_
#define TANDEM_TRAINER_TORCH_TRAINABLE_DECODER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/decoder_weights.h"
#include "trainer/torch/packed_sequences.h"
#include "trainer/torch/parameters.h"

namespace tandem::training {

// A prompt and the answer whose tokens are scored after it; neither is empty.
struct ScoredSequence {
  std::span<const TokenId> prompt;
  std::span<const TokenId> answer;
};

// For one thread at a time.
class TrainableDecoder {
 public:
  // `type` is what matrices are multiplied in. The file's quantised weights are expanded.
  TrainableDecoder(const DecoderWeights& weights, const NetworkOptions& options, std::uint64_t seed,
                   at::ScalarType type);

  // Log-likelihoods of all tokens of all answers, one after another: [tokens], float. All sequences
  // are one forward pass, and only rows that predict a token of an answer go through the output
  // layer.
  at::Tensor log_likelihoods(std::span<const ScoredSequence> sequences) const;

  const Parameters& parameters() const { return parameters_; }
  const DecoderConfig& config() const { return config_; }

 private:
  // Tensors of parts that a family lacks stay undefined.
  struct Layer {
    std::size_t kind = 0;
    at::Tensor attention_norm;
    Matrix query, key, value;
    at::Tensor query_bias, key_bias, value_bias;
    at::Tensor query_norm, key_norm;
    Matrix attention_output;
    at::Tensor after_attention_norm;
    at::Tensor feed_forward_norm;
    Matrix gate, up, down;
    at::Tensor after_feed_forward_norm;
  };
  Layer load_layer(int index);
  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight) const;
  at::Tensor attend(const Layer& layer, const at::Tensor& x, const PackedSequences& packed,
                    const at::Tensor& turn) const;
  at::Tensor feed_forward(const Layer& layer, const at::Tensor& x) const;

  DecoderConfig config_;
  at::ScalarType type_;
  Parameters parameters_;
  at::Tensor embedding_;
  std::vector<Layer> layers_;
  at::Tensor output_norm_;
  Matrix output_;
};

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_TRAINABLE_DECODER_H_
