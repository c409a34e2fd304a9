// What the commands that train have in common.
#ifndef TANDEM_CLI_TRAINING_OPTIONS_H_
#define TANDEM_CLI_TRAINING_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <cstddef>

#include "cli/progress.h"
#include "trainer/training.h"

namespace tandem {

void show_progress(const TrainingProgress& progress, ProgressLine& line);

// --epochs and --steps.
void add_length_options(CLI::App& command, double& epochs, std::size_t& steps);
// --checkpoint and --keep.
void add_checkpoint_options(CLI::App& command, std::size_t& every, std::size_t& kept);
// --threads.
void add_threads_option(CLI::App& command, int& threads);
// --precision.
void add_precision_option(CLI::App& command, TrainingPrecision& precision);

}  // namespace tandem

#endif  // TANDEM_CLI_TRAINING_OPTIONS_H_
