// tandem check: whether everything in a store is as it should be.
#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "retriever/segment_check.h"
#include "store/check.h"

namespace tandem {
namespace {

void print(const ProblemList& problems) {
  for (const std::string& problem : problems.kept()) fmt::print("- {}\n", one_line(problem, 400));
  if (problems.count() > problems.kept().size()) {
    fmt::print("- and {} more of this kind\n", problems.count() - problems.kept().size());
  }
}

int run(const std::filesystem::path& folder) {
  const StoreCheck records = check_store(folder);
  fmt::print("{} collections, {} documents, {} passages, {} vectors, {} releases\n",
             records.collections, records.documents, records.passages, records.vectors,
             records.releases);
  print(records.problems);

  const auto store = Store::open(folder, {.read_only = true});
  const SegmentCheck segments = check_segments(*store);
  fmt::print("{} index segments with {} passages\n", segments.segments, segments.passages);
  print(segments.problems);

  if (records.problems.count() > 0) {
    fmt::print(
        "The store is damaged. Restore it from a backup, or index the documents into a new "
        "one.\n");
  } else if (segments.problems.count() > 0) {
    fmt::print(
        "Nothing is lost: the next tandem index or tandem serve makes these segments "
        "again.\n");
  } else {
    fmt::print("Everything is as it should be.\n");
  }
  return records.problems.count() + segments.problems.count() > 0 ? kExitFailure : kExitSuccess;
}

}  // namespace

void add_check_command(CLI::App& app, int& exit_status) {
  auto folder = std::make_shared<std::filesystem::path>();
  CLI::App* command = app.add_subcommand(
      "check",
      "Read every record and every index file of a store and compare them with each other and with "
      "their checksums. Changes nothing, and may be run beside a server. Exit status 0 if all is "
      "well, 1 if anything is damaged, with a line for each damage that says what it means.");
  add_store_option(*command, *folder);
  command->callback([folder, &exit_status] { exit_status = run(*folder); });
}

}  // namespace tandem
