// The commands of the `tandem` program. Each function adds one subcommand to `app`; running it
// throws Error, which main() turns into a message and an exit status.
#ifndef TANDEM_CLI_COMMANDS_H_
#define TANDEM_CLI_COMMANDS_H_

#include <CLI/CLI.hpp>

namespace tandem {

// Exit statuses, as `tandem --help` states them.
inline constexpr int kExitSuccess = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitPartial = 3;  // done, but some documents could not be read

// `exit_status` is set by a command that ends without an error but not with success.
void add_index_command(CLI::App& app, int& exit_status);
void add_search_command(CLI::App& app);
void add_ask_command(CLI::App& app);
void add_serve_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_check_command(CLI::App& app, int& exit_status);
void add_train_command(CLI::App& app);
void add_train_reranker_command(CLI::App& train);
void add_train_preferences_command(CLI::App& train);
void add_merge_command(CLI::App& app);
void add_runs_command(CLI::App& app);
void add_release_command(CLI::App& app);
void add_keys_command(CLI::App& app);
void add_feedback_command(CLI::App& app);

}  // namespace tandem

#endif  // TANDEM_CLI_COMMANDS_H_
