// What tells one decoder of the Llama lineage from another: Llama 2 and 3, TinyLlama, SmolLM2,
// Mistral, Qwen 2 and 3, Gemma 3. One description, two executors: TorchDecoder (where there is a
// gradient) and CpuDecoder (model/cpu_decoder.h) both run what is written here, and nothing else
// decides what a family computes.
//
// A layer, with the optional parts in brackets:
//
//   a = norm(x);  q, k, v = a W_q [+ b_q], a W_k [+ b_k], a W_v [+ b_v]
//   [q, k = norm per head];  q, k = rotate(q, k)
//   x = x + [norm] (attention(q, k, v) W_o)
//   x = x + [norm] (down(activation(gate(norm(x))) * up(norm(x))))
#ifndef TANDEM_MODEL_DECODER_CONFIG_H_
#define TANDEM_MODEL_DECODER_CONFIG_H_

#include <filesystem>
#include <string>
#include <vector>

namespace tandem {

class GgufFile;

enum class DecoderActivation { kSilu, kGeluTanh };

// Which two numbers of a head turn together: i and i + 1 (GGUF files of architecture "llama", whose
// rows are permuted for that), or i and i + rotary_size / 2 (all others).
enum class RotaryPairs { kNeighbours, kHalves };

// How a kind of layer attends.
struct AttentionKind {
  int window = 0;                   // a position sees so many, itself included; 0: all before it
  std::vector<double> frequencies;  // [rotary_size / 2], radians per position, scaling included
  float rotary_magnitude = 1.0f;    // rotated queries and keys are multiplied by it (YaRN)
};

struct DecoderConfig {
  std::string architecture;  // as a GGUF names it: "llama", "qwen2", "qwen3", "gemma3"
  int layer_count = 0;
  int hidden_size = 0;
  int intermediate_size = 0;
  int head_count = 0;
  int kv_head_count = 0;
  int head_size = 0;
  int rotary_size = 0;
  int vocabulary_size = 0;
  int context_length = 0;
  float norm_epsilon = 0;
  // Added to every stored RMSNorm weight: 1 for a Gemma out of safetensors, else 0.
  float norm_weight_offset = 0;
  float query_scale = 0;      // of the products of queries and keys
  float embedding_scale = 1;  // of the embedded tokens (Gemma: sqrt(hidden_size))
  RotaryPairs rotary_pairs = RotaryPairs::kNeighbours;
  DecoderActivation activation = DecoderActivation::kSilu;
  bool query_key_value_bias = false;  // Qwen 2
  bool query_key_norm = false;        // Qwen 3, Gemma 3
  bool norm_after = false;            // Gemma 3: before each addition to the residual stream
  bool tied_output = false;           // the output layer is the embedding
  std::vector<AttentionKind> attention_kinds;
  std::vector<int> layer_attention;  // [layer_count], an index into attention_kinds
};

// The description in the metadata of a GGUF, or in the `config.json` of a Hugging Face folder. All
// numbers are checked, together too, before anything is allocated by them: head_count * head_size
// and every other size is at most 2^24, layers at most 1024, frequencies finite and above zero.
//
// Throws kUnsupported for another family, and for a setting of these families that the fields above
// cannot say (other rotary scalings, soft caps, two-way attention); kCorrupt for numbers that are
// missing or contradict each other; kNotFound without a config.json.
DecoderConfig read_decoder_config(const GgufFile& file);
DecoderConfig read_decoder_config(const std::filesystem::path& folder);

}  // namespace tandem

#endif  // TANDEM_MODEL_DECODER_CONFIG_H_
