// How runs of training end before their end.
#ifndef TANDEM_TRAINER_RUN_ERRORS_H_
#define TANDEM_TRAINER_RUN_ERRORS_H_

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

namespace tandem {

// Throws kInternal for a step, counted from 1, whose loss or gradient is not a finite number,
// naming those of its examples that have none when `is_finite` asks for each alone; all, where each
// has one. Nothing is saved: what came before this step led here, and the checkpoints may be
// better.
[[noreturn]] void refuse_step(std::size_t step, std::span<const std::string> ids,
                              const std::function<bool(std::size_t place)>& is_finite,
                              const std::filesystem::path& run);

// As kResourceExhausted for a full disk, as kInternal otherwise.
[[noreturn]] void refuse_files(const std::filesystem::filesystem_error& error);

// Calls `run`, and throws as refuse_files() where it throws such an error.
template <typename Run>
auto with_file_errors(const Run& run) {
  try {
    return run();
  } catch (const std::filesystem::filesystem_error& error) {
    refuse_files(error);
  }
}

}  // namespace tandem

#endif  // TANDEM_TRAINER_RUN_ERRORS_H_
