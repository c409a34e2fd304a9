#include "model/tokenizers/gguf_vocabulary.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"

namespace tandem {
namespace {

// Some ten times the longest in use. Searching a text for tokens, and the recursion of
// SentencePiece over the parts of an unused one, take as many steps as a token has bytes.
constexpr std::size_t kLongestToken = 4096;

}  // namespace

GgufVocabulary::GgufVocabulary(const GgufFile& file, const std::string& source)
    : file_(file), source_(source) {
  auto tokens = file.texts("tokenizer.ggml.tokens");
  if (!tokens || tokens->empty() ||
      tokens->size() > static_cast<std::size_t>(std::numeric_limits<TokenId>::max())) {
    throw Error(ErrorCode::kCorrupt, source + " has no vocabulary (tokenizer.ggml.tokens)",
                "use a GGUF that holds its tokenizer");
  }
  tokens_ = std::move(*tokens);
  const auto too_long = std::ranges::find_if(
      tokens_, [](std::string_view token) { return token.size() > kLongestToken; });
  if (too_long != tokens_.end()) {
    fail("token " + std::to_string(too_long - tokens_.begin()) + " has " +
         std::to_string(too_long->size()) + " bytes");
  }
  if (auto types = file.integers("tokenizer.ggml.token_type")) {
    if (types->size() != tokens_.size()) {
      fail("tokenizer.ggml.token_type has " + std::to_string(types->size()) + " entries for " +
           std::to_string(tokens_.size()) + " tokens");
    }
    types_ = std::move(*types);
  }
  for (const char* key : {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
                          "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    if (const auto boundary = file.integer(key)) boundaries_.push_back(*boundary);
  }
}

bool GgufVocabulary::is_boundary(std::size_t i) const {
  return std::ranges::find(boundaries_, static_cast<std::int64_t>(i)) != boundaries_.end();
}

std::optional<TokenId> GgufVocabulary::id(const char* key) const {
  const std::optional<std::int64_t> value = file_.integer(key);
  if (!value) return {};
  if (*value < 0 || static_cast<std::uint64_t>(*value) >= tokens_.size()) {
    fail(std::string(key) + " is " + std::to_string(*value) +
         ", which the vocabulary does not have");
  }
  return static_cast<TokenId>(*value);
}

std::vector<TokenId> GgufVocabulary::surrounding(const char* flag, const char* key,
                                                 bool otherwise) const {
  if (!file_.boolean(flag).value_or(otherwise)) return {};
  const std::optional<TokenId> token = id(key);
  return token ? std::vector{*token} : std::vector<TokenId>();
}

void GgufVocabulary::fail(const std::string& fault) const {
  throw Error(ErrorCode::kCorrupt, source_ + ": " + fault, "fetch the file again");
}

}  // namespace tandem
