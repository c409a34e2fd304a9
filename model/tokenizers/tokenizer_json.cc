#include "model/tokenizers/tokenizer_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/tokenizers/byte_level_bpe.h"
#include "model/tokenizers/json_steps.h"
#include "model/tokenizers/word_piece.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::size_t kDeepest = 64;
constexpr std::size_t kLongestAddedToken = 4096;

// nlohmann's parser does not recurse, but ours over "Sequence" does.
bool nested_too_deeply(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

TokenId read_id(const json& value, std::size_t limit) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= limit) {
    throw JsonShapeError("a token id is not a whole number from 0 to " + std::to_string(limit));
  }
  return static_cast<TokenId>(value.get<std::uint64_t>());
}

// Ids may have holes, but a file cannot make us reserve memory for ids that it does not use.
std::size_t id_limit(std::size_t entries) {
  return std::min<std::size_t>(entries * 2 + 100'000, 1u << 24);
}

std::vector<std::string> read_vocabulary(const json& vocabulary) {
  if (!vocabulary.is_object()) throw JsonShapeError("\"model.vocab\" is not an object");
  const std::size_t limit = id_limit(vocabulary.size());
  std::vector<std::string> tokens;
  for (const auto& [token, value] : vocabulary.items()) {
    const auto id = static_cast<std::size_t>(read_id(value, limit));
    if (id >= tokens.size()) tokens.resize(id + 1);
    tokens[id] = token;
  }
  return tokens;
}

std::vector<AddedToken> read_added_tokens(const json& root, std::size_t vocabulary_size) {
  std::vector<AddedToken> added;
  const json& list = member(root, "added_tokens");
  if (list.is_null()) return added;
  if (!list.is_array()) throw JsonShapeError("\"added_tokens\" is not an array");
  const std::size_t limit = id_limit(vocabulary_size + list.size());
  std::unordered_map<TokenId, bool> special;  // by id
  for (const json& entry : list) {
    AddedToken token;
    token.content = text_of(entry, "content");
    if (token.content.size() > kLongestAddedToken) {
      throw JsonShapeError("an added token is longer than " + std::to_string(kLongestAddedToken) +
                           " bytes");
    }
    token.id = read_id(member(entry, "id"), limit);
    token.special = flag_of(entry, "special", false);
    // The text of the one would become the control token that the other is.
    if (special.emplace(token.id, token.special).first->second != token.special) {
      throw JsonShapeError("the id " + std::to_string(token.id) +
                           " is that of a control token and of another one");
    }
    token.single_word = flag_of(entry, "single_word", false);
    token.lstrip = flag_of(entry, "lstrip", false);
    token.rstrip = flag_of(entry, "rstrip", false);
    token.normalized = flag_of(entry, "normalized", !token.special);
    added.push_back(std::move(token));
  }
  return added;
}

std::vector<std::pair<std::string, std::string>> read_merges(const json& list) {
  if (!list.is_array()) throw JsonShapeError("\"model.merges\" is not an array");
  std::vector<std::pair<std::string, std::string>> merges;
  merges.reserve(list.size());
  for (const json& entry : list) {
    if (entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string()) {
      merges.emplace_back(entry[0].get<std::string>(), entry[1].get<std::string>());
      continue;
    }
    // Files of before 2024 write a merge as one string with a space between.
    const std::string* line = entry.is_string() ? entry.get_ptr<const std::string*>() : nullptr;
    const std::size_t space = line != nullptr ? line->find(' ') : std::string::npos;
    if (space == std::string::npos || line->find(' ', space + 1) != std::string::npos) {
      throw JsonShapeError("merge " + std::to_string(merges.size()) + " is not a pair of entries");
    }
    merges.emplace_back(line->substr(0, space), line->substr(space + 1));
  }
  return merges;
}

std::unique_ptr<Tokenizer> read_word_piece(const json& root, const std::string& source) {
  const json& model = member(root, "model");
  WordPieceSpec spec;
  spec.source = source;
  spec.tokens = read_vocabulary(member(model, "vocab"));
  spec.added = read_added_tokens(root, spec.tokens.size());
  spec.unknown_token = text_of(model, "unk_token");
  spec.continuing_prefix = text_of(model, "continuing_subword_prefix");
  spec.max_characters_per_word = count_of(model, "max_input_chars_per_word", 100);
  spec.text = read_bert_normalizer(member(root, "normalizer"));
  if (type_of(member(root, "pre_tokenizer")) != "BertPreTokenizer") {
    throw unsupported_part("WordPiece with the pre-tokenizer",
                           type_of(member(root, "pre_tokenizer")));
  }
  read_surroundings(member(root, "post_processor"), spec.prefix, spec.suffix);
  return make_word_piece(std::move(spec));
}

std::unique_ptr<Tokenizer> read_byte_level_bpe(const json& root, const std::string& source) {
  const json& model = member(root, "model");
  for (const char* option : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const json& value = member(model, option);
    if (!value.is_null() && !text_of(model, option).empty()) {
      throw unsupported_part("BPE with", option);
    }
  }
  if (flag_of(model, "byte_fallback", false)) throw unsupported_part("BPE with", "byte_fallback");
  const json& dropout = member(model, "dropout");
  if (!dropout.is_null() && dropout != 0) throw unsupported_part("BPE with", "dropout");

  ByteLevelBpeSpec spec;
  spec.source = source;
  spec.tokens = read_vocabulary(member(model, "vocab"));
  spec.merges = read_merges(member(model, "merges"));
  spec.added = read_added_tokens(root, spec.tokens.size());
  spec.ignore_merges = flag_of(model, "ignore_merges", false);
  read_normalizer(member(root, "normalizer"), spec.normalizer);
  spec.pre_tokenizer = read_byte_level_pre_tokenizer(member(root, "pre_tokenizer"));
  read_surroundings(member(root, "post_processor"), spec.prefix, spec.suffix);
  return make_byte_level_bpe(std::move(spec));
}

// Ids around the text that no entry has would end outside of the model's embeddings.
void check_surroundings(const Tokenizer& tokenizer) {
  for (const std::span<const TokenId> ids : {tokenizer.prefix(), tokenizer.suffix()}) {
    for (const TokenId id : ids) {
      if (id < 0 || static_cast<std::size_t>(id) >= tokenizer.vocabulary_size()) {
        throw JsonShapeError("\"post_processor\" names the id " + std::to_string(id) +
                             ", which the vocabulary does not have");
      }
    }
  }
}

}  // namespace

