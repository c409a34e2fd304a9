// Low-rank changes of matrices, kept apart from the model that they are for: w + scale b a (Hu et
// al. 2021, arXiv:2106.09685, section 4.1). A few megabytes where the model takes hundreds.
//
// Two kinds of files, each what others open too:
//   FOLDER/adapter_config.json and adapter_model.safetensors, as `peft` saves them: for a
//     transformers folder. NAME.weight of the model is changed by the tensors
//     base_model.model.NAME.lora_A.weight [rank, in] and ...lora_B.weight [out, rank].
//   FILE.gguf, as llama.cpp takes it by --lora: for a GGUF. NAME is changed by NAME.lora_a and
//     NAME.lora_b; `adapter.lora.alpha` is scale times rank.
#ifndef TANDEM_MODEL_LORA_H_
#define TANDEM_MODEL_LORA_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/weights.h"

namespace tandem {

// One matrix's. Immutable.
struct LowRankChange {
  std::int64_t rank = 0;
  std::vector<float> a;  // [rank, in]
  std::vector<float> b;  // [out, rank]
};

// By the names of the matrices in the model's file.
using LowRankChanges = std::map<std::string, LowRankChange>;

// Immutable; safe from any thread.
class LoraAdapter {
 public:
  // Throws kNotFound, kCorrupt (a factor without its other half, shapes that do not fit together,
  // numbers that are not finite) and kUnsupported (variants that are more than b a: DoRA, biases,
  // changed embeddings, scales by the root of the rank).
  static LoraAdapter open(const std::filesystem::path& path);

  LoraAdapter(std::filesystem::path path, double alpha, LowRankChanges changes);

  const LowRankChanges& changes() const { return changes_; }

  // The tensor with its change, as floats. Throws kInvalidArgument, saying for what the adapter
  // was made, if the shape is another one.
  std::vector<float> changed(const TensorView& tensor) const;
  // Throws kInvalidArgument if `model` lacks a matrix that the adapter changes.
  void check(const WeightFile& model) const;

 private:
  std::filesystem::path path_;
  double alpha_;  // scale = alpha / rank
  LowRankChanges changes_;
};

// `architecture` as the GGUF of the model has it. Factors are written in half precision, and their
// order in the file is that of their names. Throws as OutputFile does, and kInvalidArgument for
// numbers that a half cannot hold.
void write_lora_gguf(const std::filesystem::path& path, std::string_view architecture, double alpha,
                     const LowRankChanges& changes);
// `rank` and `alpha` go into the configuration; factors are floats rounded to halves.
void write_lora_folder(const std::filesystem::path& folder, double alpha,
                       const LowRankChanges& changes);

}  // namespace tandem

#endif  // TANDEM_MODEL_LORA_H_
