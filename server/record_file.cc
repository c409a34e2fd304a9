#include "server/record_file.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"

namespace tandem {

nlohmann::json read_record(const std::filesystem::path& path, std::uint64_t max_bytes,
                           int version) {
  nlohmann::json record = nlohmann::json::parse(read_file(path, max_bytes));
  if (record.at("version") != version) {
    throw Error(ErrorCode::kUnsupported, "it was written by a newer version of Tandem");
  }
  return record;
}

void make_record_folder(const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) {
    throw Error(ErrorCode::kResourceExhausted,
                fmt::format("cannot make the folder {}: {}", folder.string(), failure.message()),
                "check the store's folder and its disk");
  }
}

}  // namespace tandem
