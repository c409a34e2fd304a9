#include "model/decoder_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "model/printable.h"

namespace tandem {
namespace {

constexpr std::uint64_t kMaxIndexBytes = 1 << 26;
constexpr std::size_t kMaxFiles = 1024;

[[noreturn]] void corrupt(const std::filesystem::path& path, std::string_view what) {
  throw Error(ErrorCode::kCorrupt, fmt::format("{}: {}", path.string(), what),
              "fetch the model again");
}

// A tensor that the configuration asks for.
struct Wanted {
  std::string name;
  std::string hub_name;  // in a Hugging Face folder
  std::vector<std::int64_t> shape;
};

std::vector<Wanted> wanted_in_layer(const DecoderConfig& config, int index) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t inner = config.intermediate_size;
  const std::int64_t query = std::int64_t{config.head_count} * config.head_size;
  const std::int64_t key = std::int64_t{config.kv_head_count} * config.head_size;
  // Gemma gives the name that is elsewhere the norm before the feed-forward part to the one after
  // attention.
  const char* const before_feed_forward =
      config.norm_after ? "pre_feedforward_layernorm" : "post_attention_layernorm";
  std::vector<Wanted> wanted = {
      {"attn_norm.weight", "input_layernorm.weight", {hidden}},
      {"attn_q.weight", "self_attn.q_proj.weight", {query, hidden}},
      {"attn_k.weight", "self_attn.k_proj.weight", {key, hidden}},
      {"attn_v.weight", "self_attn.v_proj.weight", {key, hidden}},
      {"attn_output.weight", "self_attn.o_proj.weight", {hidden, query}},
      {"ffn_norm.weight", fmt::format("{}.weight", before_feed_forward), {hidden}},
      {"ffn_gate.weight", "mlp.gate_proj.weight", {inner, hidden}},
      {"ffn_up.weight", "mlp.up_proj.weight", {inner, hidden}},
      {"ffn_down.weight", "mlp.down_proj.weight", {hidden, inner}},
  };
  if (config.query_key_value_bias) {
    wanted.push_back({"attn_q.bias", "self_attn.q_proj.bias", {query}});
    wanted.push_back({"attn_k.bias", "self_attn.k_proj.bias", {key}});
    wanted.push_back({"attn_v.bias", "self_attn.v_proj.bias", {key}});
  }
  if (config.query_key_norm) {
    wanted.push_back({"attn_q_norm.weight", "self_attn.q_norm.weight", {config.head_size}});
    wanted.push_back({"attn_k_norm.weight", "self_attn.k_norm.weight", {config.head_size}});
  }
  if (config.norm_after) {
    wanted.push_back({"post_attention_norm.weight", "post_attention_layernorm.weight", {hidden}});
    wanted.push_back({"post_ffw_norm.weight", "post_feedforward_layernorm.weight", {hidden}});
  }
  for (Wanted& tensor : wanted) {
    tensor.name = fmt::format("blk.{}.{}", index, tensor.name);
    tensor.hub_name = fmt::format("model.layers.{}.{}", index, tensor.hub_name);
  }
  return wanted;
}

std::vector<Wanted> wanted_tensors(const DecoderConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t vocabulary = config.vocabulary_size;
  std::vector<Wanted> wanted = {
      {"token_embd.weight", "model.embed_tokens.weight", {vocabulary, hidden}},
      {"output_norm.weight", "model.norm.weight", {hidden}},
  };
  if (!config.tied_output)
    wanted.push_back({"output.weight", "lm_head.weight", {vocabulary, hidden}});
  for (int i = 0; i < config.layer_count; ++i)
    for (Wanted& tensor : wanted_in_layer(config, i)) wanted.push_back(std::move(tensor));
  return wanted;
}

using TensorsByName = std::map<std::string_view, const TensorView*>;

TensorsByName by_name(const std::vector<std::unique_ptr<WeightFile>>& files) {
  TensorsByName found;
  for (const auto& file : files)
    for (const TensorView& tensor : file->tensors())
      if (!found.emplace(tensor.name, &tensor).second)
        corrupt(file->path(), fmt::format("tensor {} is in another file of the model too",
                                          printable(tensor.name)));
  return found;
}

// Takes the wanted tensors out of `found` and refuses what is left.
std::vector<TensorView> pick(const std::filesystem::path& path, const DecoderConfig& config,
                             std::string Wanted::*name_in_file, TensorsByName found) {
  std::vector<TensorView> picked;
  for (const Wanted& wanted : wanted_tensors(config)) {
    const std::string& name = wanted.*name_in_file;
    const auto tensor = found.find(name);
    if (tensor == found.end())
      throw Error(ErrorCode::kCorrupt, fmt::format("{} has no tensor {}", path.string(), name),
                  "check that it is a complete model of this architecture");
    if (tensor->second->shape != wanted.shape)
      corrupt(path,
              fmt::format("tensor {} has shape [{}], expected [{}]", name,
                          fmt::join(tensor->second->shape, ", "), fmt::join(wanted.shape, ", ")));
    picked.push_back(*tensor->second);
    picked.back().name = wanted.name;
    found.erase(tensor);
  }
  if (!found.empty())
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{}: tensor {} belongs to no layer of a {}", path.string(),
                            printable(found.begin()->first), config.architecture),
                "choose a model of the Llama, Mistral, Qwen 2, Qwen 3 or Gemma 3 family");
  std::ranges::sort(picked, {}, &TensorView::name);
  return picked;
}

