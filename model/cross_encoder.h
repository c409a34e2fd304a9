// A network that reads two texts together and says by one number how well they go together: a
// passage and the question it may answer (Nogueira and Cho 2019, arXiv:1901.04085).
//
// Reads a Hugging Face folder of BertForSequenceClassification, RobertaForSequenceClassification or
// XLMRobertaForSequenceClassification with one label, as `transformers` and the CrossEncoder of
// sentence-transformers save it. The encoder is model/bert.h; the head on the state s of the first
// token is w . tanh(W s + b) + c, the names of whose tensors differ by family.
#ifndef TANDEM_MODEL_CROSS_ENCODER_H_
#define TANDEM_MODEL_CROSS_ENCODER_H_

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/bert.h"
#include "model/bert_checkpoint.h"
#include "model/text_pair.h"

namespace tandem {

// The names of the head's tensors, with what stands before the names of the encoder's.
struct CrossEncoderNames {
  std::string dense;   // + ".weight" [hidden, hidden], + ".bias" [hidden]
  std::string output;  // + ".weight" [1, hidden], + ".bias" [1]
};
CrossEncoderNames cross_encoder_names(const BertConfig& config, const std::string& prefix);

// Immutable once loaded; safe from any thread, as BertModel is.
class CrossEncoder {
 public:
  // Throws as BertModel::load does, and kUnsupported for a folder without a head (an encoder for
  // vectors, say) or with one for several labels.
  static std::unique_ptr<CrossEncoder> load(const std::filesystem::path& folder,
                                            BertExecutor executor = BertExecutor::kFastest);

  const BertConfig& config() const { return encoder_->config(); }

  // The logit of each pair: the higher, the better they go together. Pairs are made by a PairLayout
  // of config(). Callers sort by length and keep batches small, as for BertModel::pooled_states().
  std::vector<float> score(std::span<const TextPair> pairs) const;

 private:
  CrossEncoder(std::unique_ptr<BertModel> encoder, const BertCheckpoint& checkpoint);

  std::unique_ptr<BertModel> encoder_;
  std::vector<float> dense_;       // [hidden, hidden]
  std::vector<float> dense_bias_;  // [hidden]
  std::vector<float> output_;      // [hidden]
  float output_bias_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_CROSS_ENCODER_H_
