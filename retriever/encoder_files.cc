#include "retriever/encoder_files.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"

namespace tandem {
namespace {

constexpr std::uint64_t kMaxConfigBytes = 1 << 20;

}  // namespace

std::optional<nlohmann::json> read_encoder_json(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  auto json = nlohmann::json::parse(read_file(path, kMaxConfigBytes), nullptr, false);
  if (json.is_discarded())
    throw Error(ErrorCode::kCorrupt, fmt::format("{} is not JSON", path.string()),
                "fetch the model again");
  return json;
}

void require_vocabulary(const std::filesystem::path& folder, const Tokenizer& tokenizer,
                        const BertConfig& config) {
  if (tokenizer.vocabulary_size() <= static_cast<std::size_t>(config.vocabulary_size)) return;
  throw Error(ErrorCode::kCorrupt,
              fmt::format("the tokenizer in {} has {} tokens, the model only {}", folder.string(),
                          tokenizer.vocabulary_size(), config.vocabulary_size),
              "the files do not belong together; fetch the model again");
}

std::string folder_name(const std::filesystem::path& folder) {
  return folder.filename().empty() ? folder.parent_path().filename().string()
                                   : folder.filename().string();
}

}  // namespace tandem
