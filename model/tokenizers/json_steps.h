// The parts of a `tokenizer.json` around its vocabulary: normalizer, pre-tokenizer, post-processor.
// Used by tokenizer_json.cc only.
#ifndef TANDEM_MODEL_TOKENIZERS_JSON_STEPS_H_
#define TANDEM_MODEL_TOKENIZERS_JSON_STEPS_H_

#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/tokenizers/bert_text.h"
#include "model/tokenizers/normalizer.h"
#include "model/tokenizers/pre_tokenizer.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

// Thrown where the file breaks its format; tokenizer_json.cc adds the file's name.
struct JsonShapeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Thrown for a valid part that is not implemented.
struct UnsupportedPart : std::runtime_error {
  using std::runtime_error::runtime_error;
};

UnsupportedPart unsupported_part(const std::string& what, const std::string& name);

// The member of an object, or null where it is absent. Throws JsonShapeError for a non-object.
const nlohmann::json& member(const nlohmann::json& object, const char* name);
std::string text_of(const nlohmann::json& object, const char* name);
bool flag_of(const nlohmann::json& object, const char* name, bool otherwise);
std::size_t count_of(const nlohmann::json& object, const char* name, std::size_t otherwise);
// The "type" of an object, or "" where there is none.
std::string type_of(const nlohmann::json& object);

BertTextOptions read_bert_normalizer(const nlohmann::json& normalizer);
void read_normalizer(const nlohmann::json& normalizer, std::vector<NormalizerStep>& steps);

// A chain of Split and Digits that ends with ByteLevel.
PreTokenizer read_byte_level_pre_tokenizer(const nlohmann::json& pre_tokenizer);

// The ids that a post-processor puts around a single text.
void read_surroundings(const nlohmann::json& post_processor, std::vector<TokenId>& prefix,
                       std::vector<TokenId>& suffix);

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_JSON_STEPS_H_
