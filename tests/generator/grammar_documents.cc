// Writes and reads documents of a grammar for live_grammar.py, which has them judged by an
// independent validator.
//
//   grammar_documents FILE.gguf
//
// Standard input holds one JSON object a line:
//   {"schema": ..., "seed": 1, "count": 3}   answered by {"documents": ["...", ...]}, made of
//   tokens
//                                            chosen at random among those that are allowed
//   {"schema": ..., "text": "..."}           answered by {"accepted": true}: whether the
//   tokenizer's
//                                            tokens of the text are allowed one after the other
// A schema that is refused is answered by {"error": "..."}. "schema" null is any JSON object.
#include <cctype>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "generator/grammar/grammar_matcher.h"
#include "model/gguf.h"
#include "model/tokenizers/tokenizer.h"

namespace {

using tandem::TokenId;
using Json = nlohmann::ordered_json;

// After this many tokens the walk takes what brings the document to its end.
constexpr std::size_t kLongWalk = 60;
constexpr std::size_t kLongestWalk = 1'000;

bool has_bit(const std::vector<std::uint64_t>& bits, TokenId id) {
  return (bits[static_cast<std::size_t>(id) / 64] >> (id % 64) & 1) != 0;
}

class Writer {
 public:
  Writer(std::shared_ptr<const tandem::TokenMasks> masks, std::uint64_t seed)
      : masks_(std::move(masks)), random_(seed), bits_(masks_->vocabulary().words()) {}

  // None where chance leads nowhere for too long.
  std::optional<std::string> write() {
    tandem::GrammarMatcher matcher(masks_);
    std::string text;
    while (!matcher.finished()) {
      if (matcher.size() == kLongestWalk) return std::nullopt;
      TANDEM_CHECK(matcher.allowed(bits_));
      const TokenId token = choose(matcher.size() > kLongWalk);
      TANDEM_CHECK(matcher.accept(token));
      text += masks_->vocabulary().bytes(token);
    }
    return text;
  }

 private:
  // Most of a vocabulary is words: what ends a text, or an address before its "@", would hardly
  // ever be chosen if all tokens were equal.
  TokenId choose(bool to_the_end) {
    const tandem::TokenVocabulary& vocabulary = masks_->vocabulary();
    std::vector<TokenId> allowed;
    std::vector<TokenId> marks;
    std::vector<TokenId> closing;
    for (TokenId id = 0; id < static_cast<TokenId>(vocabulary.size()); ++id) {
      if (!has_bit(bits_, id)) continue;
      const std::string_view bytes = vocabulary.bytes(id);
      allowed.push_back(id);
      if (vocabulary.is_end(id) || bytes == "null" ||
          bytes.find_first_not_of("\\\"]}") == std::string_view::npos)
        closing.push_back(id);
      if (bytes.size() == 1 && std::ispunct(static_cast<unsigned char>(bytes[0])) != 0)
        marks.push_back(id);
    }
    const std::uint64_t dice = random_() % 16;
    const auto& from = !closing.empty() && dice < (to_the_end ? 12 : 2) ? closing
                       : !marks.empty() && dice < (to_the_end ? 14 : 4) ? marks
                                                                        : allowed;
    return from[random_() % from.size()];
  }

  std::shared_ptr<const tandem::TokenMasks> masks_;
  std::mt19937_64 random_;
  std::vector<std::uint64_t> bits_;
};

Json answer(const Json& request, const tandem::Tokenizer& tokenizer,
            const std::shared_ptr<const tandem::TokenVocabulary>& vocabulary) {
  const auto grammar = request.at("schema").is_null()
                           ? tandem::Grammar::any_json_object()
                           : tandem::Grammar::from_json_schema(request.at("schema"));
  const auto masks = std::make_shared<const tandem::TokenMasks>(grammar, vocabulary);
  if (request.contains("text")) {
    tandem::GrammarMatcher matcher(masks);
    std::vector<std::uint64_t> bits(vocabulary->words());
    for (const TokenId token : tokenizer.encode(request.at("text").get<std::string>()))
      if (!matcher.allowed(bits) || !has_bit(bits, token) || !matcher.accept(token))
        return {{"accepted", false}};
    return {{"accepted", matcher.complete()}};
  }
  Writer writer(masks, request.at("seed").get<std::uint64_t>());
  Json documents = Json::array();
  for (int i = 0; i < request.at("count").get<int>(); ++i)
    if (const auto document = writer.write()) documents.push_back(*document);
  return {{"documents", documents}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: grammar_documents FILE.gguf\n";
    return 2;
  }
  try {
    const auto tokenizer = tandem::make_tokenizer(*tandem::open_gguf(argv[1]));
    const TokenId ends[] = {tokenizer->find("<|im_end|>").value()};
    const auto vocabulary = std::make_shared<const tandem::TokenVocabulary>(*tokenizer, ends);
    std::string line;
    while (std::getline(std::cin, line)) {
      try {
        std::cout << answer(Json::parse(line), *tokenizer, vocabulary).dump() << std::endl;
      } catch (const tandem::Error& error) {
        if (error.code() == tandem::ErrorCode::kInternal) throw;
        std::cout << Json{{"error", error.what()}}.dump() << std::endl;
      }
    }
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
