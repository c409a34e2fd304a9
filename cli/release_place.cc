#include "cli/release_place.h"

#include <fmt/format.h>

#include "base/error.h"
#include "cli/release_client.h"

namespace tandem {

bool ReleasePlace::is_server() const {
  if (!server.empty()) return true;
  if (!store.empty()) return false;
  throw Error(ErrorCode::kInvalidArgument, "neither --store nor --server is given",
              "name the folder of a store, or the URL of a server that has it open");
}

std::unique_ptr<Store> ReleasePlace::open(bool read_only) const {
  try {
    return Store::open(store, {.read_only = read_only, .create_if_missing = false});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnavailable) throw;
    throw Error(
        error.code(), fmt::format("the store {} is in use by another process", store.string()),
        "if that is tandem serve, have it do this: --server http://127.0.0.1:8080, or where "
        "it listens");
  }
}

void add_release_place(CLI::App& command, ReleasePlace& place) {
  command.add_option("-s,--store", place.store, "Folder of the store")
      ->envname("TANDEM_STORE")
      ->type_name("PATH");
  command
      .add_option("--server", place.server,
                  "A server that has the store open, such as http://127.0.0.1:8080: it does this "
                  "while it serves")
      ->type_name("URL");
}

ReleaseReport show_on(ProgressLine& line) {
  return [&line](std::string_view stage, std::uint64_t done, std::uint64_t total) {
    if (total == 0) {
      line.update(stage);
    } else {
      line.update(stage, done, total);
    }
  };
}

std::string make_release(const ReleasePlace& place, const ReleaseModels& models, bool promote) {
  ProgressLine line;
  if (place.is_server()) {
    return ReleaseClient(place.server).create(models, promote, show_on(line));
  }
  const auto store = place.open();
  const Release release = create_release(*store, models, show_on(line));
  if (promote) promote_release(*store, release.number, show_on(line));
  return release_name(release.number);
}

}  // namespace tandem
