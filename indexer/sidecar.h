// Attributes of a file, in a file beside it: NAME.meta.json holds those of NAME, a JSON object such
// as {"year": 2020, "language": "en", "draft": false}.
#ifndef TANDEM_INDEXER_SIDECAR_H_
#define TANDEM_INDEXER_SIDECAR_H_

#include <filesystem>
#include <optional>

#include "store/attributes.h"

namespace tandem {

bool is_sidecar(const std::filesystem::path& file);

// Nothing if `document` has none. Throws kInvalidArgument for one that is not such an object, and
// what read_file throws.
std::optional<Attributes> read_sidecar(const std::filesystem::path& document);

}  // namespace tandem

#endif  // TANDEM_INDEXER_SIDECAR_H_
