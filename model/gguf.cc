#include "model/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "model/gguf_cursor.h"
#include "model/printable.h"

namespace tandem {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::uint32_t kMaxDimensions = 4;  // GGML_MAX_DIMS

// The least that an entry takes in the file; a count beyond what the file can hold is refused
// before anything is reserved for it.
constexpr std::uint64_t kMinMetadataBytes = 8 + 4 + 1;
constexpr std::uint64_t kMinTensorInfoBytes = 8 + 4 + 4 + 8;

struct TensorType {
  std::string_view name;  // empty for numbers that GGML has retired
  std::optional<DataType> type;
};

// Indexed by ggml_type; types without a DataType are known by name only, for the error message.
constexpr std::array<TensorType, 31> kTensorTypes = {{
    {"F32", DataType::kF32},
    {"F16", DataType::kF16},
    {"Q4_0", DataType::kQ4_0},
    {"Q4_1", DataType::kQ4_1},
    {"", {}},
    {"", {}},
    {"Q5_0", DataType::kQ5_0},
    {"Q5_1", {}},
    {"Q8_0", DataType::kQ8_0},
    {"Q8_1", {}},
    {"Q2_K", {}},
    {"Q3_K", {}},
    {"Q4_K", DataType::kQ4_K},
    {"Q5_K", {}},
    {"Q6_K", DataType::kQ6_K},
    {"Q8_K", {}},
    {"IQ2_XXS", {}},
    {"IQ2_XS", {}},
    {"IQ3_XXS", {}},
    {"IQ1_S", {}},
    {"IQ4_NL", {}},
    {"IQ3_S", {}},
    {"IQ2_S", {}},
    {"IQ4_XS", {}},
    {"I8", {}},
    {"I16", {}},
    {"I32", DataType::kI32},
    {"I64", DataType::kI64},
    {"F64", {}},
    {"IQ1_M", {}},
    {"BF16", DataType::kBF16},
}};

class MappedGguf : public GgufFile {
 public:
  explicit MappedGguf(const std::filesystem::path& path) : path_(path), file_(path) {
    GgufCursor cursor(path_, file_.bytes(), 0);
    if (cursor.remaining() < sizeof kMagic || cursor.read<std::uint32_t>() != kMagic) {
      cursor.fail("it does not begin with the letters GGUF");
    }
    const auto version = cursor.read<std::uint32_t>();
    if (version != 2 && version != 3) {
      throw Error(
          ErrorCode::kUnsupported,
          (version & 0xFFFFu) == 0
              ? fmt::format("{} is a big-endian GGUF file", path_.string())
              : fmt::format("{} is GGUF version {}, expected 2 or 3", path_.string(), version),
          "convert the model with a current version of llama.cpp");
    }
    const auto tensor_count = cursor.read<std::uint64_t>();
    const auto metadata_count = cursor.read<std::uint64_t>();
    if (metadata_count > cursor.remaining() / kMinMetadataBytes ||
        tensor_count > cursor.remaining() / kMinTensorInfoBytes) {
      cursor.fail(fmt::format("it promises {} tensors and {} metadata entries in {} bytes",
                              tensor_count, metadata_count, file_.bytes().size()));
    }
    read_metadata(cursor, metadata_count);
    read_tensors(cursor, tensor_count);
  }

  const std::filesystem::path& path() const override { return path_; }
  const std::vector<TensorView>& tensors() const override { return tensors_; }
  const std::vector<GgufMetadata>& metadata() const override { return metadata_; }

  std::optional<std::int64_t> integer(std::string_view key) const override {
    const Entry* entry = find_entry(key);
    if (entry == nullptr) return {};
    if (!is_integer(entry->type)) fail_type(*entry, "an integer");
    GgufCursor cursor = at(*entry);
    return cursor.read_integer(entry->type);
  }

  std::optional<double> number(std::string_view key) const override {
    const Entry* entry = find_entry(key);
    if (entry == nullptr) return {};
    if (!is_integer(entry->type) && !is_fraction(entry->type)) {
      fail_type(*entry, "a number");
    }
    GgufCursor cursor = at(*entry);
    return cursor.read_number(entry->type);
  }

