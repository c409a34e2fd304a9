// How relevant passages are to a query, by a network that reads the two together
// (model/cross_encoder.h). It costs a pass of the network for each passage, so it orders anew what
// a search has found.
#ifndef TANDEM_RETRIEVER_RERANKER_H_
#define TANDEM_RETRIEVER_RERANKER_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/cross_encoder.h"
#include "model/tokenizers/tokenizer.h"
#include "retriever/dense_index.h"

namespace tandem {

// Longest sequence that the reranker in a folder was made for: `model_max_length` of
// tokenizer_config.json; nullopt if it names none. Throws kCorrupt for a file that is not JSON.
std::optional<std::size_t> reranker_max_tokens(const std::filesystem::path& folder);

// Immutable once opened; all methods may be called from any thread.
class Reranker {
 public:
  // Reads what CrossEncoder::load() does, the tokenizer and tokenizer_config.json. Throws as
  // CrossEncoder::load() and open_tokenizer() do.
  static std::unique_ptr<Reranker> open(const std::filesystem::path& folder);

  // The folder's name, for people and for /v1/models.
  const std::string& name() const { return name_; }

  // What the network is given for each passage.
  std::vector<TextPair> pairs(std::string_view query, std::span<const std::string> passages) const;
  // The logit of each pair: the higher, the more relevant. Pairs are batched by length and token
  // budget inside; a logit does not depend on what else is in the batch, to rounding.
  std::vector<float> score(std::span<const TextPair> pairs) const;

 private:
  explicit Reranker(const std::filesystem::path& folder);

  std::string name_;
  std::unique_ptr<CrossEncoder> model_;
  std::unique_ptr<Tokenizer> tokenizer_;
  PairLayout layout_;
};

// The probability that a logit stands for, from 0 to 1.
float relevance(float logit);

// How much a reranker's logits count beside the scores of the search, where nobody says: most of
// what is to be gained where it was trained, little to be lost where it was not (docs/results.md).
inline constexpr float kRerankWeight = 0.3f;

// `found`, best first, in the order that the logits of its passages give it together with the
// scores that it has: both are scaled so that the best is 1 and the worst 0, and the logits have
// `weight`, from 0 to 1, the scores the rest. Scores are then from 0 to 1. Safe from any thread.
std::vector<ScoredPassage> rerank(std::span<const ScoredPassage> found,
                                  std::span<const float> logits, float weight = kRerankWeight);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_RERANKER_H_
