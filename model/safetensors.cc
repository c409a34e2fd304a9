// safetensors: the weight file of Hugging Face.
//
//   file   = header_size:u64le header data
//   header = JSON object, padded with spaces: name -> {"dtype": string, "shape": [integer...],
//            "data_offsets": [begin, end]}, and optionally "__metadata__": {string: string}
// Offsets count from the beginning of data; the tensors cover the data without gap or overlap.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "model/printable.h"
#include "model/weights.h"

namespace tandem {
namespace {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian");

// The limit of the reference implementation.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
// No network uses more; bounds the shapes that a hostile header can make us keep.
constexpr std::size_t kMaxDimensions = 16;

struct HeaderEntry {
  std::string name;
  std::optional<DataType> type;
  std::vector<std::int64_t> shape;
  std::vector<std::uint64_t> offsets;
  bool has_shape = false;
};

std::optional<DataType> parse_type(std::string_view name) {
  for (const DataType type :
       {DataType::kF32, DataType::kF16, DataType::kBF16, DataType::kI32, DataType::kI64}) {
    if (to_string(type) == name) return type;
  }
  return {};
}

// Reads the header event by event: a document tree would let a hostile header of 100 MB make us
// allocate many times that, and nesting is refused as soon as it is deeper than the format's.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<HeaderEntry> entries;
  std::string fault;
  ErrorCode fault_code = ErrorCode::kCorrupt;

  bool null() override { return scalar("null"); }
  bool boolean(bool) override { return scalar("a boolean"); }
  bool number_float(double, const std::string&) override { return scalar("a fraction"); }
  bool binary(nlohmann::json::binary_t&) override { return scalar("binary data"); }

  bool number_integer(std::int64_t) override { return scalar("a negative number"); }

  bool number_unsigned(std::uint64_t value) override {
    if (!in_list_) return scalar("a number");
    if (field_ == Field::kShape) {
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) ||
          entries.back().shape.size() == kMaxDimensions) {
        return fail("has an impossible shape");
      }
      entries.back().shape.push_back(static_cast<std::int64_t>(value));
    } else {
      if (entries.back().offsets.size() == 2) return fail("has more than two data_offsets");
      entries.back().offsets.push_back(value);
    }
    return true;
  }

  bool string(std::string& value) override {
    if (depth_ != 2 || in_list_ || (field_ != Field::kType && !in_metadata_)) {
      return scalar("a string");
    }
    if (in_metadata_) return true;
    entries.back().type = parse_type(value);
    if (!entries.back().type) {
      fault_code = ErrorCode::kUnsupported;
      return fail(fmt::format("has data type {}, which is not one of F32, F16, BF16, I32, I64",
                              printable(value)));
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (depth_ == 0) {
      ++depth_;
      return true;
    }
    if (depth_ > 1 || in_list_) return fail("is nested too deeply");
    ++depth_;
    return true;
  }

  bool key(std::string& name) override {
    if (depth_ == 1) {
      in_metadata_ = name == "__metadata__";
      if (!in_metadata_) {
        entries.emplace_back();
        entries.back().name = name;
      }
      return true;
    }
    if (in_metadata_) return true;
    field_ = name == "dtype"          ? Field::kType
             : name == "shape"        ? Field::kShape
             : name == "data_offsets" ? Field::kOffsets
                                      : Field::kOther;
    if (field_ == Field::kOther) return fail("has an unknown field");
    return true;
  }

  bool end_object() override {
    --depth_;
    if (depth_ != 1 || in_metadata_) return true;
    const HeaderEntry& entry = entries.back();
    if (!entry.type) return fail("has no dtype");
    if (!entry.has_shape) return fail("has no shape");
    if (entry.offsets.size() != 2) return fail("has no data_offsets");
    return true;
  }

  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_list_ || in_metadata_ ||
        (field_ != Field::kShape && field_ != Field::kOffsets)) {
      return fail("has a list where none belongs");
    }
    HeaderEntry& entry = entries.back();
    if (field_ == Field::kShape ? entry.has_shape : !entry.offsets.empty()) {
      return fail("states a field twice");
    }
    entry.has_shape |= field_ == Field::kShape;
    in_list_ = true;
    return true;
  }

  bool end_array() override {
    in_list_ = false;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    fault = fmt::format("its header is not valid JSON (at byte {})", position);
    return false;
  }

 private:
  enum class Field { kType, kShape, kOffsets, kOther };

  bool fail(std::string_view what) {
    fault = entries.empty() || in_metadata_
                ? fmt::format("its header {}", what)
                : fmt::format("tensor {} {}", printable(entries.back().name), what);
    return false;
  }

  bool scalar(std::string_view what) { return fail(fmt::format("has {} out of place", what)); }

  int depth_ = 0;
  bool in_metadata_ = false;
  bool in_list_ = false;
  Field field_ = Field::kOther;
};

