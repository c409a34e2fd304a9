// The folder of a store, before RocksDB sees it.
#ifndef TANDEM_STORE_STORE_FOLDER_H_
#define TANDEM_STORE_STORE_FOLDER_H_

#include <cstdint>
#include <filesystem>
#include <span>

#include "store/store.h"

namespace tandem {

// Makes the folder where `options` ask for it, and refuses what a newer program wrote before
// anything touches it. Throws as Store::open does.
void prepare_store_folder(const std::filesystem::path& folder, const StoreOptions& options);

// Once a store has been opened for writing: what is in it from now on is of this version.
void raise_store_version(const std::filesystem::path& folder);

// Removes what a crash left of releases that were being made or removed: all folders of releases
// (store/release.h) but those of the ones named, and of segments but those of the sets named. What
// cannot be removed is logged and tried again the next time.
void sweep_release_folders(const std::filesystem::path& folder,
                           std::span<const std::uint32_t> releases,
                           std::span<const std::uint32_t> sets);

}  // namespace tandem

#endif  // TANDEM_STORE_STORE_FOLDER_H_
