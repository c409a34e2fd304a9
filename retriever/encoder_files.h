// The small files beside the weights of an encoder or a reranker. For the sources of this room.
#ifndef TANDEM_RETRIEVER_ENCODER_FILES_H_
#define TANDEM_RETRIEVER_ENCODER_FILES_H_

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "model/bert.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

// Nullopt if there is no such file. Throws kCorrupt if it is not JSON.
std::optional<nlohmann::json> read_encoder_json(const std::filesystem::path& path);

// Throws kCorrupt if the tokenizer of a folder has more tokens than its model.
void require_vocabulary(const std::filesystem::path& folder, const Tokenizer& tokenizer,
                        const BertConfig& config);

// Of a path that may end with a slash.
std::string folder_name(const std::filesystem::path& folder);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_ENCODER_FILES_H_
