// tandem feedback: what people said of answers, for training.
#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "server/answers/records.h"
#include "server/answers/training_lines.h"
#include "server/tuning/files.h"
#include "store/store.h"

namespace tandem {
namespace {

struct ExportArguments {
  std::filesystem::path store;
  std::filesystem::path output;
  std::filesystem::path corpus;
  TrainingLinesOptions lines;
};

void export_lines(const ExportArguments& arguments) {
  // Beside a server that has it open, too.
  const auto store = Store::open(arguments.store, {.read_only = true, .create_if_missing = false});
  const AnswerRecords records(store->folder(), true);
  const TrainingLines lines = training_lines(records, *store, arguments.lines);
  if (lines.conversations > 0) {
    fmt::print(stderr,
               "tandem: {} left out that lean on messages before them; --conversations takes them "
               "as if they stood alone\n",
               lines.conversations);
  }
  if (lines.changed > 0) {
    fmt::print(stderr, "tandem: {} left out whose passages are no longer in the store\n",
               lines.changed);
  }
  if (lines.count == 0) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("no feedback on answers from '{}' can be learned from so",
                            arguments.lines.collection),
                "give some on the page, or by POST /v1/feedback");
  }
  if (!arguments.corpus.empty()) {
    export_corpus(*store, arguments.lines.collection, arguments.corpus);
  }
  write_file_atomic(arguments.output, lines.text);
  fmt::print("{} lines in {}\n", lines.count, arguments.output.string());
}

}  // namespace

void add_feedback_command(CLI::App& app) {
  auto arguments = std::make_shared<ExportArguments>();
  CLI::App* command =
      app.add_subcommand("feedback", "What people said of the answers that a server gave.");
  command->require_subcommand(1);
  CLI::App* part = command->add_subcommand(
      "export",
      "Write it as lines for `tandem train` and `tandem train preferences`, also while a server "
      "has the store open.");
  add_store_option(*part, arguments->store);
  add_collection_option(*part, arguments->lines.collection);
  add_choice<TrainingKind>(*part, "--kind", arguments->lines.kind, training_kinds(),
                           "'questions' with their answers and passages, or 'preferences': pairs "
                           "of a correction and the answer that it corrects")
      ->default_str("questions");
  part->add_flag("--conversations", arguments->lines.conversations,
                 "Also questions with other messages before them, as if they stood alone");
  part->add_option("--corpus", arguments->corpus,
                   "File to write the passages of the collection to, which the lines name")
      ->type_name("FILE");
  part->add_option("-o,--output", arguments->output, "File to write")
      ->type_name("FILE")
      ->required();
  part->callback([arguments] { export_lines(*arguments); });
}

}  // namespace tandem
