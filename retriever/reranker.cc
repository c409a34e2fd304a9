#include "retriever/reranker.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "retriever/encoder_files.h"
#include "retriever/fusion.h"
#include "retriever/token_batches.h"

namespace tandem {
namespace {

constexpr const char* kFolderAdvice =
    "give the folder of a cross-encoder: config.json, model.safetensors, tokenizer.json or "
    "vocab.txt";

}  // namespace

std::optional<std::size_t> reranker_max_tokens(const std::filesystem::path& folder) {
  const auto json = read_encoder_json(folder / "tokenizer_config.json");
  if (!json || !json->is_object()) return std::nullopt;
  // Where nothing is known `transformers` writes 1e30, which is no integer.
  const auto found = json->find("model_max_length");
  if (found == json->end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::size_t>();
}

Reranker::Reranker(const std::filesystem::path& folder)
    : name_(folder_name(folder)),
      model_(CrossEncoder::load(folder)),
      tokenizer_(open_tokenizer(folder)),
      layout_(model_->config(), *tokenizer_,
              reranker_max_tokens(folder).value_or(std::numeric_limits<std::size_t>::max())) {
  require_vocabulary(folder, *tokenizer_, model_->config());
}

std::unique_ptr<Reranker> Reranker::open(const std::filesystem::path& folder) {
  try {
    return std::unique_ptr<Reranker>(new Reranker(folder));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    throw Error(ErrorCode::kNotFound, error.message(), kFolderAdvice);
  }
}

std::vector<TextPair> Reranker::pairs(std::string_view query,
                                      std::span<const std::string> passages) const {
  const std::vector<TokenId> question = tokenizer_->encode(query);
  std::vector<TextPair> pairs;
  pairs.reserve(passages.size());
  for (const std::string& passage : passages)
    pairs.push_back(layout_.join(question, tokenizer_->encode(passage)));
  return pairs;
}

std::vector<float> Reranker::score(std::span<const TextPair> pairs) const {
  std::vector<std::size_t> lengths;
  lengths.reserve(pairs.size());
  for (const TextPair& pair : pairs) lengths.push_back(pair.tokens.size());
  std::vector<float> logits(pairs.size());
  for (const auto& places : batches_by_length(lengths)) {
    std::vector<TextPair> batch;
    batch.reserve(places.size());
    for (const std::size_t place : places) batch.push_back(pairs[place]);
    const std::vector<float> scored = model_->score(batch);
    for (std::size_t i = 0; i < places.size(); ++i) logits[places[i]] = scored[i];
  }
  return logits;
}

std::vector<ScoredPassage> rerank(std::span<const ScoredPassage> found,
                                  std::span<const float> logits, float weight) {
  TANDEM_CHECK(found.size() == logits.size());
  std::vector<ScoredPassage> scored;
  for (std::size_t i = 0; i < found.size(); ++i) scored.push_back({found[i].id, logits[i]});
  std::stable_sort(
      scored.begin(), scored.end(),
      [](const ScoredPassage& a, const ScoredPassage& b) { return a.score > b.score; });
  return fuse(found, scored, found.size(), {.method = Fusion::kScores, .lexical_weight = weight});
}

float relevance(float logit) {
  return 1.0f / (1.0f + std::exp(-logit));
}

}  // namespace tandem
