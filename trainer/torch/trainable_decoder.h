// A decoder of the Llama lineage (model/decoder_config.h) with gradients.
#ifndef TANDEM_TRAINER_TORCH_TRAINABLE_DECODER_H_
#define TANDEM_TRAINER_TORCH_TRAINABLE_DECODER_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/decoder_weights.h"
#include "trainer/torch/packed_sequences.h"
#include "trainer/torch/parameters.h"
#include "trainer/torch/recomputed_layer.h"

namespace tandem::training {

// A prompt and the answer whose tokens are scored after it; neither is empty.
struct ScoredSequence {
  std::span<const TokenId> prompt;
  std::span<const TokenId> answer;
};

// For one thread at a time.
class TrainableDecoder {
 public:
  // `type` is what matrices are multiplied in. The file's quantised weights are expanded. With
  // `recomputes` only the inputs of layers are kept for the gradient (recomputed_layer.h).
  TrainableDecoder(const DecoderWeights& weights, const NetworkOptions& options, std::uint64_t seed,
                   at::ScalarType type, bool recomputes);

  // Log-likelihoods of all tokens of all answers, one after another: [tokens], float. All sequences
  // are one forward pass, and only rows that predict a token of an answer go through the output
  // layer.
  at::Tensor log_likelihoods(std::span<const ScoredSequence> sequences) const;

  // Of positions from 0: [positions, rotary_size / 2].
  struct Turns {
    at::Tensor cosines, sines;
  };

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
  // fused_functions.h says what of.
  std::pair<at::Tensor, at::Tensor> add_norm(const at::Tensor& x, const at::Tensor& change,
                                             const at::Tensor& weight, at::ScalarType type) const;
  // Of what a block adds, for the families that have one there.
  at::Tensor norm_after(const at::Tensor& change, const at::Tensor& weight) const;
  LayerState apply(const Layer& layer, const LayerState& state, const PackedSequences& packed,
                   const Turns& turns) const;
  at::Tensor attend(const Layer& layer, const at::Tensor& x, const PackedSequences& packed,
                    const Turns& turns) const;
  at::Tensor feed_forward(const Layer& layer, const at::Tensor& x) const;

  DecoderConfig config_;
  at::ScalarType type_;
  bool recomputes_;
  Parameters parameters_;
  at::Tensor embedding_;
  std::vector<Layer> layers_;
  at::Tensor output_norm_;
  Matrix output_;
};

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_TRAINABLE_DECODER_H_