  std::optional<bool> boolean(std::string_view key) const override {
    const Entry* entry = find_entry(key);
    if (entry == nullptr) return {};
    if (entry->type != ValueType::kBool) fail_type(*entry, "true or false");
    return at(*entry).read<std::uint8_t>() != 0;
  }

  std::optional<std::string_view> text(std::string_view key) const override {
    const Entry* entry = find_entry(key);
    if (entry == nullptr) return {};
    if (entry->type != ValueType::kString) fail_type(*entry, "a string");
    return at(*entry).read_string();
  }

  std::optional<std::vector<std::string_view>> texts(std::string_view key) const override {
    return array<std::string_view>(
        key, "an array of strings", [](ValueType type) { return type == ValueType::kString; },
        [](GgufCursor& cursor, ValueType) { return cursor.read_string(); });
  }

  std::optional<std::vector<std::int64_t>> integers(std::string_view key) const override {
    return array<std::int64_t>(
        key, "an array of integers", is_integer,
        [](GgufCursor& cursor, ValueType type) { return cursor.read_integer(type); });
  }

  std::optional<std::vector<float>> floats(std::string_view key) const override {
    return array<float>(key, "an array of numbers", is_fraction,
                        [](GgufCursor& cursor, ValueType type) {
                          return static_cast<float>(cursor.read_number(type));
                        });
  }

 private:
  struct Entry {
    std::string_view key;
    ValueType type = ValueType::kU8;
    std::size_t position = 0;  // of the value
  };

  // Values stay where they are in the map and are decoded when asked for; opening only walks over
  // them, which proves that every length is within the file.
  void read_metadata(GgufCursor& cursor, std::uint64_t count) {
    entries_.reserve(static_cast<std::size_t>(count));
    metadata_.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::size_t begin = cursor.position();
      Entry entry;
      entry.key = cursor.read_string();
      entry.type = cursor.read_type();
      entry.position = cursor.position();
      cursor.skip_value(entry.type);
      entries_.push_back(entry);
      metadata_.push_back({entry.key, file_.bytes().subspan(begin, cursor.position() - begin)});
    }
    std::ranges::sort(entries_, {}, &Entry::key);
    const auto twice = std::ranges::adjacent_find(entries_, {}, &Entry::key);
    if (twice != entries_.end())
      cursor.fail(fmt::format("it has the key {} twice", printable(twice->key)));
  }

