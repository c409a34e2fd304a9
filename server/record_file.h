// What the server remembers in the store's folder, a JSON file each.
#ifndef TANDEM_SERVER_RECORD_FILE_H_
#define TANDEM_SERVER_RECORD_FILE_H_

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace tandem {

// Throws as read_file() and nlohmann::json do, and kUnsupported where "version" is not `version`.
nlohmann::json read_record(const std::filesystem::path& path, std::uint64_t max_bytes, int version);

// Makes the folder of records, and those that it lies in. Throws kResourceExhausted.
void make_record_folder(const std::filesystem::path& folder);

}  // namespace tandem

#endif  // TANDEM_SERVER_RECORD_FILE_H_
