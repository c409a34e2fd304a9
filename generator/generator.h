// Messages in, text out, token by token.
#ifndef TANDEM_GENERATOR_GENERATOR_H_
#define TANDEM_GENERATOR_GENERATOR_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/chat_template.h"
#include "generator/passage_reading.h"
#include "generator/sampler.h"
#include "generator/scheduler.h"
#include "model/decoder_placement.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

struct GeneratorOptions {
  SchedulerOptions scheduling = {};
  DecoderPlacement placement = {};
  // As the file says that the model was trained, unless given.
  std::optional<PassageReading> passage_reading = {};
  // Where passages that were read independently are kept over restarts, in at most so many bytes;
  // empty: nowhere. Another process that uses the folder keeps this one from using it.
  std::filesystem::path passage_folder = {};
  std::uint64_t passage_folder_bytes = std::uint64_t{4} << 30;
};

struct Prompt {
  std::vector<TokenId> tokens;
  std::vector<PositionRange> passages;  // that are read by themselves, in order
};

struct GenerationOptions {
  SamplingOptions sampling;
  int max_tokens = 512;
  std::vector<std::string> stop;  // the text ends before the first of these
  // Holds the text to this JSON Schema, or to any JSON object where it is empty (grammar/). Only
  // max_tokens and `stop` can end it before it is whole.
  std::optional<std::string> json_schema;
  // Asks for log-probabilities: of each token, and of so many likeliest ones in its place, at most
  // kMaxTopLogProbabilities. They change nothing else.
  std::optional<int> top_log_probabilities;
  // Guesses at what follows by what stood before (draft.h). They change nothing but the time it
  // takes.
  bool drafts = true;
};

enum class FinishReason { kStop, kLength, kCancelled };

struct GenerationResult {
  std::string text;
  // Of the tokens that the text is made of, where they were asked for. What a stop string cut off
  // has none, nor has the token that ended the turn.
  std::vector<LogProbabilities> log_probabilities;
  int prompt_tokens = 0;
  int reused_tokens = 0;  // of the prompt: found computed by an earlier request
  int completion_tokens = 0;
  FinishReason finish_reason = FinishReason::kStop;
  double prefill_seconds = 0;  // until the first token's logits
  double decode_seconds = 0;
};

// Both are valid until the receiver returns.
struct TextPiece {
  std::string_view text;
  // Where they were asked for, of the tokens that begin in `text`. The last piece may have some
  // without any text: those of a character that was never completed.
  std::span<const LogProbabilities> log_probabilities;
};

// Receives text as it is made: always whole UTF-8 characters, never a part of a stop string.
// Returning false cancels the generation before its next step.
using TextSink = std::function<bool(const TextPiece& piece)>;

// All methods may be called from any thread. Concurrent generations share every step of the network
// (scheduler.h), so that none waits for another to end.
class Generator {
 public:
  // A GGUF of a family that model/decoder_config.h knows. compute_threads() run its steps. Throws
  // as open_gguf, make_tokenizer, DecoderWeights and load_decoder do.
  static std::unique_ptr<Generator> open(const std::filesystem::path& path,
                                         const GeneratorOptions& options = {});
  virtual ~Generator() = default;

  virtual const std::string& name() const = 0;
  virtual int context_length() const = 0;
  // Whether prompts without passages, and their answers, may be longer than the context.
  virtual bool goes_past_context() const = 0;
  virtual PassageReading passage_reading() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;
  // Bytes of a token in running text; of a control token, its name in the vocabulary.
  virtual std::string spell(TokenId token) const = 0;
  // What the model is taught to end a turn with; nullopt if its file names none.
  virtual std::optional<TokenId> end_of_turn() const = 0;
  virtual SchedulerState state() const = 0;

  // The prompt of a conversation, by the chat template of the file. Where passages are read
  // independently, each that is marked becomes tokens by itself; otherwise the marks are characters
  // like any others. Throws kInvalidArgument for messages that the template refuses (unknown role,
  // wrong order).
  virtual Prompt render(std::span<const ChatMessage> messages,
                        PassageReading reading = PassageReading::kTogether) const = 0;

  // Throws kTooLarge before any work if the prompt leaves no room for a single token, and
  // kInvalidArgument for options out of range and for a schema that is not understood. max_tokens
  // is cut to what the context leaves. Neither is so where the scheduler goes past the context,
  // but for prompts with passages.
  virtual GenerationResult generate(const Prompt& prompt, const GenerationOptions& options,
                                    const TextSink& sink) const = 0;
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_GENERATOR_H_
