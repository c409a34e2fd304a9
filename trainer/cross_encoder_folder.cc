#include "trainer/cross_encoder_folder.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>
#include <string>
#include <vector>

#include "base/file.h"
#include "model/bert_checkpoint.h"
#include "model/cross_encoder.h"
#include "model/safetensors_writer.h"
#include "trainer/random_draws.h"
#include "trainer/replace_folder.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr double kDeviation = 0.02;  // BERT's initializer_range

// By Box and Muller, since std::normal_distribution differs between implementations.
std::vector<float> normal_values(std::size_t count, std::mt19937_64& random) {
  const auto uniform = [&] { return (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53; };
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i) {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    values.push_back(
        static_cast<float>(kDeviation * radius * std::cos(2 * std::numbers::pi * uniform())));
  }
  return values;
}

struct Tensor {
  TensorShape shape;
  std::vector<float> values;
};

// The encoder's own, renamed, then those of the head.
std::vector<Tensor> tensors_of(const BertCheckpoint& encoder, std::uint64_t seed) {
  const bool is_roberta = encoder.config.is_roberta();
  const std::string prefix = is_roberta ? "roberta." : "bert.";
  std::vector<Tensor> tensors;
  const auto copy = [&](const TensorView& tensor, const std::string& name) {
    tensors.push_back({{name, tensor.shape}, dequantize(tensor)});
  };
  for (const TensorView& tensor : encoder.file->tensors()) {
    if (!tensor.name.starts_with(encoder.prefix)) continue;
    const std::string name = tensor.name.substr(encoder.prefix.size());
    const bool is_integer = tensor.type == DataType::kI32 || tensor.type == DataType::kI64;
    if (is_integer || !(name.starts_with("embeddings.") || name.starts_with("encoder."))) continue;
    copy(tensor, prefix + name);
  }
  auto random = random_numbers(seed, 0, 0);
  const std::int64_t hidden = encoder.config.hidden_size;
  const auto size = static_cast<std::size_t>(hidden);
  const auto [dense, output] = cross_encoder_names(encoder.config, prefix);
  const std::string pooler = encoder.prefix + "pooler.dense";
  if (!is_roberta && encoder.file->find(pooler + ".weight") != nullptr) {
    const std::vector<std::int64_t> square = {hidden, hidden};
    const std::vector<std::int64_t> row = {hidden};
    copy(encoder.file->require(pooler + ".weight", square), dense + ".weight");
    copy(encoder.file->require(pooler + ".bias", row), dense + ".bias");
  } else {
    tensors.push_back({{dense + ".weight", {hidden, hidden}}, normal_values(size * size, random)});
    tensors.push_back({{dense + ".bias", {hidden}}, std::vector<float>(size)});
  }
  tensors.push_back({{output + ".weight", {1, hidden}}, normal_values(size, random)});
  tensors.push_back({{output + ".bias", {1}}, {0}});
  return tensors;
}

json read_json(const std::filesystem::path& path) {
  constexpr std::uint64_t kMaxBytes = 1 << 20;
  json read = exists(path) ? json::parse(read_file(path, kMaxBytes), nullptr, false) : json();
  return read.is_object() ? read : json::object();
}

void write_tokenizer_config(const std::filesystem::path& from, const std::filesystem::path& to,
                            std::size_t max_tokens) {
  json config = read_json(from / "tokenizer_config.json");
  config["model_max_length"] = max_tokens;
  write_file_atomic(to / "tokenizer_config.json", config.dump(2) + "\n");
}

}  // namespace

void make_cross_encoder(const std::filesystem::path& from, const std::filesystem::path& to,
                        std::size_t max_tokens, std::uint64_t seed) {
  const BertCheckpoint encoder = BertCheckpoint::open(from);
  json config = read_json(from / "config.json");
  static const std::map<std::string, std::string> classes = {
      {"bert", "BertForSequenceClassification"},
      {"roberta", "RobertaForSequenceClassification"},
      {"xlm-roberta", "XLMRobertaForSequenceClassification"},
      {"camembert", "CamembertForSequenceClassification"}};
  config["architectures"] = {classes.at(config.value("model_type", "bert"))};
  config["id2label"] = {{"0", "LABEL_0"}};
  config["label2id"] = {{"LABEL_0", 0}};
  config.erase("_name_or_path");
  replace_folder(to, [&](const std::filesystem::path& folder) {
    for (const auto& entry : std::filesystem::directory_iterator(from)) {
      const std::string name = entry.path().filename().string();
      if (name == "tokenizer.json" || name == "vocab.txt" || name == "special_tokens_map.json" ||
          entry.path().extension() == ".model")
        std::filesystem::copy(entry.path(), folder / name);
    }
    write_tokenizer_config(from, folder, max_tokens);
    write_file_atomic(folder / "config.json", config.dump(2) + "\n");
    const std::vector<Tensor> tensors = tensors_of(encoder, seed);
    std::vector<TensorShape> shapes;
    shapes.reserve(tensors.size());
    for (const Tensor& tensor : tensors) shapes.push_back(tensor.shape);
    SafetensorsWriter writer(folder / "model.safetensors", shapes);
    for (const Tensor& tensor : tensors) writer.write(tensor.shape.name, tensor.values);
    writer.finish();
  });
}

void copy_cross_encoder(const std::filesystem::path& from, const std::filesystem::path& to,
                        std::size_t max_tokens) {
  replace_folder(to, [&](const std::filesystem::path& folder) {
    std::filesystem::copy(from, folder, std::filesystem::copy_options::recursive);
    write_tokenizer_config(from, folder, max_tokens);
  });
}

}  // namespace tandem
