#include "generator/generator.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "generator/grammar/mask_library.h"
#include "generator/held_back_probabilities.h"
#include "generator/prompt_writer.h"
#include "generator/text_stream.h"
#include "model/decoder_weights.h"
#include "model/gguf.h"
#include "store/byte_cache.h"

namespace tandem {
namespace {

// Tokens that end a turn. A file names one of them as eos_token_id, and a chat model may end its
// turn with another.
constexpr const char* kTurnEnds[] = {"<|im_end|>",    "<|eot_id|>",      "<end_of_turn>", "<|end|>",
                                     "<|endoftext|>", "<|end_of_text|>", "</s>"};

std::string token_text(const GgufFile& file, const char* key) {
  const auto texts = file.texts("tokenizer.ggml.tokens");
  const auto id = file.integer(key);
  if (!texts || !id || *id < 0 || static_cast<std::size_t>(*id) >= texts->size()) return {};
  return std::string((*texts)[static_cast<std::size_t>(*id)]);
}

class GgufGenerator final : public Generator {
 public:
  GgufGenerator(const std::filesystem::path& path, const GgufFile& file,
                const GeneratorOptions& options);

  const std::string& name() const override { return name_; }
  int context_length() const override { return scheduler_.config().context_length; }
  bool goes_past_context() const override { return scheduler_.goes_past_context(); }
  PassageReading passage_reading() const override { return passage_reading_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  std::string spell(TokenId token) const override;
  std::optional<TokenId> end_of_turn() const override {
    return ends_.empty() ? std::nullopt : std::optional(ends_.front());
  }
  SchedulerState state() const override { return scheduler_.state(); }

  Prompt render(std::span<const ChatMessage> messages, PassageReading reading) const override;
  GenerationResult generate(const Prompt& prompt, const GenerationOptions& options,
                            const TextSink& sink) const override;

 private:
  SchedulerOptions scheduling(const std::filesystem::path& path, const GeneratorOptions& options);
  MaskLibrary& masks() const;
  int token_budget(const Prompt& prompt, const GenerationOptions& options) const;

  std::string name_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<ChatTemplate> template_;  // null where the file has none
  PassageReading passage_reading_;
  std::unique_ptr<ByteCache> passages_on_disk_;  // null without
  mutable Scheduler scheduler_;
  // Made when the first schema comes: it takes up to a quarter of a second.
  mutable std::once_flag masks_made_;
  mutable std::unique_ptr<MaskLibrary> masks_;
  std::vector<ControlToken> control_;
  std::string bos_text_;
  std::string eos_text_;
  std::vector<TokenId> ends_;
};

std::unique_ptr<DecoderExecutor> open_decoder(const GgufFile& file,
                                              const DecoderPlacement& placement) {
  const DecoderWeights weights(file);
  return load_decoder(weights, weights.config(), placement);
}

PassageReading trained_reading(const GgufFile& file) {
  return file.boolean(kIndependentPassagesKey).value_or(false) ? PassageReading::kIndependent
                                                               : PassageReading::kTogether;
}

GgufGenerator::GgufGenerator(const std::filesystem::path& path, const GgufFile& file,
                             const GeneratorOptions& options)
    : name_(path.stem().string()),
      tokenizer_(make_tokenizer(file)),
      passage_reading_(options.passage_reading.value_or(trained_reading(file))),
      scheduler_(open_decoder(file, options.placement), scheduling(path, options)),
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

SchedulerOptions GgufGenerator::scheduling(const std::filesystem::path& path,
                                           const GeneratorOptions& options) {
  SchedulerOptions scheduling = options.scheduling;
  if (passage_reading_ == PassageReading::kTogether || options.passage_folder.empty())
    return scheduling;
  passages_on_disk_ = ByteCache::open(options.passage_folder, options.passage_folder_bytes);
  scheduling.passages.disk = passages_on_disk_.get();
  scheduling.passages.model = sha256_hex(MappedFile(path).bytes());
  return scheduling;
}

Prompt GgufGenerator::render(std::span<const ChatMessage> messages, PassageReading reading) const {
  if (template_ == nullptr)
    throw Error(ErrorCode::kUnsupported, fmt::format("{} has no chat template", name_),
                "choose an instruction-tuned model; a base model cannot hold a conversation");
  PromptWriter writer(*tokenizer_, control_);
  for (const PromptSpan& span :
       template_->render(messages, /*add_generation_prompt=*/true, bos_text_, eos_text_)) {
    if (!span.from_message) {
      writer.add_template_text(span.text);
    } else if (reading == PassageReading::kIndependent) {
      writer.add_marked_text(span.text);
    } else {
      writer.add_message_text(span.text);
    }
  }
  return writer.finish();
}

std::string GgufGenerator::spell(TokenId token) const {
  if (!tokenizer_->is_control(token)) return tokenizer_->token_bytes(token);
  const auto control = std::find_if(control_.begin(), control_.end(),
                                    [&](const auto& known) { return known.id == token; });
  return control == control_.end() ? std::string() : control->text;
}

int GgufGenerator::token_budget(const Prompt& prompt, const GenerationOptions& options) const {
  check(options.sampling);
  if (options.max_tokens < 1)
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("max_tokens is {}, which must be at least 1", options.max_tokens));
  if (std::any_of(options.stop.begin(), options.stop.end(),
                  [](const auto& word) { return word.empty(); }))
    throw Error(ErrorCode::kInvalidArgument, "a stop string is empty", "leave it out");
  const int top_count = options.top_log_probabilities.value_or(0);
  if (top_count < 0 || top_count > kMaxTopLogProbabilities)
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("top_log_probabilities is {}, which must be from 0 to {}", top_count,
                            kMaxTopLogProbabilities));
  if (prompt.tokens.empty()) throw Error(ErrorCode::kInvalidArgument, "the prompt is empty");
  const auto context = static_cast<std::size_t>(context_length());
  const bool goes_past = goes_past_context();
  // What is read independently has to be there whole when the question comes.
  if (prompt.tokens.size() >= context && !(goes_past && prompt.passages.empty()))
    throw Error(ErrorCode::kTooLarge,
                fmt::format("the prompt has {} tokens, which leaves no room in the context of {} "
                            "that {} was made for",
                            prompt.tokens.size(), context, name_),
                "shorten the conversation, ask for fewer passages, or choose a model with a longer "
                "context");
  if (goes_past) return options.max_tokens;
  return static_cast<int>(
      std::min(static_cast<std::size_t>(options.max_tokens), context - prompt.tokens.size()));
}

MaskLibrary& GgufGenerator::masks() const {
  std::call_once(masks_made_, [this] {
    const auto size = static_cast<std::size_t>(scheduler_.config().vocabulary_size);
    masks_ = std::make_unique<MaskLibrary>(
        std::make_shared<const TokenVocabulary>(*tokenizer_, ends_, size));
  });
  return *masks_;
}

GenerationResult GgufGenerator::generate(const Prompt& prompt, const GenerationOptions& options,
                                         const TextSink& sink) const {
  using Clock = std::chrono::steady_clock;
  SequenceRequest request;
  request.max_tokens = token_budget(prompt, options);
  request.prompt = prompt.tokens;
  request.passages = prompt.passages;
  request.sampling = options.sampling;
  request.ends = ends_;
  request.top_log_probabilities = options.top_log_probabilities;
  request.drafts = options.drafts;
  if (options.json_schema)
    request.form = options.json_schema->empty() ? masks().of_any_object()
                                                : masks().of_schema(*options.json_schema);
  const auto tokens = scheduler_.submit(std::move(request));
  TextStream stream(options.stop);
  GenerationResult result;
  result.prompt_tokens = static_cast<int>(prompt.tokens.size());

  HeldBackProbabilities held_back;
  // False once the receiver has had enough.
  const auto show = [&](const std::string& text, std::size_t shown_bytes) {
    auto& all = result.log_probabilities;
    const std::size_t before = all.size();
    held_back.take(shown_bytes, all);
    if (text.empty() && all.size() == before) return true;
    result.text += text;
    return !sink || sink({text, std::span(all).subspan(before)});
  };
  auto start = Clock::now();
  const auto receive = [&]() -> FinishReason {
    while (const auto token = tokens->next()) {
      if (result.completion_tokens++ == 0) start = Clock::now();
      const std::string bytes = tokenizer_->token_bytes(*token);
      if (options.top_log_probabilities) held_back.push(tokens->log_probabilities(), bytes.size());
      const std::string text = stream.push(bytes);
      if (!show(text, stream.shown_bytes())) return FinishReason::kCancelled;
      if (stream.stopped()) return FinishReason::kStop;
    }
    return tokens->ended() ? FinishReason::kStop : FinishReason::kLength;
  };
  result.finish_reason = receive();
  tokens->cancel();
  if (result.finish_reason != FinishReason::kCancelled) {
    const std::string rest = stream.finish();
    // Tokens of a character that was never completed are told of nevertheless.
    if (!show(rest, stream.stopped() ? stream.shown_bytes() : SIZE_MAX))
      result.finish_reason = FinishReason::kCancelled;
  }
  result.prefill_seconds = tokens->prefill_seconds();
  result.reused_tokens = tokens->reused_tokens();
  result.decode_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return result;
}

}  // namespace

std::unique_ptr<Generator> Generator::open(const std::filesystem::path& path,
                                           const GeneratorOptions& options) {
  const auto file = open_gguf(path);
  auto generator = std::make_unique<GgufGenerator>(path, *file, options);
  // Reading a vocabulary leaves holes in the heap: 20 MB of them for 262,144 tokens.
  ::malloc_trim(0);
  return generator;
}

}  // namespace tandem
