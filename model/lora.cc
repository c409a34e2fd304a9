#include "model/lora.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "model/finite.h"
#include "model/gguf_writer.h"
#include "model/printable.h"
#include "model/safetensors_writer.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr const char* kConfig = "adapter_config.json";
constexpr const char* kWeights = "adapter_model.safetensors";
constexpr std::size_t kMaxConfigBytes = 1 << 20;
constexpr std::string_view kFolderPrefix = "base_model.model.";
constexpr std::string_view kAlpha = "adapter.lora.alpha";

// How the names of factors end, and what the name of the matrix ends in instead.
struct Naming {
  std::string_view prefix;
  std::string_view a;
  std::string_view b;
  std::string_view matrix;
};
constexpr Naming kFolderNaming = {kFolderPrefix, ".lora_A.weight", ".lora_B.weight", ".weight"};
constexpr Naming kGgufNaming = {"", ".lora_a", ".lora_b", ""};

[[noreturn]] void fail(const std::filesystem::path& path, ErrorCode code, std::string_view what) {
  throw Error(code, fmt::format("{}: {}", path.string(), what),
              code == ErrorCode::kUnsupported
                  ? "merge it into its model by the program that made it"
                  : "copy the adapter again");
}

std::vector<float> values_of(const TensorView& tensor, const std::filesystem::path& path) {
  std::vector<float> values = dequantize(tensor);
  if (!all_finite(values))
    fail(path, ErrorCode::kCorrupt,
         fmt::format("tensor {} holds values that are not finite", printable(tensor.name)));
  return values;
}

LowRankChanges read_changes(const WeightFile& file, const Naming& naming) {
  LowRankChanges changes;
  for (const TensorView& tensor : file.tensors()) {
    std::string_view name = tensor.name;
    if (name.ends_with(naming.b) && name.starts_with(naming.prefix)) continue;
    if (!name.starts_with(naming.prefix) || !name.ends_with(naming.a))
      fail(file.path(), ErrorCode::kUnsupported,
           fmt::format("tensor {} is not a factor of a low-rank change", printable(name)));
    name.remove_suffix(naming.a.size());
    const TensorView* const other = file.find(std::string(name) += naming.b);
    name.remove_prefix(naming.prefix.size());
    if (other == nullptr)
      fail(file.path(), ErrorCode::kCorrupt,
           fmt::format("the second factor for {} is missing", printable(name)));
    if (tensor.shape.size() != 2 || other->shape.size() != 2 ||
        tensor.shape[0] != other->shape[1] || tensor.shape[0] == 0)
      fail(file.path(), ErrorCode::kCorrupt,
           fmt::format("the factors for {} do not fit together", printable(name)));
    changes[std::string(name) += naming.matrix] = {tensor.shape[0], values_of(tensor, file.path()),
                                                   values_of(*other, file.path())};
  }
  if (2 * changes.size() != file.tensors().size())
    fail(file.path(), ErrorCode::kCorrupt, "a factor has no other half");
  if (changes.empty()) fail(file.path(), ErrorCode::kCorrupt, "it changes nothing");
  return changes;
}

double checked_alpha(const std::filesystem::path& path, double alpha) {
  if (!std::isfinite(alpha) || !(alpha > 0) || alpha > 1e6)
    fail(path, ErrorCode::kCorrupt, fmt::format("alpha is {}, expected a number above 0", alpha));
  return alpha;
}

LoraAdapter open_gguf_adapter(const std::filesystem::path& path) {
  const auto file = open_gguf(path);
  if (file->text("general.type") != "adapter" || file->text("adapter.type") != "lora")
    fail(path, ErrorCode::kUnsupported, "it is not a LoRA adapter");
  const auto alpha = file->number(kAlpha);
  if (!alpha) fail(path, ErrorCode::kCorrupt, fmt::format("{} is missing", kAlpha));
  return {path, checked_alpha(path, *alpha), read_changes(*file, kGgufNaming)};
}

// What would make the change another one than b a, alpha / rank times.
void refuse_variants(const std::filesystem::path& path, const json& config) {
  for (const char* const key : {"use_dora", "use_rslora", "fan_in_fan_out"})
    if (config.contains(key) && config[key] != false && !config[key].is_null())
      fail(path, ErrorCode::kUnsupported, fmt::format("{} is set", key));
  for (const char* const key : {"rank_pattern", "alpha_pattern", "modules_to_save"})
    if (config.contains(key) && !config[key].empty())
      fail(path, ErrorCode::kUnsupported, fmt::format("{} is set", key));
  if (config.value("bias", json("none")) != "none")
    fail(path, ErrorCode::kUnsupported, "it changes biases");
}

