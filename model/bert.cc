#include "model/bert.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "model/bert_executors.h"

namespace tandem {
namespace {

constexpr std::uint64_t kMaxConfigBytes = 1 << 20;

// Some checkpoints carry the prefix of the model they were cut from.
std::string find_prefix(const WeightFile& file) {
  for (const char* prefix : {"", "bert.", "roberta.", "model."})
    if (file.find(std::string(prefix) + "embeddings.word_embeddings.weight") != nullptr)
      return prefix;
  throw Error(
      ErrorCode::kCorrupt,
      fmt::format("{} holds no tensor embeddings.word_embeddings.weight", file.path().string()),
      "give the folder of a BERT or XLM-R encoder in the Hugging Face format");
}

class ConfigReader {
 public:
  explicit ConfigReader(const std::filesystem::path& path) : path_(path) {
    json_ = nlohmann::json::parse(read_file(path, kMaxConfigBytes), nullptr, false);
    if (!json_.is_object()) fail("is not a JSON object");
  }

  int positive(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end() || !found->is_number_integer()) fail(fmt::format("lacks {}", key));
    const auto value = found->get<std::int64_t>();
    if (value < 1 || value > (1 << 24)) fail(fmt::format("has {} = {}", key, value));
    return static_cast<int>(value);
  }

  float epsilon() const {
    const auto found = json_.find("layer_norm_eps");
    if (found == json_.end()) return 1e-12f;
    if (!found->is_number()) fail("has a layer_norm_eps that is no number");
    const auto value = found->get<double>();
    if (!(value >= 0 && value < 1)) fail(fmt::format("has layer_norm_eps = {}", value));
    return static_cast<float>(value);
  }

  // Which of the values of `key` that this code implements the file has; the first one if it has
  // none. Others are refused.
  std::string_view one_of(const char* key,
                          std::initializer_list<std::string_view> supported) const {
    const auto found = json_.find(key);
    if (found == json_.end()) return *supported.begin();
    for (const std::string_view value : supported)
      if (*found == value) return value;
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} has {} {}; what is supported is {}", path_.string(), key,
                            found->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace),
                            fmt::join(supported, ", ")),
                "choose an encoder of the BERT or XLM-R family, such as all-MiniLM-L6-v2");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kCorrupt, fmt::format("{} {}", path_.string(), what),
                "fetch the model again");
  }

 private:
  std::filesystem::path path_;
  nlohmann::json json_;
};

BertConfig read_config(const std::filesystem::path& path) {
  const ConfigReader reader(path);
  const bool is_bert =
      reader.one_of("model_type", {"bert", "roberta", "xlm-roberta", "camembert"}) == "bert";
  reader.one_of("hidden_act", {"gelu"});
  reader.one_of("position_embedding_type", {"absolute"});
  BertConfig config;
  config.hidden_size = reader.positive("hidden_size");
  config.layer_count = reader.positive("num_hidden_layers");
  config.head_count = reader.positive("num_attention_heads");
  config.intermediate_size = reader.positive("intermediate_size");
  config.vocabulary_size = reader.positive("vocab_size");
  config.max_positions = reader.positive("max_position_embeddings");
  // Positions are counted from the one after the token that pads (fairseq's make_positions).
  if (!is_bert) config.first_position = reader.positive("pad_token_id") + 1;
  config.max_positions -= config.first_position;
  if (config.max_positions < 1) reader.fail("has no positions but that of its padding");
  config.type_vocabulary_size = reader.positive("type_vocab_size");
  config.layer_norm_epsilon = reader.epsilon();
  if (config.hidden_size % config.head_count != 0)
    reader.fail(fmt::format("has hidden_size {} that num_attention_heads {} does not divide",
                            config.hidden_size, config.head_count));
  return config;
}

}  // namespace

BertCheckpoint BertCheckpoint::open(const std::filesystem::path& folder) {
  const BertConfig config = read_config(folder / "config.json");
  auto file = open_safetensors(folder / "model.safetensors");
  const std::string prefix = find_prefix(*file);
  return {config, std::move(file), prefix};
}

std::unique_ptr<BertModel> BertModel::load(const std::filesystem::path& folder,
                                           BertExecutor executor) {
  const BertCheckpoint checkpoint = BertCheckpoint::open(folder);
  const bool tiles = tiles_take_bert(checkpoint.config);
  if (executor == BertExecutor::kTiles && !tiles)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} cannot be computed by tiles on this processor", folder.string()));
  return executor == BertExecutor::kTorch || !tiles ? make_torch_bert(checkpoint)
                                                    : make_tile_bert(checkpoint);
}

}  // namespace tandem
