#include "store/store_folder.h"

#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "store/format.h"

namespace tandem {
namespace {

constexpr char kVersionFile[] = "VERSION";
constexpr char kVersionPrefix[] = "tandem-store ";

std::string this_version() {
  return kVersionPrefix + std::to_string(format::kStoreVersion) + "\n";
}

}  // namespace

void prepare_store_folder(const std::filesystem::path& folder, const StoreOptions& options) {
  const auto version_file = folder / kVersionFile;
  std::string content;
  try {
    content = read_file(version_file, 256);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    if (std::filesystem::exists(folder / "db" / "CURRENT")) {
      throw Error(ErrorCode::kCorrupt,
                  "the store " + folder.string() + " has lost its file " + kVersionFile,
                  "restore the store from a backup, or index the documents into a new one");
    }
    if (options.read_only || !options.create_if_missing) {
      throw Error(ErrorCode::kNotFound, "there is no store at " + folder.string(),
                  "make one with: tandem index FOLDER --store " + folder.string());
    }
    std::error_code failure;
    std::filesystem::create_directories(folder / "db", failure);
    if (failure) {
      throw Error(failure == std::errc::no_space_on_device ? ErrorCode::kResourceExhausted
                                                           : ErrorCode::kInvalidArgument,
                  "cannot make the folder " + folder.string() + ": " + failure.message(),
                  "name a folder that can be written to");
    }
    write_file_atomic(version_file, this_version());
    return;
  }

  std::uint32_t version = 0;
  const std::string_view digits = std::string_view(content).substr(
      content.starts_with(kVersionPrefix) ? sizeof(kVersionPrefix) - 1 : content.size());
  for (const char c : digits.substr(0, 9)) {
    if (c < '0' || c > '9') break;
    version = version * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (version == 0) {
    throw Error(ErrorCode::kCorrupt,
                version_file.string() + " does not say the version of a Tandem store",
                "name the folder of a store, or restore it from a backup");
  }
  if (version > format::kStoreVersion) {
    throw Error(ErrorCode::kUnsupported,
                "the store " + folder.string() + " has format version " + std::to_string(version) +
                    ", this program knows versions up to " + std::to_string(format::kStoreVersion),
                "use the newer version of Tandem that wrote it");
  }
  if (options.read_only && !std::filesystem::exists(folder / "db" / "CURRENT")) {
    throw Error(ErrorCode::kNotFound, "the store at " + folder.string() + " is still empty",
                "index documents into it first");
  }
}

void sweep_release_folders(const std::filesystem::path& folder,
                           std::span<const std::uint32_t> releases,
                           std::span<const std::uint32_t> sets) {
  std::set<std::filesystem::path> kept;
  for (const std::uint32_t number : releases) kept.insert(release_folder(folder, number));
  for (const std::uint32_t number : sets) kept.insert(segments_folder(folder, number));
  std::error_code failure;
  const auto sweep = [&](const std::filesystem::path& parent, std::string_view prefix) {
    for (const auto& entry : std::filesystem::directory_iterator(parent, failure)) {
      if (!entry.path().filename().string().starts_with(prefix) || kept.contains(entry.path())) {
        continue;
      }
      std::error_code fault;
      std::filesystem::remove_all(entry.path(), fault);
      if (fault) log_warning("cannot remove {}: {}", entry.path().string(), fault.message());
    }
  };
  sweep(folder, "segments.");
  sweep(folder / "releases", "r");
}

void raise_store_version(const std::filesystem::path& folder) {
  if (read_file(folder / kVersionFile, 256) == this_version()) return;
  write_file_atomic(folder / kVersionFile, this_version());
}

}  // namespace tandem
