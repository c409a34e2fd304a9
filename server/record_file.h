// What the server remembers in the store's folder, a JSON file each.
#ifndef TANDEM_SERVER_RECORD_FILE_H_
#define TANDEM_SERVER_RECORD_FILE_H_

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

// `prefix` and 24 random hexadecimal digits.
std::string random_id(std::string_view prefix);

// Throws as read_file() and nlohmann::json do, and kUnsupported where "version" is not `version`.
nlohmann::json read_record(const std::filesystem::path& path, std::uint64_t max_bytes, int version);

// Writes it with its "version", at once; the folder must be there. Text that came from elsewhere,
// such as a message of an error, may be anything: what is not UTF-8 becomes U+FFFD. Throws as
// write_file_atomic().
void write_record(const std::filesystem::path& path, nlohmann::json record, int version);

// Files and folders in `folder`, in any order; none if it is not there.
std::vector<std::filesystem::path> paths_in(const std::filesystem::path& folder);

// Whether the file is what a crash left of write_file_atomic().
bool is_unfinished(const std::filesystem::path& path);

// Makes the folder of records, and those that it lies in. Throws kResourceExhausted.
void make_record_folder(const std::filesystem::path& folder);

}  // namespace tandem

#endif  // TANDEM_SERVER_RECORD_FILE_H_
