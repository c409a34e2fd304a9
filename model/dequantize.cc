// The products in brackets (model/ggml_blocks.h) are exact in float, so the order of operations
// below gives the same bits as GGML's.
#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "base/error.h"
#include "model/ggml_blocks.h"
#include "model/weights.h"

namespace tandem {
namespace {

using Byte = std::uint8_t;

float load_half(const Byte* bytes) {
  return half_to_float(load_u16(bytes));
}

// Nibbles of 16 bytes to 32 elements, each through `value`.
template <typename Value>
void expand_nibbles(const Byte* quants, float* out, const Value& value) {
  for (int i = 0; i < 16; ++i) {
    out[i] = value(quants[i] & 0x0F);
    out[i + 16] = value(quants[i] >> 4);
  }
}

void expand_q4_0(const Byte* block, float* out) {
  const float d = load_half(block);
  expand_nibbles(block + 2, out, [d](int q) { return d * static_cast<float>(q - 8); });
}

void expand_q4_1(const Byte* block, float* out) {
  const float d = load_half(block);
  const float m = load_half(block + 2);
  expand_nibbles(block + 4, out, [d, m](int q) { return d * static_cast<float>(q) + m; });
}

void expand_q5_0(const Byte* block, float* out) {
  const float d = load_half(block);
  const std::uint32_t high = load_u16(block + 2) | static_cast<std::uint32_t>(load_u16(block + 4))
                                                       << 16;
  for (int i = 0; i < 16; ++i) {
    const int first = (block[6 + i] & 0x0F) | static_cast<int>((high >> i & 1) << 4);
    const int second = (block[6 + i] >> 4) | static_cast<int>((high >> (i + 16) & 1) << 4);
    out[i] = d * static_cast<float>(first - 16);
    out[i + 16] = d * static_cast<float>(second - 16);
  }
}

void expand_q8_0(const Byte* block, float* out) {
  const float d = load_half(block);
  for (int i = 0; i < 32; ++i) {
    out[i] = d * static_cast<float>(static_cast<std::int8_t>(block[2 + i]));
  }
}

void expand_q4_k(const Byte* bytes, float* out) {
  const BlockQ4K block = BlockQ4K::read(bytes);
  const float d = half_to_float(block.scale);
  const float m = half_to_float(block.minimum);
  for (std::size_t g = 0; g < 8; ++g) {
    const float scale = d * static_cast<float>(block.scales[g]);
    const float minimum = m * static_cast<float>(block.minima[g]);
    for (const Byte q : block.group(g)) *out++ = scale * static_cast<float>(q) - minimum;
  }
}

void expand_q6_k(const Byte* bytes, float* out) {
  const BlockQ6K block = BlockQ6K::read(bytes);
  const float d = half_to_float(block.scale);
  for (std::size_t g = 0; g < 8; ++g) {
    const std::array<Byte, 32> numbers = block.group(g);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const float scale = d * static_cast<float>(block.scales[2 * g + i / 16]);
      *out++ = scale * static_cast<float>(numbers[i] - 32);
    }
  }
}

template <typename Expand>
void expand_blocks(const Byte* data, BlockLayout layout, std::span<float> out,
                   const Expand& expand) {
  const std::size_t count = out.size() / layout.elements;
  for (std::size_t i = 0; i < count; ++i) {
    expand(data + i * layout.size_bytes, out.data() + i * layout.elements);
  }
}

}  // namespace

void dequantize(const TensorView& tensor, std::span<float> out) {
  const BlockLayout layout = block_layout(tensor.type);
  TANDEM_CHECK(static_cast<std::uint64_t>(tensor.element_count()) == out.size());
  TANDEM_CHECK(tensor_size_bytes(tensor.type, tensor.shape) == tensor.data.size());
  const Byte* data = reinterpret_cast<const Byte*>(tensor.data.data());
  switch (tensor.type) {
    case DataType::kF32:
      if (!out.empty()) std::memcpy(out.data(), data, out.size_bytes());
      return;
    case DataType::kF16:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = load_half(data + 2 * i);
      return;
    case DataType::kBF16:
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(load_u16(data + 2 * i)) << 16);
      }
      return;
    case DataType::kQ4_0:
      return expand_blocks(data, layout, out, expand_q4_0);
    case DataType::kQ4_1:
      return expand_blocks(data, layout, out, expand_q4_1);
    case DataType::kQ5_0:
      return expand_blocks(data, layout, out, expand_q5_0);
    case DataType::kQ8_0:
      return expand_blocks(data, layout, out, expand_q8_0);
    case DataType::kQ4_K:
      return expand_blocks(data, layout, out, expand_q4_k);
    case DataType::kQ6_K:
      return expand_blocks(data, layout, out, expand_q6_k);
    case DataType::kI32:
    case DataType::kI64:
      break;
  }
  throw Error(ErrorCode::kUnsupported,
              fmt::format("tensor {} holds integers ({}), expected numbers with a fraction",
                          tensor.name, to_string(tensor.type)));
}

std::vector<float> dequantize(const TensorView& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.element_count()));
  dequantize(tensor, values);
  return values;
}

}  // namespace tandem
