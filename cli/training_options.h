// What the commands that train have in common.
#ifndef TANDEM_CLI_TRAINING_OPTIONS_H_
#define TANDEM_CLI_TRAINING_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <cstddef>
#include <map>
#include <string>

#include "cli/progress.h"
#include "trainer/training.h"

namespace tandem {

// A table of what dev questions brought, to standard output; nothing where `after` is empty.
void print_figures(const std::map<std::string, double>& before,
                   const std::map<std::string, double>& after);

void show_progress(const TrainingProgress& progress, ProgressLine& line);

// A command of `train` that has options of its own: what joint training requires is not asked for.
CLI::App* add_training_command(CLI::App& train, const char* name, const char* description);

// Throws kInvalidArgument where torchrun has started several processes, for a kind of training that
// runs in one.
void require_one_worker();

// --epochs and --steps; `what` is learned from so many times.
void add_length_options(CLI::App& command, double& epochs, std::size_t& steps,
                        const char* what = "question");
// --checkpoint and --keep.
void add_checkpoint_options(CLI::App& command, std::size_t& every, std::size_t& kept);
// --checkpoint-activations.
void add_checkpoint_activations(CLI::App& command, bool& recomputes);
// --threads.
void add_threads_option(CLI::App& command, int& threads);
// --precision.
void add_precision_option(CLI::App& command, TrainingPrecision& precision);

}  // namespace tandem

#endif  // TANDEM_CLI_TRAINING_OPTIONS_H_
