// Making releases of models, and putting them into service: what can be done to a store that no
// server has open. A running server does the same by ReleaseJobs and Engine::promote.
#ifndef TANDEM_SERVER_RELEASES_H_
#define TANDEM_SERVER_RELEASES_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "store/store.h"

namespace tandem {

// Of a stage ("copying", "embedding", "indexing"), so much of all is done; 0 of 0 where nobody
// knows how much there is. May throw to stop: what was done by then is gone on with the next time.
using ReleaseReport =
    std::function<void(std::string_view stage, std::uint64_t done, std::uint64_t total)>;

struct ReleaseModels {
  std::filesystem::path encoder;    // a folder; empty: the encoder of the live release
  std::filesystem::path generator;  // a GGUF; empty: the generator of the live release, if any
  // What clients know them by; empty: as their paths say.
  std::string encoder_name = {};
  std::string generator_name = {};
};

// Copies the models into the store and embeds all passages with the encoder, beside the vectors
// there are; what is live goes on being so. Where the store has a release of these models, that is
// completed and given. `added` is told the release as soon as the store knows it. Throws
// kInvalidArgument for a store without an encoder, and what encoder and GGUF throw when they are
// opened.
Release create_release(Store& store, const ReleaseModels& models, const ReleaseReport& report,
                       const std::function<void(const Release&)>& added = {});

// Brings the release up to date and makes it live. Throws kNotFound.
void promote_release(Store& store, std::uint32_t number, const ReleaseReport& report);

// Throws kNotFound with advice.
Release find_release(const Store& store, std::string_view name);
// The one to go back to. Throws kNotFound if there is none.
Release find_previous(const Store& store);

}  // namespace tandem

#endif  // TANDEM_SERVER_RELEASES_H_
