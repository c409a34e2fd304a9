// The folder of a store, before RocksDB sees it.
#ifndef TANDEM_STORE_STORE_FOLDER_H_
#define TANDEM_STORE_STORE_FOLDER_H_

#include <filesystem>

#include "store/store.h"

namespace tandem {

// Makes the folder where `options` ask for it, and refuses what a newer program wrote before
// anything touches it. Throws as Store::open does.
void prepare_store_folder(const std::filesystem::path& folder, const StoreOptions& options);

// Once a store has been opened for writing: what is in it from now on is of this version.
void raise_store_version(const std::filesystem::path& folder);

}  // namespace tandem

#endif  // TANDEM_STORE_STORE_FOLDER_H_
