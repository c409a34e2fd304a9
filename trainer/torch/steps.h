// What the steps of every kind of training have in common.
#ifndef TANDEM_TRAINER_TORCH_STEPS_H_
#define TANDEM_TRAINER_TORCH_STEPS_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "trainer/joint_networks.h"
#include "trainer/torch/aten.h"

namespace tandem::training {

// Throws kInvalidArgument for options out of range.
void check_network(const NetworkOptions& options);

// What matrices are multiplied in.
at::ScalarType type_of(TrainingPrecision precision);

// Before the networks of a run are made: threads, and an allocator that keeps what a step gives
// back, since the next one takes the same.
void prepare_steps();

// Tensors are of other sizes in each step, and leave gaps in which hardly any fits: kept for good,
// they were 80 MB more with each step. Now and then, what lies in them goes back to the system.
class StepMemory {
 public:
  void end_step();

 private:
  int steps_ = 0;
};

// Ranges of neighbours that have at most `budget` in all, or are one.
std::vector<std::pair<std::size_t, std::size_t>> parts_within(std::span<const std::int64_t> sizes,
                                                              std::int64_t budget);

// Which of them are a worker's: neighbours, of about as much in all as those of each other worker.
// There may be none.
std::pair<std::size_t, std::size_t> share_of_worker(std::span<const std::int64_t> sizes,
                                                    const WorkerGroup& workers);

// The parts of a worker's share, as ranges of all.
std::vector<std::pair<std::size_t, std::size_t>> parts_of_worker(
    std::span<const std::int64_t> sizes, std::int64_t budget, const WorkerGroup& workers);

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Tensors of floats, as a safetensors file.
void save_tensors(const NamedTensors& tensors, const std::filesystem::path& path);
// Fills the tensors from such a file. Throws kCorrupt if it holds others.
void load_tensors(const NamedTensors& tensors, const std::filesystem::path& path);

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_STEPS_H_
