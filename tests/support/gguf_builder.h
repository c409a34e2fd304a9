// Writes small GGUF files, valid unless a test makes them otherwise.
#ifndef TANDEM_TESTS_SUPPORT_GGUF_BUILDER_H_
#define TANDEM_TESTS_SUPPORT_GGUF_BUILDER_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::testing {

// The bytes of `value`, little-endian.
template <typename T>
std::string bytes_of(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

inline std::string gguf_string(std::string_view text) {
  return bytes_of<std::uint64_t>(text.size()) + std::string(text);
}

// Numbers of the format's value types and tensor types, as the specification lists them.
enum GgufValue : std::uint32_t {
  kGgufU8 = 0,
  kGgufI16 = 3,
  kGgufU32 = 4,
  kGgufI32 = 5,
  kGgufF32 = 6,
  kGgufBool = 7,
  kGgufString = 8,
  kGgufArray = 9,
  kGgufU64 = 10,
  kGgufI64 = 11,
  kGgufF64 = 12,
};
enum GgmlType : std::uint32_t { kGgmlF32 = 0, kGgmlQ4_0 = 2, kGgmlQ5_K = 13, kGgmlI32 = 26 };

class GgufBuilder {
 public:
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;

  // `value` is the encoded value.
  GgufBuilder& add(std::string_view key, std::uint32_t type, std::string_view value) {
    ++metadata_count;
    metadata_ += gguf_string(key) + bytes_of(type);
    metadata_ += value;
    return *this;
  }
  GgufBuilder& add_array(std::string_view key, std::uint32_t element_type, std::uint64_t count,
                         std::string_view values) {
    return add(key, kGgufArray, bytes_of(element_type) + bytes_of(count) + std::string(values));
  }
  // `sizes` innermost first, as the file has them.
  GgufBuilder& add_tensor(std::string_view name, std::uint32_t type,
                          const std::vector<std::uint64_t>& sizes, std::string_view data) {
    return add_tensor_at(name, type, sizes, data, data_.size());
  }
  GgufBuilder& add_tensor_at(std::string_view name, std::uint32_t type,
                             const std::vector<std::uint64_t>& sizes, std::string_view data,
                             std::uint64_t offset) {
    ++tensor_count;
    infos_ += gguf_string(name) + bytes_of(static_cast<std::uint32_t>(sizes.size()));
    for (const std::uint64_t size : sizes) infos_ += bytes_of(size);
    infos_ += bytes_of(type) + bytes_of(offset);
    data_ += data;
    data_.resize((data_.size() + alignment - 1) / alignment * alignment);
    return *this;
  }

  std::string build() const {
    std::string file = "GGUF" + bytes_of(version) + bytes_of(tensor_count) +
                       bytes_of(metadata_count) + metadata_ + infos_;
    file.resize((file.size() + alignment - 1) / alignment * alignment);
    return file + data_;
  }

  std::uint64_t tensor_count = 0;
  std::uint64_t metadata_count = 0;

 private:
  std::string metadata_;
  std::string infos_;
  std::string data_;
};

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_GGUF_BUILDER_H_
