// tandem runs: what runs of training were, and what came of them.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "trainer/run_record.h"
#include "trainer/run_report.h"

namespace tandem {
namespace {

struct RunsArguments {
  std::filesystem::path folder;
  std::filesystem::path run;
  std::filesystem::path output;
  bool json = false;
};

// What `tandem train` prints too, where some run has it.
constexpr const char* kFigures[] = {"recall@1",      "mrr",  "exact_match", "f1",
                                    "abstention_f1", "wins", "margin"};

void print_table(const RunRecords& records) {
  const auto& runs = records.runs;
  std::vector<const char*> figures;
  std::map<std::string, double> best;
  for (const char* const name : kFigures) {
    for (const RunRecord& run : runs) {
      const auto found = run.after.find(name);
      if (found == run.after.end()) continue;
      if (figures.empty() || figures.back() != name) figures.push_back(name);
      const auto [known, is_new] = best.emplace(name, found->second);
      known->second = std::max(known->second, found->second);
    }
  }
  std::size_t width = 3;
  for (const RunRecord& run : runs) width = std::max(width, terminal_safe(run.name).size());
  fmt::print("{:<{}}{:>8}{:>10}{:>10}", "run", width, "steps", "seconds", "best step");
  for (const char* const name : figures) fmt::print("{:>15}", name);
  fmt::print("\n");
  const std::vector<std::string> differing = differing_options(runs);
  for (const RunRecord& run : runs) {
    fmt::print("{:<{}}{:>8}{:>10.0f}{:>10}", terminal_safe(run.name), width, run.steps, run.seconds,
               run.ended ? std::to_string(run.best_step) : "not ended");
    for (const char* const name : figures) {
      const auto found = run.after.find(name);
      const std::string value =
          found == run.after.end()
              ? "-"
              : fmt::format("{}{:.3f}", runs.size() > 1 && found->second == best[name] ? "* " : "",
                            found->second);
      fmt::print("{:>15}", value);
    }
    fmt::print("\n");
    for (const std::string& name : differing) {
      const auto found = run.options.find(name);
      fmt::print("    {} {}\n", terminal_safe(name),
                 found == run.options.end() ? "-" : terminal_safe(found->second));
    }
  }
  for (const std::string& problem : records.unreadable)
    fmt::print(stderr, "tandem: {}\n", terminal_safe(problem));
}

void print_json(const RunRecords& records) {
  auto out = nlohmann::ordered_json::array();
  for (const RunRecord& run : records.runs)
    out.push_back({{"name", run.name},
                   {"ended", run.ended},
                   {"steps", run.steps},
                   {"seconds", run.seconds},
                   {"best_step", run.best_step},
                   {"best_by", run.best_by},
                   {"dev_before", run.before},
                   {"dev_after", run.after},
                   {"options", run.options}});
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void list(const RunsArguments& arguments) {
  if (arguments.folder.empty())
    throw Error(ErrorCode::kInvalidArgument, "the folder of the runs is missing",
                "see tandem runs --help");
  const RunRecords records = find_runs(arguments.folder);
  arguments.json ? print_json(records) : print_table(records);
}

}  // namespace

void add_runs_command(CLI::App& app) {
  auto arguments = std::make_shared<RunsArguments>();
  CLI::App* command = app.add_subcommand(
      "runs",
      "List the runs of `tandem train` in a folder: their figures on the dev questions, the best "
      "marked by *, and the options in which they differ.");
  command->add_option("folder", arguments->folder, "Folder of runs, or that of one")
      ->check(CLI::ExistingDirectory);
  command->add_flag("--json", arguments->json, "Print JSON instead of a table");
  CLI::App* report = command->add_subcommand(
      "report", "Write a page about a run, with its curves: one HTML file, to be read offline.");
  report->add_option("run", arguments->run, "Folder of the run")
      ->required()
      ->check(CLI::ExistingDirectory);
  report->add_option("-o,--output", arguments->output, "File to write")->required();
  report->callback(
      [arguments] { write_file_atomic(arguments->output, report_html(read_run(arguments->run))); });
  command->callback([command, arguments] {
    if (command->get_subcommands().empty()) list(*arguments);
  });
}

}  // namespace tandem
