// Where releases are kept, and made: in a store, or by a server that has one open.
#ifndef TANDEM_CLI_RELEASE_PLACE_H_
#define TANDEM_CLI_RELEASE_PLACE_H_

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "cli/progress.h"
#include "server/releases.h"
#include "store/store.h"

namespace tandem {

struct ReleasePlace {
  std::filesystem::path store;
  std::string server;  // its URL; goes before the store

  // Throws kInvalidArgument if neither is given.
  bool is_server() const;
  // Throws as Store::open does, and says what to do where a server has the store open.
  std::unique_ptr<Store> open(bool read_only = false) const;
};

// --store and --server.
void add_release_place(CLI::App& command, ReleasePlace& place);

ReleaseReport show_on(ProgressLine& line);

// Makes a release, with a progress line, and returns its name when it is ready and, if that is
// asked for, live.
std::string make_release(const ReleasePlace& place, const ReleaseModels& models, bool promote);

}  // namespace tandem

#endif  // TANDEM_CLI_RELEASE_PLACE_H_
