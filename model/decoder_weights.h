// The tensors of a decoder under one set of names, whatever file they are in.
//
// A decoder is a GGUF file, or a Hugging Face folder: `config.json` beside `model.safetensors`, or
// beside `model.safetensors.index.json` and the files it lists. Names are those of GGUF:
//
//   token_embd.weight             [vocabulary, hidden]
//   output_norm.weight            [hidden]
//   output.weight                 [vocabulary, hidden]; absent where tied_output
//   blk.N.attn_norm.weight        [hidden]
//   blk.N.attn_q.weight           [heads * head_size, hidden]
//   blk.N.attn_k.weight           [kv_heads * head_size, hidden]; attn_v alike
//   blk.N.attn_q.bias             [heads * head_size]; attn_k, attn_v alike  (query_key_value_bias)
//   blk.N.attn_q_norm.weight      [head_size]; attn_k_norm alike             (query_key_norm)
//   blk.N.attn_output.weight      [hidden, heads * head_size]
//   blk.N.post_attention_norm.weight  [hidden]                               (norm_after)
//   blk.N.ffn_norm.weight         [hidden]
//   blk.N.ffn_gate.weight         [intermediate, hidden]; ffn_up alike
//   blk.N.ffn_down.weight         [hidden, intermediate]
//   blk.N.post_ffw_norm.weight    [hidden]                                   (norm_after)
//
// Values stay as the file has them: see norm_weight_offset and rotary_pairs of DecoderConfig.
#ifndef TANDEM_MODEL_DECODER_WEIGHTS_H_
#define TANDEM_MODEL_DECODER_WEIGHTS_H_

#include <filesystem>
#include <memory>
#include <vector>

#include "model/decoder_config.h"
#include "model/gguf.h"
#include "model/weights.h"

namespace tandem {

// Exactly the tensors above, with those shapes: checked when opened. Immutable; safe to read from
// any number of threads.
class DecoderWeights final : public WeightFile {
 public:
  // Throws as read_decoder_config and the readers of weight files do; kCorrupt for a tensor that is
  // missing or misshapen; kUnsupported for one that the family does not have (experts, adapters):
  // leaving it out would give wrong logits without any error.
  static DecoderWeights open(const std::filesystem::path& path);
  // Borrows `file`, which must live as long.
  explicit DecoderWeights(const GgufFile& file);

  const DecoderConfig& config() const { return config_; }

  // The GGUF file or the folder.
  const std::filesystem::path& path() const override { return path_; }
  const std::vector<TensorView>& tensors() const override { return tensors_; }

 private:
  DecoderWeights() = default;

  std::filesystem::path path_;
  DecoderConfig config_;
  std::vector<std::unique_ptr<WeightFile>> files_;
  std::vector<TensorView> tensors_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_DECODER_WEIGHTS_H_
