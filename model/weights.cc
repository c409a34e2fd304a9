#include "model/weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"

namespace tandem {

std::string_view to_string(DataType type) {
  switch (type) {
    case DataType::kF32:
      return "F32";
    case DataType::kF16:
      return "F16";
    case DataType::kBF16:
      return "BF16";
    case DataType::kI32:
      return "I32";
    case DataType::kI64:
      return "I64";
    case DataType::kQ4_0:
      return "Q4_0";
    case DataType::kQ4_1:
      return "Q4_1";
    case DataType::kQ5_0:
      return "Q5_0";
    case DataType::kQ8_0:
      return "Q8_0";
    case DataType::kQ4_K:
      return "Q4_K";
    case DataType::kQ6_K:
      return "Q6_K";
  }
  return "unknown";
}

BlockLayout block_layout(DataType type) {
  switch (type) {
    case DataType::kF32:
    case DataType::kI32:
      return {.elements = 1, .size_bytes = 4};
    case DataType::kF16:
    case DataType::kBF16:
      return {.elements = 1, .size_bytes = 2};
    case DataType::kI64:
      return {.elements = 1, .size_bytes = 8};
    case DataType::kQ4_0:
      return {.elements = 32, .size_bytes = 18};
    case DataType::kQ4_1:
      return {.elements = 32, .size_bytes = 20};
    case DataType::kQ5_0:
      return {.elements = 32, .size_bytes = 22};
    case DataType::kQ8_0:
      return {.elements = 32, .size_bytes = 34};
    case DataType::kQ4_K:
      return {.elements = 256, .size_bytes = 144};
    case DataType::kQ6_K:
      return {.elements = 256, .size_bytes = 210};
  }
  TANDEM_CHECK(false);
}

std::optional<std::uint64_t> tensor_size_bytes(DataType type, std::span<const std::int64_t> shape) {
  const BlockLayout layout = block_layout(type);
  if (layout.elements > 1 && (shape.empty() || shape.back() % layout.elements != 0)) return {};
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(elements, size, &elements)) return {};
  }
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(elements / layout.elements, layout.size_bytes, &bytes)) return {};
  return static_cast<std::uint64_t>(bytes);
}

std::int64_t TensorView::element_count() const {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return count;
}

const TensorView* WeightFile::find(std::string_view name) const {
  const auto& all = tensors();
  const auto found = std::ranges::lower_bound(all, name, {}, &TensorView::name);
  return found != all.end() && found->name == name ? &*found : nullptr;
}

const TensorView& WeightFile::require(std::string_view name,
                                      std::span<const std::int64_t> shape) const {
  const TensorView* tensor = find(name);
  if (tensor == nullptr) {
    throw Error(ErrorCode::kCorrupt, fmt::format("{} has no tensor {}", path().string(), name),
                "check that the file is a complete model of this architecture");
  }
  if (!std::ranges::equal(tensor->shape, shape)) {
    throw Error(ErrorCode::kCorrupt,
                fmt::format("tensor {} in {} has shape [{}], expected [{}]", name, path().string(),
                            fmt::join(tensor->shape, ", "), fmt::join(shape, ", ")),
                "check that the weights belong to this configuration");
  }
  return *tensor;
}

}  // namespace tandem