std::unique_ptr<Tokenizer> make_tokenizer_from_json(std::string_view text,
                                                    const std::string& source) {
  constexpr const char* kAdvice = "fetch the file again";
  if (nested_too_deeply(text)) {
    throw Error(ErrorCode::kCorrupt, source + " is nested more than 64 levels deep", kAdvice);
  }
  try {
    const json root = json::parse(text);
    if (!root.is_object()) throw JsonShapeError("it is not an object");
    const json& model = member(root, "model");
    std::string type = type_of(model);
    // Files of the first versions leave the type out; merges tell.
    if (type.empty() && model.is_object() && model.contains("merges")) type = "BPE";
    std::unique_ptr<Tokenizer> tokenizer;
    if (type == "WordPiece") {
      tokenizer = read_word_piece(root, source);
    } else if (type == "BPE") {
      tokenizer = read_byte_level_bpe(root, source);
    } else {
      throw unsupported_part("the model type", type);
    }
    check_surroundings(*tokenizer);
    return tokenizer;
  } catch (const JsonShapeError& error) {
    throw Error(ErrorCode::kCorrupt, source + ": " + error.what(), kAdvice);
  } catch (const UnsupportedPart& part) {
    throw Error(ErrorCode::kUnsupported, source + ": " + part.what() + " is not understood here",
                "WordPiece as in BERT, byte-level BPE and SentencePiece `.model` files are");
  } catch (const json::exception& error) {
    throw Error(ErrorCode::kCorrupt,
                source + " is not valid JSON or not a tokenizer: " +
                    std::string(error.what()).substr(0, 300),
                kAdvice);
  }
}

}  // namespace tandem
