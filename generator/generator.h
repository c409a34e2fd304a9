// Messages in, text out, token by token.
#ifndef TANDEM_GENERATOR_GENERATOR_H_
#define TANDEM_GENERATOR_GENERATOR_H_

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/chat_template.h"
#include "generator/sampler.h"
#include "generator/scheduler.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

struct GenerationOptions {
  SamplingOptions sampling;
  int max_tokens = 512;
  std::vector<std::string> stop;  // the text ends before the first of these
  // Holds the text to this JSON Schema, or to any JSON object where it is empty (grammar/). Only
  // max_tokens and `stop` can end it before it is whole.
  std::optional<std::string> json_schema;
};

enum class FinishReason { kStop, kLength, kCancelled };

struct GenerationResult {
  std::string text;
  int prompt_tokens = 0;
  int reused_tokens = 0;  // of the prompt: found computed by an earlier request
  int completion_tokens = 0;
  FinishReason finish_reason = FinishReason::kStop;
  double prefill_seconds = 0;  // until the first token's logits
  double decode_seconds = 0;
};

// Receives text as it is made: always whole UTF-8 characters, never a part of a stop string.
// Returning false cancels the generation before its next step.
using TextSink = std::function<bool(std::string_view piece)>;

// All methods may be called from any thread. Concurrent generations share every step of the network
// (scheduler.h), so that none waits for another to end.
class Generator {
 public:
  // A GGUF of a family that model/decoder_config.h knows. compute_threads() run its steps. Throws
  // as open_gguf, make_tokenizer, DecoderWeights and CpuDecoder::load do.
  static std::unique_ptr<Generator> open(const std::filesystem::path& path,
                                         const SchedulerOptions& options = {});
  virtual ~Generator() = default;

  virtual const std::string& name() const = 0;
  virtual int context_length() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;
  virtual SchedulerState state() const = 0;

  // The prompt of a conversation, by the chat template of the file. Throws kInvalidArgument for
  // messages that the template refuses (unknown role, wrong order).
  virtual std::vector<TokenId> render(std::span<const ChatMessage> messages) const = 0;

  // Throws kTooLarge before any work if the prompt leaves no room for a single token, and
  // kInvalidArgument for options out of range and for a schema that is not understood. max_tokens
  // is cut to what the context leaves.
  virtual GenerationResult generate(std::span<const TokenId> prompt,
                                    const GenerationOptions& options,
                                    const TextSink& sink) const = 0;
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_GENERATOR_H_
