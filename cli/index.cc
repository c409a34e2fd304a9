// tandem index: documents into the store.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "server/engine.h"

namespace tandem {
namespace {

struct IndexArguments {
  EngineOptions engine;
  std::string collection = kDefaultCollection;
  std::filesystem::path folder;
  std::optional<Attributes> attributes;
  std::optional<Readers> readers;
};

int run(const IndexArguments& arguments) {
  const std::unique_ptr<Engine> engine = Engine::open(arguments.engine);
  FolderReport report;
  {
    ProgressLine progress;
    report = engine->ingestor->ingest_folder(
        arguments.folder, arguments.collection,
        [&](const FolderProgress& state) { progress.update(state); }, arguments.attributes,
        arguments.readers);
  }
  // What is not in order when the program ends, every later command would have to make up for.
  engine->release()->index->settle();
  fmt::print("{} added, {} replaced, {} unchanged, {} passages written, {} of them encoded\n",
             report.added, report.replaced, report.unchanged, report.passages, report.encoded);
  if (report.updated > 0)
    fmt::print("{} changed in their attributes or readers alone\n", report.updated);
  if (report.skipped > 0) {
    fmt::print("{} files of other formats passed over\n", report.skipped);
  }
  if (report.failures.empty()) return kExitSuccess;
  fmt::print("{} files could not be read:\n", report.failures.size());
  for (const IngestFailure& failure : report.failures) {
    fmt::print("  {}: {}\n", one_line(failure.source, 200), one_line(failure.reason, 400));
  }
  return kExitPartial;
}

}  // namespace

void add_index_command(CLI::App& app, int& exit_status) {
  auto arguments = std::make_shared<IndexArguments>();
  arguments->engine.create_store = true;
  arguments->engine.with_generator = false;
  CLI::App* command = app.add_subcommand(
      "index",
      "Embed documents into the store. Reads files of text, Markdown, reStructuredText, Org, "
      "AsciiDoc, HTML, PDF, DOCX, PPTX, XLSX, ODT, ODS, ODP, EPUB, RTF, EML, CSV, TSV, JSON, JSON "
      "Lines and Jupyter notebooks below a folder; files that did not change since they were last "
      "indexed cost nothing, and of those that did only the changed passages are encoded. "
      "NAME.meta.json beside a file NAME holds attributes of it, as in {\"year\": 2020}. Broken "
      "files are reported at the end and never stop the others. Interrupting is safe: run it again "
      "to go on.");
  command->add_option("path", arguments->folder, "A folder or one file")
      ->required()
      ->check(CLI::ExistingPath);
  add_engine_options(*command, arguments->engine);
  add_index_option(*command, arguments->engine);
  add_collection_option(*command, arguments->collection);
  add_attribute_option(*command, arguments->attributes);
  command
      ->add_option("--reader", arguments->readers,
                   "Who alone may see the documents, such as group:hr; repeat it for more. "
                   "Without this option documents keep the readers that they have, and new ones "
                   "are for everybody who may use the collection")
      ->type_name("NAME");
  add_language_option(*command, arguments->engine.language);
  command->callback([arguments, &exit_status] { exit_status = run(*arguments); });
}

}  // namespace tandem
