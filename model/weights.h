// Weight files: named tensors in a memory-mapped file.
//
// Two formats are read: safetensors (JSON header, F32/F16/BF16/I64 tensors) and GGUF versions 2 and
// 3 (typed metadata, quantised tensors; see model/gguf.h). Nothing in a file is trusted: every
// count, size, offset and shape is checked against the bytes that are there before it is used, and
// a file that does not keep its promises is refused with ErrorCode::kCorrupt naming the file and
// the fault.
#ifndef TANDEM_MODEL_WEIGHTS_H_
#define TANDEM_MODEL_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

enum class DataType { kF32, kF16, kBF16, kI32, kI64, kQ4_0, kQ4_1, kQ5_0, kQ8_0, kQ4_K, kQ6_K };

std::string_view to_string(DataType type);

// Elements are stored in blocks; unquantised types have blocks of one element.
struct BlockLayout {
  std::uint32_t elements = 1;
  std::uint32_t size_bytes = 0;
};
BlockLayout block_layout(DataType type);

// Bytes that a tensor takes, rows outermost. Null if the shape is negative, overflows 63 bits, or
// has rows that are not a whole number of blocks.
std::optional<std::uint64_t> tensor_size_bytes(DataType type, std::span<const std::int64_t> shape);

// A tensor inside a mapped file; valid as long as the WeightFile it came from.
struct TensorView {
  std::string name;
  DataType type = DataType::kF32;
  // Row-major, outermost dimension first, as PyTorch counts: a linear layer is [out, in]. (GGUF
  // writes the reverse; the reader turns it round.)
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;

  std::int64_t element_count() const;
};

// Writes all elements of `tensor` as float to `out`, whose size must be element_count(). The data
// need not be aligned. Quantised blocks are expanded exactly as GGML defines them. Throws
// kUnsupported for integer types.
void dequantize(const TensorView& tensor, std::span<float> out);
std::vector<float> dequantize(const TensorView& tensor);

// Immutable once opened; safe to read from any number of threads.
class WeightFile {
 public:
  virtual ~WeightFile() = default;

  virtual const std::filesystem::path& path() const = 0;
  // In the order of their names, which are unique.
  virtual const std::vector<TensorView>& tensors() const = 0;

  // Null if there is no tensor of that name.
  const TensorView* find(std::string_view name) const;
  // Throws kCorrupt naming the tensor if it is missing or its shape is not `shape`.
  const TensorView& require(std::string_view name, std::span<const std::int64_t> shape) const;
};

// Opens one safetensors file. Throws kNotFound, kCorrupt or kUnsupported (unknown data type).
std::unique_ptr<WeightFile> open_safetensors(const std::filesystem::path& path);

}  // namespace tandem

#endif  // TANDEM_MODEL_WEIGHTS_H_