  void read_tensors(GgufCursor& cursor, std::uint64_t count) {
    std::vector<std::uint64_t> offsets;
    offsets.reserve(static_cast<std::size_t>(count));
    tensors_.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i) {
      tensors_.push_back(read_tensor_info(cursor));
      offsets.push_back(cursor.read<std::uint64_t>());
    }
    const std::uint64_t alignment = read_alignment(cursor);
    const std::uint64_t padding = (alignment - cursor.position() % alignment) % alignment;
    // A file without tensors may end without the padding.
    if (count == 0) return;
    cursor.skip(padding);
    place(cursor, offsets, alignment);
    std::ranges::sort(tensors_, {}, &TensorView::name);
    const auto twice = std::ranges::adjacent_find(tensors_, {}, &TensorView::name);
    if (twice != tensors_.end()) {
      cursor.fail(fmt::format("it has two tensors named {}", printable(twice->name)));
    }
  }

  TensorView read_tensor_info(GgufCursor& cursor) const {
    TensorView tensor;
    tensor.name = cursor.read_string();
    const auto dimensions = cursor.read<std::uint32_t>();
    if (dimensions > kMaxDimensions) {
      cursor.fail(fmt::format("tensor {} has {} dimensions", printable(tensor.name), dimensions));
    }
    for (std::uint32_t d = 0; d < dimensions; ++d) {
      const auto size = cursor.read<std::uint64_t>();
      if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        cursor.fail(fmt::format("tensor {} has a dimension of {}", printable(tensor.name), size));
      }
      tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(size));
    }
    const auto type = cursor.read<std::uint32_t>();
    if (type >= kTensorTypes.size() || kTensorTypes[type].name.empty() ||
        !kTensorTypes[type].type) {
      const bool named = type < kTensorTypes.size() && !kTensorTypes[type].name.empty();
      cursor.fail(fmt::format("tensor {} has the type {}", printable(tensor.name),
                              named ? std::string(kTensorTypes[type].name) : std::to_string(type)),
                  ErrorCode::kUnsupported);
    }
    tensor.type = *kTensorTypes[type].type;
    return tensor;
  }

  std::uint64_t read_alignment(const GgufCursor& cursor) const {
    const auto alignment = integer("general.alignment");
    if (!alignment) return kDefaultAlignment;
    if (*alignment <= 0 || !std::has_single_bit(static_cast<std::uint64_t>(*alignment)) ||
        *alignment > std::numeric_limits<std::uint32_t>::max()) {
      cursor.fail(fmt::format("general.alignment is {}, expected a power of two", *alignment));
    }
    return static_cast<std::uint64_t>(*alignment);
  }

  // Gives each tensor its bytes. `cursor` stands at the beginning of the data.
  void place(const GgufCursor& cursor, std::span<const std::uint64_t> offsets,
             std::uint64_t alignment) {
    const auto data = file_.bytes().subspan(cursor.position());
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    ranges.reserve(tensors_.size());
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      TensorView& tensor = tensors_[i];
      const auto size = tensor_size_bytes(tensor.type, tensor.shape);
      if (!size)
        cursor.fail(fmt::format("tensor {} has an impossible shape", printable(tensor.name)));
      if (offsets[i] % alignment != 0) {
        cursor.fail(
            fmt::format("tensor {} is not aligned to {} bytes", printable(tensor.name), alignment));
      }
      if (offsets[i] > data.size() || *size > data.size() - offsets[i]) {
        cursor.fail(fmt::format("tensor {} needs {} bytes at {} of the data, which has only {}",
                                printable(tensor.name), *size, offsets[i], data.size()));
      }
      tensor.data = data.subspan(offsets[i], *size);
      if (*size > 0) ranges.emplace_back(offsets[i], offsets[i] + *size);
    }
    std::ranges::sort(ranges);
    for (std::size_t i = 1; i < ranges.size(); ++i) {
      if (ranges[i].first < ranges[i - 1].second) cursor.fail("its tensors overlap");
    }
  }

  const Entry* find_entry(std::string_view key) const {
    const auto found = std::ranges::lower_bound(entries_, key, {}, &Entry::key);
    return found != entries_.end() && found->key == key ? &*found : nullptr;
  }

  GgufCursor at(const Entry& entry) const { return {path_, file_.bytes(), entry.position}; }

  [[noreturn]] void fail_type(const Entry& entry, std::string_view expected) const {
    at(entry).fail(fmt::format("{} is of type {}, expected {}", printable(entry.key),
                               name_of(entry.type), expected));
  }

  template <typename T, typename Accepts, typename Read>
  std::optional<std::vector<T>> array(std::string_view key, std::string_view expected,
                                      const Accepts& accepts, const Read& read) const {
    const Entry* entry = find_entry(key);
    if (entry == nullptr) return {};
    if (entry->type != ValueType::kArray) fail_type(*entry, expected);
    GgufCursor cursor = at(*entry);
    const ValueType element = cursor.read_type();
    const auto count = cursor.read<std::uint64_t>();
    if (!accepts(element)) {
      cursor.fail(fmt::format("{} is an array of {}, expected {}", printable(key), name_of(element),
                              expected));
    }
    std::vector<T> values;
    values.reserve(static_cast<std::size_t>(count));  // the walk at opening has proved it
    for (std::uint64_t i = 0; i < count; ++i) values.push_back(read(cursor, element));
    return values;
  }

  std::filesystem::path path_;
  MappedFile file_;
  std::vector<GgufMetadata> metadata_;
  std::vector<Entry> entries_;
  std::vector<TensorView> tensors_;
};

}  // namespace

std::uint32_t ggml_type(DataType type) {
  const auto found = std::ranges::find(kTensorTypes, std::optional(type), &TensorType::type);
  TANDEM_CHECK(found != kTensorTypes.end());
  return static_cast<std::uint32_t>(found - kTensorTypes.begin());
}

std::unique_ptr<GgufFile> open_gguf(const std::filesystem::path& path) {
  return std::make_unique<MappedGguf>(path);
}

}  // namespace tandem