LoraAdapter open_folder_adapter(const std::filesystem::path& folder) {
  const auto path = folder / kConfig;
  const json config = json::parse(read_file(path, kMaxConfigBytes), nullptr, false);
  if (!config.is_object()) fail(path, ErrorCode::kCorrupt, "it is not a JSON object");
  if (config.value("peft_type", json()) != "LORA")
    fail(path, ErrorCode::kUnsupported, "its peft_type is not LORA");
  refuse_variants(path, config);
  const auto alpha = config.find("lora_alpha");
  if (alpha == config.end() || !alpha->is_number())
    fail(path, ErrorCode::kCorrupt, "lora_alpha is missing");
  return {folder, checked_alpha(path, alpha->get<double>()),
          read_changes(*open_safetensors(folder / kWeights), kFolderNaming)};
}

std::int64_t columns_of(const LowRankChange& change) {
  return std::ssize(change.a) / change.rank;
}
std::int64_t rows_of(const LowRankChange& change) {
  return std::ssize(change.b) / change.rank;
}

}  // namespace

LoraAdapter LoraAdapter::open(const std::filesystem::path& path) {
  return std::filesystem::is_directory(path) ? open_folder_adapter(path) : open_gguf_adapter(path);
}

LoraAdapter::LoraAdapter(std::filesystem::path path, double alpha, LowRankChanges changes)
    : path_(std::move(path)), alpha_(alpha), changes_(std::move(changes)) {}

void LoraAdapter::check(const WeightFile& model) const {
  for (const auto& [name, change] : changes_)
    if (model.find(name) == nullptr)
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("{} changes {}, which {} does not have", path_.string(),
                              printable(name), model.path().string()),
                  "merge it into the model that it was trained on");
}

std::vector<float> LoraAdapter::changed(const TensorView& tensor) const {
  const LowRankChange& change = changes_.at(tensor.name);
  const std::int64_t rows = rows_of(change);
  const std::int64_t columns = columns_of(change);
  if (tensor.shape != std::vector{rows, columns})
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("{} changes {} as a matrix of {} x {}, which is another shape than it "
                            "has in the model",
                            path_.string(), printable(tensor.name), rows, columns),
                "merge it into the model that it was trained on");
  std::vector<float> values = dequantize(tensor);
  const auto scale = static_cast<float>(alpha_ / static_cast<double>(change.rank));
  for (std::int64_t row = 0; row < rows; ++row) {
    float* const out = values.data() + row * columns;
    for (std::int64_t r = 0; r < change.rank; ++r) {
      const float factor = scale * change.b[static_cast<std::size_t>(row * change.rank + r)];
      const float* const a = change.a.data() + r * columns;
      for (std::int64_t column = 0; column < columns; ++column) out[column] += factor * a[column];
    }
  }
  return values;
}

void write_lora_gguf(const std::filesystem::path& path, std::string_view architecture, double alpha,
                     const LowRankChanges& changes) {
  GgufMetadataWriter metadata;
  metadata.add_text("general.type", "adapter")
      .add_text("general.architecture", architecture)
      .add_text("adapter.type", "lora")
      .add_fraction(kAlpha, static_cast<float>(alpha))
      .add_number("general.file_type", 1);  // mostly F16
  std::vector<GgufTensor> tensors;
  for (const auto& [name, change] : changes) {
    tensors.push_back(
        {name + std::string(kGgufNaming.a), {change.rank, columns_of(change)}, DataType::kF16});
    tensors.push_back(
        {name + std::string(kGgufNaming.b), {rows_of(change), change.rank}, DataType::kF16});
  }
  GgufWriter writer(path, metadata, tensors);
  for (const auto& [name, change] : changes) {
    writer.write(name + std::string(kGgufNaming.a), change.a);
    writer.write(name + std::string(kGgufNaming.b), change.b);
  }
  writer.finish();
}

void write_lora_folder(const std::filesystem::path& folder, double alpha,
                       const LowRankChanges& changes) {
  const auto factor = [](std::string_view matrix, std::string_view ending) {
    TANDEM_CHECK(matrix.ends_with(kFolderNaming.matrix));
    matrix.remove_suffix(kFolderNaming.matrix.size());
    return fmt::format("{}{}{}", kFolderPrefix, matrix, ending);
  };
  std::vector<TensorShape> shapes;
  std::set<std::string> modules;
  for (const auto& [name, change] : changes) {
    shapes.push_back(
        {factor(name, kFolderNaming.a), {change.rank, columns_of(change)}, DataType::kF16});
    shapes.push_back(
        {factor(name, kFolderNaming.b), {rows_of(change), change.rank}, DataType::kF16});
    modules.insert(name.substr(0, name.size() - kFolderNaming.matrix.size()));
  }
  TANDEM_CHECK(!changes.empty());
  std::filesystem::create_directories(folder);
  SafetensorsWriter writer(folder / kWeights, shapes);
  for (const auto& [name, change] : changes) {
    writer.write(factor(name, kFolderNaming.a), change.a);
    writer.write(factor(name, kFolderNaming.b), change.b);
  }
  writer.finish();
  const json config = {{"peft_type", "LORA"},      {"r", changes.begin()->second.rank},
                       {"lora_alpha", alpha},      {"lora_dropout", 0.0},
                       {"bias", "none"},           {"inference_mode", true},
                       {"target_modules", modules}};
  write_file_atomic(folder / kConfig, config.dump(2) + "\n");
}

}  // namespace tandem
