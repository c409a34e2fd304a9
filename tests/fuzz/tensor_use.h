// Reads the small tensors of a fuzzed weight file.
#ifndef TANDEM_TESTS_FUZZ_TENSOR_USE_H_
#define TANDEM_TESTS_FUZZ_TENSOR_USE_H_

#include <cstddef>
#include <vector>

#include "model/weights.h"
#include "tests/fuzz/fuzzer.h"

namespace tandem::fuzz {

inline void use_tensors(const WeightFile& file) {
  for (const TensorView& tensor : file.tensors()) {
    require(file.find(tensor.name) == &tensor, "a tensor is found by its name");
    if (tensor.type == DataType::kI32 || tensor.type == DataType::kI64) continue;
    if (tensor.element_count() > 1 << 16) continue;
    // A copy of exactly its size: the map goes on to the end of its page.
    const std::vector<std::byte> bytes(tensor.data.begin(), tensor.data.end());
    TensorView copy = tensor;
    copy.data = bytes;
    std::vector<float> values(static_cast<std::size_t>(tensor.element_count()));
    dequantize(copy, values);
  }
}

}  // namespace tandem::fuzz

#endif  // TANDEM_TESTS_FUZZ_TENSOR_USE_H_
