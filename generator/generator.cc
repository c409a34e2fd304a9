#include "generator/generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include "base/error.h"
#include "generator/grammar/mask_library.h"
#include "generator/text_stream.h"
#include "model/decoder_weights.h"
#include "model/gguf.h"
#include "model/threads.h"

namespace tandem {
namespace {

// Values of tokenizer.ggml.token_type.
constexpr std::int64_t kControlType = 3;
constexpr std::int64_t kUserDefinedType = 4;

// Tokens that end a turn. A file names one of them as eos_token_id, and a chat model may end its
// turn with another.
constexpr const char* kTurnEnds[] = {"<|im_end|>",    "<|eot_id|>",      "<end_of_turn>", "<|end|>",
                                     "<|endoftext|>", "<|end_of_text|>", "</s>"};

struct ControlToken {
  std::string text;
  TokenId id = 0;
};

// Longest first, so that the first that matches is the one to take.
std::vector<ControlToken> read_control_tokens(const GgufFile& file) {
  std::vector<ControlToken> control;
  const auto texts = file.texts("tokenizer.ggml.tokens");
  const auto types = file.integers("tokenizer.ggml.token_type");
  if (!texts || !types) return control;
  for (std::size_t i = 0; i < std::min(texts->size(), types->size()); ++i) {
    const auto type = (*types)[i];
    if ((type == kControlType || type == kUserDefinedType) && !(*texts)[i].empty())
      control.push_back({std::string((*texts)[i]), static_cast<TokenId>(i)});
  }
  std::stable_sort(control.begin(), control.end(),
                   [](const auto& a, const auto& b) { return a.text.size() > b.text.size(); });
  return control;
}

std::string token_text(const GgufFile& file, const char* key) {
  const auto texts = file.texts("tokenizer.ggml.tokens");
  const auto id = file.integer(key);
  if (!texts || !id || *id < 0 || static_cast<std::size_t>(*id) >= texts->size()) return {};
  return std::string((*texts)[static_cast<std::size_t>(*id)]);
}

class GgufGenerator final : public Generator {
 public:
  GgufGenerator(const std::filesystem::path& path, const GgufFile& file,
                const SchedulerOptions& options);