class SafetensorsFile : public WeightFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path) : path_(path), file_(path) {
    const auto bytes = file_.bytes();
    std::uint64_t header_size = 0;
    if (bytes.size() < sizeof header_size) fail("it is shorter than the format's first 8 bytes");
    std::memcpy(&header_size, bytes.data(), sizeof header_size);
    if (header_size > kMaxHeaderBytes || header_size > bytes.size() - sizeof header_size) {
      fail(fmt::format("it states a header of {} bytes, the file has {}", header_size,
                       bytes.size()));
    }
    const auto header = bytes.subspan(sizeof header_size, header_size);
    HeaderReader reader;
    const auto* text = reinterpret_cast<const char*>(header.data());
    if (!nlohmann::json::sax_parse(text, text + header.size(), &reader)) {
      fail(reader.fault, reader.fault_code);
    }
    place(std::move(reader.entries), bytes.subspan(sizeof header_size + header_size));
  }

  const std::filesystem::path& path() const override { return path_; }
  const std::vector<TensorView>& tensors() const override { return tensors_; }

 private:
  [[noreturn]] void fail(std::string_view fault, ErrorCode code = ErrorCode::kCorrupt) const {
    throw Error(code, fmt::format("cannot read {} as safetensors: {}", path_.string(), fault),
                code == ErrorCode::kUnsupported ? "convert the model to one of these types"
                                                : "fetch the model again");
  }

  void place(std::vector<HeaderEntry> entries, std::span<const std::byte> data) {
    std::ranges::sort(entries, {}, &HeaderEntry::offsets);
    std::uint64_t end = 0;
    tensors_.reserve(entries.size());
    for (HeaderEntry& entry : entries) {
      const std::uint64_t begin = entry.offsets[0];
      if (begin != end || entry.offsets[1] < begin) {
        fail(fmt::format("tensor {} does not begin where the one before it ends", entry.name));
      }
      end = entry.offsets[1];
      if (end > data.size()) {
        fail(fmt::format("tensor {} ends at byte {} of the data, which has only {}",
                         printable(entry.name), end, data.size()));
      }
      if (tensor_size_bytes(*entry.type, entry.shape) != end - begin) {
        fail(fmt::format("the shape of tensor {} does not fit its {} bytes", printable(entry.name),
                         end - begin));
      }
      tensors_.push_back({.name = std::move(entry.name),
                          .type = *entry.type,
                          .shape = std::move(entry.shape),
                          .data = data.subspan(begin, end - begin)});
    }
    if (end != data.size()) fail(fmt::format("{} bytes follow the last tensor", data.size() - end));
    std::ranges::sort(tensors_, {}, &TensorView::name);
    const auto twice = std::ranges::adjacent_find(tensors_, {}, &TensorView::name);
    if (twice != tensors_.end())
      fail(fmt::format("it has two tensors named {}", printable(twice->name)));
  }

  std::filesystem::path path_;
  MappedFile file_;
  std::vector<TensorView> tensors_;
};

}  // namespace

std::unique_ptr<WeightFile> open_safetensors(const std::filesystem::path& path) {
  return std::make_unique<SafetensorsFile>(path);
}

}  // namespace tandem
