// Tokenizers out of the metadata of a GGUF file.
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/gguf.h"
#include "model/tokenizers/byte_level_bpe.h"
#include "model/tokenizers/gguf_sentence_piece.h"
#include "model/tokenizers/gguf_vocabulary.h"
#include "model/tokenizers/token_type.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {
namespace {

// What `tokenizer.ggml.pre` stands for: the file names a model whose tokenizer.json says how text
// is cut, so the table repeats what those files say.
struct PreTokenizerName {
  const char* name;
  enum { kGpt2, kDigitsGpt2, kLlama3, kQwen2, kOldDefault } cut;
  bool nfc;  // the model's tokenizer.json normalises to NFC
  bool ignore_merges;
  bool begin_of_text;  // what a file means that does not say add_bos_token
};

constexpr PreTokenizerName kPreTokenizers[] = {
    {"gpt-2", PreTokenizerName::kGpt2, false, false, false},
    {"phi-2", PreTokenizerName::kGpt2, false, false, false},
    {"olmo", PreTokenizerName::kGpt2, true, false, false},
    {"smollm", PreTokenizerName::kDigitsGpt2, false, false, false},
    {"starcoder", PreTokenizerName::kDigitsGpt2, false, false, false},
    {"refact", PreTokenizerName::kDigitsGpt2, false, false, false},
    {"llama-bpe", PreTokenizerName::kLlama3, false, true, true},
    {"llama-v3", PreTokenizerName::kLlama3, false, true, true},
    {"llama3", PreTokenizerName::kLlama3, false, true, true},
    {"qwen2", PreTokenizerName::kQwen2, true, false, false},
    {"default", PreTokenizerName::kOldDefault, false, false, false},
};

const PreTokenizerName& find_pre_tokenizer(std::string_view name, const std::string& source) {
  for (const PreTokenizerName& known : kPreTokenizers) {
    if (name == known.name) return known;
  }
  std::string names;
  for (const PreTokenizerName& known : kPreTokenizers) {
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  throw Error(ErrorCode::kUnsupported,
              source + ": the pre-tokenizer \"" + std::string(name.substr(0, 100)) +
                  "\" (tokenizer.ggml.pre) is not known",
              "known are " + names);
}

PreTokenizer make_pre_tokenizer(const PreTokenizerName& known) {
  std::vector<std::unique_ptr<PreTokenizerStep>> steps;
  const auto add = [&](SplitPattern pattern) {
    steps.push_back(make_split_step({.pattern = pattern}));
  };
  switch (known.cut) {
    case PreTokenizerName::kGpt2:
      add(SplitPattern::kGpt2);
      break;
    case PreTokenizerName::kDigitsGpt2:
      steps.push_back(make_digits_step(true));
      add(SplitPattern::kGpt2);
      break;
    case PreTokenizerName::kLlama3:
      add(SplitPattern::kLlama3);
      break;
    case PreTokenizerName::kQwen2:
      add(SplitPattern::kQwen2);
      break;
    case PreTokenizerName::kOldDefault:
      // No model asks for this: it is how llama.cpp reads files from before the key existed.
      steps.push_back(make_split_step({.regex = R"([\p{P}\$\+<=>\^~\|]+)"}));
      add(SplitPattern::kGpt2);
      add(SplitPattern::kNumbers);
      add(SplitPattern::kThreeDigits);
      break;
  }
  return PreTokenizer(std::move(steps));
}

std::unique_ptr<Tokenizer> make_gpt2(const GgufVocabulary& vocabulary) {
  const GgufFile& file = vocabulary.file();
  const auto merges = file.texts("tokenizer.ggml.merges");
  if (!merges) {
    throw Error(ErrorCode::kCorrupt, vocabulary.source() + " has no tokenizer.ggml.merges",
                "use a GGUF that holds its tokenizer");
  }
  const PreTokenizerName& known =
      find_pre_tokenizer(file.text("tokenizer.ggml.pre").value_or("default"), vocabulary.source());

  ByteLevelBpeSpec spec;
  spec.source = vocabulary.source();
  spec.tokens.assign(vocabulary.tokens().begin(), vocabulary.tokens().end());
  spec.merges.reserve(merges->size());
  for (const std::string_view merge : *merges) {
    const std::size_t space = merge.find(' ');
    if (space == std::string_view::npos) {
      vocabulary.fail("merge " + std::to_string(spec.merges.size()) + " is not a pair of entries");
    }
    spec.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    const auto type = vocabulary.types().empty() ? TokenType::kNormal
                                                 : static_cast<TokenType>(vocabulary.types()[i]);
    const bool control =
        type == TokenType::kControl || (vocabulary.is_boundary(i) && spec.tokens[i].size() > 1);
    if (!control && type != TokenType::kUserDefined) continue;
    spec.added.push_back(
        {.content = spec.tokens[i], .id = static_cast<TokenId>(i), .special = control});
  }
  if (known.nfc) spec.normalizer = {NormalizerStep::kNfc};
  spec.pre_tokenizer = make_pre_tokenizer(known);
  spec.ignore_merges = known.ignore_merges;
  spec.prefix = vocabulary.surrounding("tokenizer.ggml.add_bos_token",
                                       "tokenizer.ggml.bos_token_id", known.begin_of_text);
  spec.suffix =
      vocabulary.surrounding("tokenizer.ggml.add_eos_token", "tokenizer.ggml.eos_token_id", false);
  return make_byte_level_bpe(std::move(spec));
}

}  // namespace

std::unique_ptr<Tokenizer> make_tokenizer(const GgufFile& file) {
  const std::string source = file.path().filename().string() + ": the tokenizer";
  const auto model = file.text("tokenizer.ggml.model");
  if (!model) {
    throw Error(ErrorCode::kCorrupt, source + " is missing (tokenizer.ggml.model)",
                "use a GGUF that holds its tokenizer");
  }
  if (*model == "gpt2") return make_gpt2(GgufVocabulary(file, source));
  if (*model == "llama") return make_gguf_sentence_piece(GgufVocabulary(file, source));
  throw Error(ErrorCode::kUnsupported,
              source + " is of the kind \"" + std::string(model->substr(0, 100)) +
                  "\", which is not understood",
              "\"gpt2\" (byte-level BPE: SmolLM2, Llama 3, Qwen) and \"llama\" (SentencePiece: "
              "Llama 2, Mistral, Gemma) are");
}

}  // namespace tandem
