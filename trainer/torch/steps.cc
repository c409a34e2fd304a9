#include "trainer/torch/steps.h"

#include <fmt/format.h>
#include <malloc.h>

#include <limits>
#include <numeric>

#include "base/error.h"
#include "model/safetensors_writer.h"
#include "model/torch/torch_threads.h"
#include "model/weights.h"

namespace tandem::training {

void check_network(const NetworkOptions& options) {
  if (options.lora_rank < 0 || options.lora_rank > 4096 || !(options.lora_alpha > 0) ||
      !(options.weight_decay >= 0))
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("LoRA of rank {} and alpha {} with a weight decay of {} cannot be trained",
                    options.lora_rank, options.lora_alpha, options.weight_decay));
}

at::ScalarType type_of(TrainingPrecision precision) {
  if (precision == TrainingPrecision::kFastest)
    return __builtin_cpu_supports("avx512bf16") != 0 ? at::kBFloat16 : at::kFloat;
  return precision == TrainingPrecision::kBFloat16 ? at::kBFloat16 : at::kFloat;
}

void prepare_steps() {
  // Left to itself, the allocator returns tensors to the system, and a tenth of a step goes into
  // pages that are cleared again.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  apply_torch_threads();
}

void StepMemory::end_step() {
  constexpr int kStepsBetween = 16;
  if (++steps_ % kStepsBetween == 0) ::malloc_trim(0);
}

std::vector<std::pair<std::size_t, std::size_t>> parts_within(std::span<const std::int64_t> sizes,
                                                              std::int64_t budget) {
  std::vector<std::pair<std::size_t, std::size_t>> parts;
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (parts.empty() || sum + sizes[i] > budget) {
      parts.emplace_back(i, i);
      sum = 0;
    }
    sum += sizes[i];
    parts.back().second = i + 1;
  }
  return parts;
}

std::pair<std::size_t, std::size_t> share_of_worker(std::span<const std::int64_t> sizes,
                                                    const WorkerGroup& workers) {
  const std::int64_t total = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
  std::pair<std::size_t, std::size_t> share = {0, 0};
  std::int64_t before = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    // Whose part the middle of it falls into.
    const std::int64_t owner =
        total == 0 ? 0 : (2 * before + sizes[i]) * workers.size() / (2 * total);
    before += sizes[i];
    if (owner < workers.rank()) share.first = i + 1;
    if (owner <= workers.rank()) share.second = i + 1;
  }
  return share;
}

std::vector<std::pair<std::size_t, std::size_t>> parts_of_worker(
    std::span<const std::int64_t> sizes, std::int64_t budget, const WorkerGroup& workers) {
  const auto [first, last] = share_of_worker(sizes, workers);
  auto parts = parts_within(sizes.subspan(first, last - first), budget);
  for (auto& [begin, end] : parts) {
    begin += first;
    end += first;
  }
  return parts;
}

void save_tensors(const NamedTensors& tensors, const std::filesystem::path& path) {
  std::vector<TensorShape> shapes;
  for (const auto& [name, tensor] : tensors) shapes.push_back({name, tensor.sizes().vec()});
  SafetensorsWriter writer(path, shapes);
  for (const auto& [name, tensor] : tensors)
    writer.write(name, {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())});
  writer.finish();
}

void load_tensors(const NamedTensors& tensors, const std::filesystem::path& path) {
  const auto file = open_safetensors(path);
  if (file->tensors().size() != tensors.size())
    throw Error(ErrorCode::kCorrupt,
                fmt::format("{} holds {} tensors, where {} belong to these networks", path.string(),
                            file->tensors().size(), tensors.size()));
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : tensors)
    dequantize(file->require(name, tensor.sizes()),
               {tensor.mutable_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())});
}

}  // namespace tandem::training