// The files listed in `model.safetensors.index.json`:
//   {"metadata": object, "weight_map": {tensor name: file name}}
std::set<std::string> read_index(const std::filesystem::path& path) {
  const auto json = nlohmann::json::parse(read_file(path, kMaxIndexBytes), nullptr, false);
  const auto map = json.find("weight_map");
  if (!json.is_object() || map == json.end() || !map->is_object() || map->empty())
    corrupt(path, "it has no weight_map");
  std::set<std::string> names;
  for (const auto& [tensor, file] : map->items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    // The index may not point out of its folder.
    if (!name.ends_with(".safetensors") || name.find_first_of("/\\") != std::string::npos)
      corrupt(path,
              fmt::format("tensor {} is in the file \"{}\"", printable(tensor), printable(name)));
    names.insert(name);
    if (names.size() > kMaxFiles) corrupt(path, fmt::format("it lists over {} files", kMaxFiles));
  }
  return names;
}

std::vector<std::unique_ptr<WeightFile>> open_folder(const std::filesystem::path& folder) {
  std::vector<std::unique_ptr<WeightFile>> files;
  const std::filesystem::path index = folder / "model.safetensors.index.json";
  const std::filesystem::path single = folder / "model.safetensors";
  if (!std::filesystem::exists(single) && std::filesystem::exists(index)) {
    for (const std::string& name : read_index(index))
      files.push_back(open_safetensors(folder / name));
  } else {
    files.push_back(open_safetensors(single));
  }
  return files;
}

// Tensors that hold nothing of their own.
void drop_redundant(const std::filesystem::path& folder, const DecoderConfig& config,
                    TensorsByName& found) {
  // Rotary frequencies that old versions of `transformers` saved and none reads.
  for (int i = 0; i < config.layer_count; ++i)
    found.erase(fmt::format("model.layers.{}.self_attn.rotary_emb.inv_freq", i));
  const auto head = found.find("lm_head.weight");
  if (!config.tied_output || head == found.end()) return;
  const auto embedding = found.find("model.embed_tokens.weight");
  if (embedding != found.end() && !std::ranges::equal(head->second->data, embedding->second->data))
    corrupt(folder, "tie_word_embeddings is true, but lm_head.weight is not the embedding");
  found.erase(head);
}

}  // namespace

DecoderWeights::DecoderWeights(const GgufFile& file)
    : path_(file.path()), config_(read_decoder_config(file)) {
  TensorsByName found;
  for (const TensorView& tensor : file.tensors()) found.emplace(tensor.name, &tensor);
  if (config_.architecture == "llama") found.erase("rope_freqs.weight");  // is in the frequencies
  tensors_ = pick(path_, config_, &Wanted::name, std::move(found));
}

DecoderWeights DecoderWeights::open(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) {
    auto file = open_gguf(path);
    DecoderWeights weights(*file);
    weights.files_.push_back(std::move(file));
    return weights;
  }
  DecoderWeights weights;
  weights.path_ = path;
  weights.config_ = read_decoder_config(path);
  weights.files_ = open_folder(path);
  TensorsByName found = by_name(weights.files_);
  drop_redundant(path, weights.config_, found);
  weights.tensors_ = pick(path, weights.config_, &Wanted::hub_name, std::move(found));
  return weights;
}

}  // namespace tandem
