#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>

#include "base/error.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/options.h"

namespace {

int fail(const std::string& message) {
  if (tandem::log_format() == tandem::LogFormat::kJson) {
    tandem::log(tandem::LogLevel::kError, message);
  } else {
    std::fprintf(stderr, "tandem: %s\n", tandem::terminal_safe(message).c_str());
  }
  return tandem::kExitFailure;
}

int exit_status_of(const tandem::Error& error) {
  return error.code() == tandem::ErrorCode::kInvalidArgument ? tandem::kExitUsage
                                                             : tandem::kExitFailure;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Tandem: retrieval-augmented generation over your own documents.");
  app.name("tandem");
  app.set_version_flag("--version", "tandem " TANDEM_VERSION);
  app.footer(
      "Exit status: 0 success, 1 failure, 2 wrong usage, 3 some documents could not be read.");
  app.require_subcommand(1);
  bool verbose = false;
  app.add_flag("-v,--verbose", verbose, "Log more, texts of queries included");
  app.parse_complete_callback(
      [&] { tandem::set_log_level(verbose ? tandem::LogLevel::kDebug : tandem::LogLevel::kInfo); });
  int exit_status = tandem::kExitSuccess;
  tandem::add_index_command(app, exit_status);
  tandem::add_search_command(app);
  tandem::add_ask_command(app);
  tandem::add_serve_command(app);
  tandem::add_eval_command(app);
  tandem::add_check_command(app, exit_status);
  tandem::add_train_command(app);
  tandem::add_merge_command(app);
  tandem::add_runs_command(app);
  tandem::add_release_command(app);
  tandem::add_keys_command(app);
  tandem::add_feedback_command(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return tandem::kExitUsage;
  } catch (const tandem::Error& error) {
    fail(error.what());
    return exit_status_of(error);
  } catch (const std::bad_alloc&) {
    return fail("out of memory; use smaller models or a machine with more");
  } catch (const std::exception& error) {
    return fail(error.what());
  }
  return exit_status;
}
