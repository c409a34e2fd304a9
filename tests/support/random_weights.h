// Random tensors in every format of weights.
#ifndef TANDEM_TESTS_SUPPORT_RANDOM_WEIGHTS_H_
#define TANDEM_TESTS_SUPPORT_RANDOM_WEIGHTS_H_

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "model/weights.h"

namespace tandem::testing {

struct RandomTensor {
  std::vector<std::byte> bytes;
  TensorView view;

  // Valid for as long as this object.
  std::vector<float> values() const { return dequantize(view); }
};

// Any bits for the numbers; scales that make weights of about one.
inline RandomTensor random_tensor(DataType type, std::int64_t rows, std::int64_t columns,
                                  std::mt19937& random) {
  RandomTensor tensor;
  tensor.view.name = "random";
  tensor.view.type = type;
  tensor.view.shape = {rows, columns};
  tensor.bytes.resize(*tensor_size_bytes(type, tensor.view.shape));
  const BlockLayout layout = block_layout(type);
  const auto put = [&](std::size_t at, std::uint16_t half) {
    std::memcpy(tensor.bytes.data() + at, &half, sizeof half);
  };
  const auto small_half = [&] { return static_cast<std::uint16_t>(0x2000 + random() % 0x0C00); };
  for (std::size_t at = 0; at < tensor.bytes.size(); at += layout.size_bytes) {
    if (type == DataType::kF32) {
      const float value = std::uniform_real_distribution<float>(-1, 1)(random);
      std::memcpy(tensor.bytes.data() + at, &value, sizeof value);
      continue;
    }
    for (std::size_t i = 0; i < layout.size_bytes; ++i)
      tensor.bytes[at + i] = static_cast<std::byte>(random());
    if (type == DataType::kF16) put(at, static_cast<std::uint16_t>(random() % 0x3C00));
    if (type == DataType::kBF16) put(at, static_cast<std::uint16_t>(0x3C00 + random() % 0x0380));
    if (type == DataType::kQ6_K) put(at + 208, small_half());
    if (type == DataType::kQ4_0 || type == DataType::kQ4_1 || type == DataType::kQ5_0 ||
        type == DataType::kQ8_0 || type == DataType::kQ4_K)
      put(at, small_half());
    if (type == DataType::kQ4_1 || type == DataType::kQ4_K) put(at + 2, small_half());
  }
  tensor.view.data = tensor.bytes;
  return tensor;
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_RANDOM_WEIGHTS_H_
