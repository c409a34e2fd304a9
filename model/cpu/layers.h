// A decoder's weights as the kernels take them, in memory of their own.
#ifndef TANDEM_MODEL_CPU_LAYERS_H_
#define TANDEM_MODEL_CPU_LAYERS_H_

#include <cstddef>
#include <vector>

#include "model/cpu/linear.h"
#include "model/decoder_config.h"
#include "model/kernels/page_memory.h"
#include "model/weights.h"

namespace tandem::cpu {

// Vectors are empty where the family has none.
struct Layer {
  std::vector<float> attention_norm;
  Linear query_key_value;
  std::vector<float> query_key_value_bias;
  std::vector<float> query_norm;  // [head_size]
  std::vector<float> key_norm;
  Linear attention_output;
  std::vector<float> after_attention_norm;
  std::vector<float> feed_forward_norm;
  Matrix gate;
  Matrix up;
  Linear down;
  std::vector<float> after_feed_forward_norm;
  std::size_t attention_index = 0;  // into DecoderConfig::attention_kinds
};

struct Layers {
  kernels::PageArena arena;  // of the matrices
  InputForms forms;          // that any of the matrices takes
  Matrix embedding;          // empty where the output layer is the embedding
  std::vector<Layer> layers;
  std::vector<float> output_norm;
  Linear output;
};

// `weights` holds the tensors that `config` names, by their GGUF names; it is not needed later.
// Throws kCorrupt for a missing, misshapen or not finite tensor and kUnsupported for a format that
// the kernels do not know.
Layers load_layers(const WeightFile& weights, const DecoderConfig& config);

}  // namespace tandem::cpu

#endif  // TANDEM_MODEL_CPU_LAYERS_H_
