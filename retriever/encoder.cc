#include "retriever/encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/stopwatch.h"
#include "model/bert.h"
#include "retriever/encoder_files.h"
#include "retriever/encoder_prompts.h"
#include "retriever/token_batches.h"

namespace tandem {
namespace {

constexpr const char* kFolderAdvice =
    "give the folder of a sentence-transformers model: config.json, model.safetensors, "
    "tokenizer.json or vocab.txt, 1_Pooling/config.json";

// A folder without a pooling configuration is a plain BERT; sentence-transformers takes the mean of
// its states, and so do we.
Pooling read_pooling(const std::filesystem::path& folder) {
  const auto path = folder / "1_Pooling" / "config.json";
  const auto json = read_encoder_json(path);
  if (!json) return Pooling::kMean;
  std::vector<std::string> modes;
  if (json->is_object()) {
    for (const auto& [key, value] : json->items())
      if (key.starts_with("pooling_mode_") && value.is_boolean() && value.get<bool>())
        modes.push_back(key);
  }
  if (modes == std::vector<std::string>{"pooling_mode_mean_tokens"}) return Pooling::kMean;
  if (modes == std::vector<std::string>{"pooling_mode_cls_token"}) return Pooling::kCls;
  throw Error(
      ErrorCode::kUnsupported,
      fmt::format("{} asks for a pooling other than the mean or the [CLS] token", path.string()),
      "choose an encoder with mean or CLS pooling, such as all-MiniLM-L6-v2");
}

// A further module (a dense projection, say) would change the vectors.
void check_modules(const std::filesystem::path& folder) {
  const auto path = folder / "modules.json";
  const auto json = read_encoder_json(path);
  if (!json || !json->is_array()) return;
  for (const auto& module : *json) {
    const auto type = module.is_object() ? module.find("type") : module.end();
    const std::string name = module.is_object() && type != module.end() && type->is_string()
                                 ? type->get<std::string>()
                                 : "";
    const std::string last = name.substr(name.rfind('.') + 1);
    if (last != "Transformer" && last != "Pooling" && last != "Normalize")
      throw Error(
          ErrorCode::kUnsupported,
          fmt::format("{} lists a module that is not supported: \"{}\"", path.string(), name),
          "choose an encoder made of Transformer, Pooling and Normalize only");
  }
}

int read_max_tokens(const std::filesystem::path& folder, int max_positions, int control_tokens) {
  const auto path = folder / "sentence_bert_config.json";
  const auto json = read_encoder_json(path);
  if (!json || !json->is_object()) return max_positions;
  const auto found = json->find("max_seq_length");
  if (found == json->end() || found->is_null()) return max_positions;
  const auto value = found->is_number_integer() ? found->get<std::int64_t>() : -1;
  if (value <= control_tokens)
    throw Error(ErrorCode::kCorrupt,
                fmt::format("{} has max_seq_length {}, which leaves no room for text",
                            path.string(), found->dump(-1, ' ', true)),
                "fetch the model again");
  return static_cast<int>(std::min<std::int64_t>(value, max_positions));
}

void hash_file(Sha256& hash, const std::filesystem::path& path) {
  const MappedFile file(path);
  hash.update(fmt::format("{} {}\n", path.filename().string(), file.bytes().size()));
  hash.update(file.bytes());
}

// The files that open_tokenizer reads, by its own order of preference.
std::vector<std::filesystem::path> tokenizer_files(const std::filesystem::path& folder) {
  if (exists(folder / "tokenizer.json")) return {folder / "tokenizer.json"};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto& path = entry.path();
    if (path.filename() == "vocab.txt" || path.filename() == "tokenizer_config.json" ||
        path.extension() == ".model")
      files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string identify(const std::filesystem::path& folder, Pooling pooling,
                     const EncoderPrompts& prompts, int max_tokens) {
  Sha256 hash;
  hash.update(fmt::format("encoder 1\npooling {}\nmax_tokens {}\n",
                          pooling == Pooling::kMean ? "mean" : "cls", max_tokens));
  for (const std::string& prompt : {prompts.plain, prompts.query, prompts.passage})
    if (!prompt.empty()) hash.update(fmt::format("prompt {} {}\n", prompt.size(), prompt));
  hash_file(hash, folder / "config.json");
  hash_file(hash, folder / "model.safetensors");
  for (const auto& path : tokenizer_files(folder)) hash_file(hash, path);
  return hash.finish_hex();
}

void normalize(std::span<float> vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  const auto scale = static_cast<float>(1.0 / std::max(std::sqrt(squares), 1e-12));
  for (float& value : vector) value *= scale;
}

class BertEncoder final : public Encoder {
 public:
  explicit BertEncoder(const std::filesystem::path& folder)
      : name_(folder_name(folder)),
        model_(BertModel::load(folder)),
        tokenizer_(open_tokenizer(folder)),
        pooling_(read_pooling(folder)),
        prompts_(read_prompts(folder)) {
    check_modules(folder);
    if (tokenizer_->prefix().empty())
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("the tokenizer in {} has no token such as [CLS] to begin with",
                              folder.string()),
                  kFolderAdvice);
    const auto control = tokenizer_->prefix().size() + tokenizer_->suffix().size();
    max_tokens_ =
        read_max_tokens(folder, model_->config().max_positions, static_cast<int>(control));
    require_vocabulary(folder, *tokenizer_, model_->config());
    id_ = identify(folder, pooling_, prompts_, max_tokens_);
  }

  const std::string& id() const override { return id_; }
  const std::string& name() const override { return name_; }
  int dimension() const override { return model_->config().hidden_size; }
  int max_tokens() const override { return max_tokens_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  Pooling pooling() const override { return pooling_; }
  std::vector<TokenId> tokens_of(const std::string& text, TextKind kind) const override;

  std::vector<float> encode(std::span<const std::string> texts, TextKind kind,
                            Urgency urgency) const override;
  EncoderWork work(TextKind kind) const override;

 private:
  void count(TextKind kind, std::size_t texts, double seconds) const;
  const std::string& prompt_of(TextKind kind) const;

  std::string id_;
  std::string name_;
  std::unique_ptr<BertModel> model_;
  std::unique_ptr<Tokenizer> tokenizer_;
  Pooling pooling_;
  EncoderPrompts prompts_;
  int max_tokens_ = 0;
  mutable std::mutex work_mutex_;
  mutable std::map<TextKind, EncoderWork> work_;
};

const std::string& BertEncoder::prompt_of(TextKind kind) const {
  if (kind == TextKind::kQuery) return prompts_.query;
  return kind == TextKind::kPassage ? prompts_.passage : prompts_.plain;
}

std::vector<TokenId> BertEncoder::tokens_of(const std::string& text, TextKind kind) const {
  const std::string& prompt = prompt_of(kind);
  const auto prefix = tokenizer_->prefix();
  const auto suffix = tokenizer_->suffix();
  std::vector<TokenId> ids = tokenizer_->encode(prompt.empty() ? text : prompt + text);
  const std::size_t room = static_cast<std::size_t>(max_tokens_) - prefix.size() - suffix.size();
  if (ids.size() > room) ids.resize(room);
  ids.insert(ids.begin(), prefix.begin(), prefix.end());
  ids.insert(ids.end(), suffix.begin(), suffix.end());
  return ids;
}

EncoderWork BertEncoder::work(TextKind kind) const {
  const std::lock_guard lock(work_mutex_);
  return work_[kind];
}

void BertEncoder::count(TextKind kind, std::size_t texts, double seconds) const {
  const std::lock_guard lock(work_mutex_);
  EncoderWork& work = work_[kind];
  work.calls += 1;
  work.texts += texts;
  work.seconds += seconds;
}

std::vector<float> BertEncoder::encode(std::span<const std::string> texts, TextKind kind,
                                       Urgency urgency) const {
  const Stopwatch stopwatch;
  const auto width = static_cast<std::size_t>(dimension());
  std::vector<std::vector<TokenId>> sequences;
  sequences.reserve(texts.size());
  std::vector<std::size_t> lengths;
  lengths.reserve(texts.size());
  for (const auto& text : texts) {
    sequences.push_back(tokens_of(text, kind));
    lengths.push_back(sequences.back().size());
  }
  std::vector<float> vectors(texts.size() * width);
  for (const auto& places : batches_by_length(lengths)) {
    std::vector<std::vector<TokenId>> batch;
    batch.reserve(places.size());
    for (const std::size_t place : places) batch.push_back(std::move(sequences[place]));
    std::vector<float> pooled(batch.size() * width);
    model_->pooled_states(batch, {}, pooling_, urgency, pooled);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto row = std::span(pooled).subspan(i * width, width);
      normalize(row);
      std::copy(row.begin(), row.end(),
                vectors.begin() + static_cast<std::ptrdiff_t>(places[i] * width));
    }
  }
  count(kind, texts.size(), stopwatch.seconds());
  return vectors;
}

}  // namespace

std::unique_ptr<Encoder> Encoder::open(const std::filesystem::path& folder) {
  try {
    return std::make_unique<BertEncoder>(folder);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    throw Error(ErrorCode::kNotFound, error.message(), kFolderAdvice);
  }
}

}  // namespace tandem
