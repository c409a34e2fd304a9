#include "indexer/sidecar.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "retriever/attribute_json.h"

namespace tandem {
namespace {

constexpr char kSuffix[] = ".meta.json";
// More than the attributes that a document may have, with every character escaped.
constexpr std::uint64_t kMaxBytes = 256u << 10;

}  // namespace

bool is_sidecar(const std::filesystem::path& file) {
  return file.filename().string().ends_with(kSuffix);
}

std::optional<Attributes> read_sidecar(const std::filesystem::path& document) {
  const std::filesystem::path file = document.string() + kSuffix;
  std::error_code failure;
  if (!std::filesystem::is_regular_file(file, failure)) return std::nullopt;
  const auto json = nlohmann::json::parse(read_file(file, kMaxBytes), nullptr, false);
  const std::string name = repair_utf8(file.filename().string());
  if (json.is_discarded()) {
    throw Error(ErrorCode::kInvalidArgument, name + " is not JSON",
                "write it as in {\"year\": 2020, \"language\": \"en\"}");
  }
  return parse_attributes(json, name);
}

}  // namespace tandem
