#include "model/tokenizers/tokenizer.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "model/tokenizers/fairseq_ids.h"
#include "model/tokenizers/sentence_piece.h"
#include "model/tokenizers/tokenizer_json.h"
#include "model/tokenizers/word_piece.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Several times the largest that is published; a file of another kind is refused before it is read.
constexpr std::uint64_t kLargestFile = 256 << 20;

// `tokenizer_config.json`, or an empty object: it only refines what the other files say.
json read_config(const fs::path& folder) {
  const fs::path path = folder / "tokenizer_config.json";
  if (!fs::exists(path)) return json::object();
  json config = json::parse(read_file(path, kLargestFile), nullptr, false);
  if (!config.is_object()) {
    throw Error(ErrorCode::kCorrupt, path.string() + " is not a JSON object",
                "fetch the file again, or remove it");
  }
  return config;
}

bool flag(const json& config, const char* name, bool otherwise) {
  const auto found = config.find(name);
  return found != config.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

std::unique_ptr<Tokenizer> open_vocab_txt(const fs::path& folder) {
  const json config = read_config(folder);
  BertTextOptions text;
  text.lowercase = flag(config, "do_lower_case", true);
  text.strip_accents = flag(config, "strip_accents", text.lowercase);
  text.handle_chinese_chars = flag(config, "tokenize_chinese_chars", true);
  const fs::path path = folder / "vocab.txt";
  return make_word_piece_from_lines(read_file(path, kLargestFile), path.string(), text);
}

// XLM-R and its relatives name their model so, and number its tokens as fairseq does.
constexpr const char* kShiftedName = "sentencepiece.bpe.model";

fs::path find_sentence_piece(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".model") found.push_back(entry.path());
  }
  return found.empty() ? fs::path() : *std::min_element(found.begin(), found.end());
}

std::unique_ptr<Tokenizer> open_sentence_piece(const fs::path& folder, const fs::path& path) {
  if (path.filename() == kShiftedName)
    return with_fairseq_ids(make_sentence_piece(read_file(path, kLargestFile), path.string(), {}),
                            path.string());
  const json config = read_config(folder);
  SentencePieceOptions options;
  options.add_begin = flag(config, "add_bos_token", true);
  options.add_end = flag(config, "add_eos_token", false);
  return make_sentence_piece(read_file(path, kLargestFile), path.string(), options);
}

// Whether the vocabulary of a tokenizer.json gives each of its entries the id that it has in
// `tokenizer`. A `.model` beside an unsupported tokenizer.json may be used only then.
bool same_ids(const std::string& text, const Tokenizer& tokenizer) {
  const json root = json::parse(text, nullptr, false);
  const json::json_pointer pointer("/model/vocab");
  if (!root.is_object() || !root.contains(pointer)) return false;
  const json& vocabulary = root.at(pointer);
  const auto same = [&](const std::string& token, std::int64_t id) {
    return tokenizer.find(token) == std::optional(static_cast<TokenId>(id));
  };
  if (vocabulary.is_object()) {
    return std::all_of(vocabulary.items().begin(), vocabulary.items().end(), [&](const auto& item) {
      return item.value().is_number_integer() && same(item.key(), item.value());
    });
  }
  if (!vocabulary.is_array()) return false;
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const json& entry = vocabulary[i];
    if (!entry.is_array() || entry.empty() || !entry[0].is_string() ||
        !same(entry[0], static_cast<std::int64_t>(i))) {
      return false;
    }
  }
  return true;
}

std::unique_ptr<Tokenizer> open_tokenizer_json(const fs::path& folder) {
  const fs::path path = folder / "tokenizer.json";
  const std::string text = read_file(path, kLargestFile);
  try {
    return make_tokenizer_from_json(text, path.string());
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    const fs::path model = find_sentence_piece(folder);
    if (model.empty()) throw;
    auto tokenizer = open_sentence_piece(folder, model);
    if (!same_ids(text, *tokenizer)) throw;
    return tokenizer;
  }
}

}  // namespace

std::string Tokenizer::decode(std::span<const TokenId> ids) const {
  std::string bytes;
  for (const TokenId id : ids) bytes += token_bytes(id);
  return repair_utf8(bytes);
}

std::unique_ptr<Tokenizer> open_tokenizer(const fs::path& model_folder) {
  if (!fs::is_directory(model_folder)) {
    throw Error(ErrorCode::kNotFound, "there is no model folder " + model_folder.string(),
                "give the folder that holds config.json and tokenizer.json");
  }
  if (fs::exists(model_folder / "tokenizer.json")) return open_tokenizer_json(model_folder);
  if (fs::exists(model_folder / "vocab.txt")) return open_vocab_txt(model_folder);
  if (const fs::path model = find_sentence_piece(model_folder); !model.empty()) {
    return open_sentence_piece(model_folder, model);
  }
  throw Error(ErrorCode::kNotFound, model_folder.string() + " holds no tokenizer",
              "it needs a tokenizer.json, a vocab.txt or a SentencePiece .model");
}

}  // namespace tandem
