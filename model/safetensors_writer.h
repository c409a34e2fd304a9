// Writing a safetensors file (model/safetensors.cc states the format).
#ifndef TANDEM_MODEL_SAFETENSORS_WRITER_H_
#define TANDEM_MODEL_SAFETENSORS_WRITER_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "model/weights.h"

namespace tandem {

struct TensorShape {
  std::string name;
  std::vector<std::int64_t> shape;  // outermost first; empty for a single number
  DataType type = DataType::kF32;   // or F16, BF16
};

// Used by one thread. The file takes its place in finish(), and never if that is not called.
class SafetensorsWriter {
 public:
  // Names are unique. Throws as OutputFile does.
  SafetensorsWriter(const std::filesystem::path& path, std::span<const TensorShape> tensors);

  // Once for each tensor, in any order. Throws kInvalidArgument, naming the tensor, for values that
  // are not finite or beyond largest_value() of its type.
  void write(std::string_view name, std::span<const float> values);
  void finish();

 private:
  struct Place {
    std::uint64_t offset = 0;  // in the file
    std::uint64_t count = 0;   // of numbers
    DataType type = DataType::kF32;
    bool written = false;
  };

  OutputFile file_;
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_SAFETENSORS_WRITER_H_
