// The weights of a BERT encoder (model/bert.h), before anything computes with them.
#ifndef TANDEM_MODEL_BERT_CHECKPOINT_H_
#define TANDEM_MODEL_BERT_CHECKPOINT_H_

#include <filesystem>
#include <memory>
#include <string>

#include "model/bert.h"
#include "model/weights.h"

namespace tandem {

// Immutable once opened; safe to read from any number of threads.
struct BertCheckpoint {
  // `config.json` and `model.safetensors` of a Hugging Face folder. Throws kNotFound for a file
  // that is missing, kCorrupt, and kUnsupported for an architecture or activation that is not
  // BERT's.
  static BertCheckpoint open(const std::filesystem::path& folder);

  BertConfig config;
  std::unique_ptr<WeightFile> file;
  std::string prefix;  // before the name of each tensor
};

}  // namespace tandem

#endif  // TANDEM_MODEL_BERT_CHECKPOINT_H_