  const std::string& name() const override { return name_; }
  int context_length() const override { return scheduler_.config().context_length; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  SchedulerState state() const override { return scheduler_.state(); }

  std::vector<TokenId> render(std::span<const ChatMessage> messages) const override;
  GenerationResult generate(std::span<const TokenId> prompt, const GenerationOptions& options,
                            const TextSink& sink) const override;

 private:
  MaskLibrary& masks() const;
  int token_budget(std::span<const TokenId> prompt, const GenerationOptions& options) const;

  std::string name_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<ChatTemplate> template_;  // null where the file has none
  mutable Scheduler scheduler_;
  // Made when the first schema comes: it takes up to a quarter of a second.
  mutable std::once_flag masks_made_;
  mutable std::unique_ptr<MaskLibrary> masks_;
  std::vector<ControlToken> control_;
  std::string bos_text_;
  std::string eos_text_;
  std::vector<TokenId> ends_;
};

std::unique_ptr<CpuDecoder> load_decoder(const GgufFile& file) {
  const DecoderWeights weights(file);
  return CpuDecoder::load(weights, weights.config(), compute_threads());
}

GgufGenerator::GgufGenerator(const std::filesystem::path& path, const GgufFile& file,
                             const SchedulerOptions& options)
    : name_(path.stem().string()),
      tokenizer_(make_tokenizer(file)),
      scheduler_(load_decoder(file), options),
      control_(read_control_tokens(file)),
      bos_text_(token_text(file, "tokenizer.ggml.bos_token_id")),
      eos_text_(token_text(file, "tokenizer.ggml.eos_token_id")) {
  if (tokenizer_->vocabulary_size() > static_cast<std::size_t>(scheduler_.config().vocabulary_size))
    throw Error(ErrorCode::kCorrupt,
                fmt::format("{} lists {} tokens, but its weights have only {}", path.string(),
                            tokenizer_->vocabulary_size(), scheduler_.config().vocabulary_size),
                "fetch the model again");
  if (const auto source = file.text("tokenizer.chat_template"))
    template_ = ChatTemplate::parse(*source);
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"})
    if (const auto id = file.integer(key);
        id && *id >= 0 && *id < scheduler_.config().vocabulary_size)
      ends_.push_back(static_cast<TokenId>(*id));
  for (const char* text : kTurnEnds)
    if (const auto id = tokenizer_->find(text); id && tokenizer_->is_control(*id))
      ends_.push_back(*id);
}

// Control tokens are looked for in the template's own text only. What lies between two of them is
// encoded as one piece, whether it came from the template or a message: encoding the parts one by
// one would give other tokens where a word or a run of spaces crosses their border.
std::vector<TokenId> GgufGenerator::render(std::span<const ChatMessage> messages) const {
  if (template_ == nullptr)
    throw Error(ErrorCode::kUnsupported, fmt::format("{} has no chat template", name_),
                "choose an instruction-tuned model; a base model cannot hold a conversation");
  std::vector<TokenId> ids;
  std::string run;
  const auto end_run = [&] {
    const auto encoded = tokenizer_->encode(run, ControlTokens::kAsText);
    ids.insert(ids.end(), encoded.begin(), encoded.end());
    run.clear();
  };
  for (const PromptSpan& span :
       template_->render(messages, /*add_generation_prompt=*/true, bos_text_, eos_text_)) {
    if (span.from_message) {
      run += span.text;
      continue;
    }
    for (std::string_view rest = span.text; !rest.empty();) {
      const auto token = std::find_if(control_.begin(), control_.end(), [&](const auto& control) {
        return rest.starts_with(control.text);
      });
      if (token == control_.end()) {
        run.push_back(rest.front());
        rest.remove_prefix(1);
      } else {
        end_run();
        ids.push_back(token->id);
        rest.remove_prefix(token->text.size());
      }
    }
  }
  end_run();
  // Most templates write the first token themselves; those that leave it to the tokenizer get it.
  const auto prefix = tokenizer_->prefix();
  if (ids.size() < prefix.size() || !std::equal(prefix.begin(), prefix.end(), ids.begin()))
    ids.insert(ids.begin(), prefix.begin(), prefix.end());
  return ids;
}

int GgufGenerator::token_budget(std::span<const TokenId> prompt,
                                const GenerationOptions& options) const {
  check(options.sampling);
  if (options.max_tokens < 1)
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("max_tokens is {}, which must be at least 1", options.max_tokens));
  if (std::any_of(options.stop.begin(), options.stop.end(),
                  [](const auto& word) { return word.empty(); }))
    throw Error(ErrorCode::kInvalidArgument, "a stop string is empty", "leave it out");
  if (prompt.empty()) throw Error(ErrorCode::kInvalidArgument, "the prompt is empty");
  const auto context = static_cast<std::size_t>(context_length());
  if (prompt.size() >= context)
    throw Error(ErrorCode::kTooLarge,
                fmt::format("the prompt has {} tokens, which leaves no room in the context of {} "
                            "that {} was made for",
                            prompt.size(), context, name_),
                "shorten the conversation, ask for fewer passages, or choose a model with a longer "
                "context");
  return static_cast<int>(
      std::min(static_cast<std::size_t>(options.max_tokens), context - prompt.size()));
}

MaskLibrary& GgufGenerator::masks() const {
  std::call_once(masks_made_, [this] {
    const auto size = static_cast<std::size_t>(scheduler_.config().vocabulary_size);
    masks_ = std::make_unique<MaskLibrary>(
        std::make_shared<const TokenVocabulary>(*tokenizer_, ends_, size));
  });
  return *masks_;
}

GenerationResult GgufGenerator::generate(std::span<const TokenId> prompt,
                                         const GenerationOptions& options,
                                         const TextSink& sink) const {
  using Clock = std::chrono::steady_clock;
  SequenceRequest request;
  request.max_tokens = token_budget(prompt, options);
  request.prompt.assign(prompt.begin(), prompt.end());
  request.sampling = options.sampling;
  request.ends = ends_;
  if (options.json_schema)
    request.form = options.json_schema->empty() ? masks().of_any_object()
                                                : masks().of_schema(*options.json_schema);
  const auto tokens = scheduler_.submit(std::move(request));
  TextStream stream(options.stop);
  GenerationResult result;
  result.prompt_tokens = static_cast<int>(prompt.size());

  // False once the receiver has had enough.
  const auto show = [&](const std::string& piece) {
    if (piece.empty()) return true;
    result.text += piece;
    return !sink || sink(piece);
  };
  auto start = Clock::now();
  const auto receive = [&]() -> FinishReason {
    while (const auto token = tokens->next()) {
      if (result.completion_tokens++ == 0) start = Clock::now();
      if (!show(stream.push(tokenizer_->token_bytes(*token)))) return FinishReason::kCancelled;
      if (stream.stopped()) return FinishReason::kStop;
    }
    return tokens->ended() ? FinishReason::kStop : FinishReason::kLength;
  };
  result.finish_reason = receive();
  tokens->cancel();
  if (result.finish_reason != FinishReason::kCancelled && !show(stream.finish()))
    result.finish_reason = FinishReason::kCancelled;
  result.prefill_seconds = tokens->prefill_seconds();
  result.reused_tokens = tokens->reused_tokens();
  result.decode_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return result;
}

}  // namespace

std::unique_ptr<Generator> Generator::open(const std::filesystem::path& path,
                                           const SchedulerOptions& options) {
  const auto file = open_gguf(path);
  return std::make_unique<GgufGenerator>(path, *file, options);
}

}  // namespace tandem
