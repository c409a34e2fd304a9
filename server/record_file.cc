#include "server/record_file.h"

#include <fmt/format.h>

#include <random>

#include "base/error.h"
#include "base/file.h"

namespace tandem {

std::string random_id(std::string_view prefix) {
  std::random_device source;
  return fmt::format("{}{:08x}{:08x}{:08x}", prefix, source(), source(), source());
}

nlohmann::json read_record(const std::filesystem::path& path, std::uint64_t max_bytes,
                           int version) {
  nlohmann::json record = nlohmann::json::parse(read_file(path, max_bytes));
  if (record.at("version") != version) {
    throw Error(ErrorCode::kUnsupported, "it was written by a newer version of Tandem");
  }
  return record;
}

void write_record(const std::filesystem::path& path, nlohmann::json record, int version) {
  record["version"] = version;
  write_file_atomic(path,
                    record.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

std::vector<std::filesystem::path> paths_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    paths.push_back(entry.path());
  }
  return paths;
}

bool is_unfinished(const std::filesystem::path& path) {
  return path.filename().string().find(".tmp.") != std::string::npos;
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
