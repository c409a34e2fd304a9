// The small files beside an encoder's weights. For the sources of this room.
#ifndef TANDEM_RETRIEVER_ENCODER_FILES_H_
#define TANDEM_RETRIEVER_ENCODER_FILES_H_

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace tandem {

// Nullopt if there is no such file. Throws kCorrupt if it is not JSON.
std::optional<nlohmann::json> read_encoder_json(const std::filesystem::path& path);

// Of a path that may end with a slash.
std::string folder_name(const std::filesystem::path& folder);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_ENCODER_FILES_H_
