// POST /tokenize and /detokenize, as vLLM has them
#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/utf8.h"
#include "server/chat_request.h"
#include "server/http_error.h"
#include "server/json_fields.h"
#include "server/routes/routes.h"

namespace tandem {
namespace {

using nlohmann::json;

// Some hundred times what a generator reads. An answer may have a token for each byte.
constexpr std::size_t kMaxTextBytes = 4u << 20;
constexpr std::size_t kMaxTokensInArray = 500'000;

void check_size(const Fields& body, std::string_view name, std::size_t bytes) {
  if (bytes > kMaxTextBytes) {
    body.fail(name,
              fmt::format("has {} bytes of text; at most {} are allowed.", bytes, kMaxTextBytes));
  }
}

// A prompt is the caller's own: unlike a message's, its control tokens are meant.
std::vector<TokenId> tokens_of_prompt(const Fields& body, const Tokenizer& tokenizer) {
  const std::string prompt = *body.text("prompt");
  check_size(body, "prompt", prompt.size());
  return tokenizer.encode(prompt, ControlTokens::kParse);
}

std::vector<TokenId> tokens_of_messages(const Fields& body, const Generator& generator) {
  const std::vector<ChatMessage> messages = parse_messages(body);
  std::size_t bytes = 0;
  for (const ChatMessage& message : messages) bytes += message.content.size();
  check_size(body, "messages", bytes);
  if (!body.boolean("add_generation_prompt").value_or(true)) {
    body.fail("add_generation_prompt", "must be true: prompts end where the answer begins.");
  }
  return generator.render(messages).tokens;
}

void tokenize(Exchange& exchange, const RouteContext& context) {
  const json body = exchange.json_body();
  const Fields fields(body);
  const auto release = context.engine.release();
  check_generator_name(fields.text("model").value_or(""), *release, *context.engine.store);
  const Generator& generator = *release->generator;
  const Tokenizer& tokenizer = generator.tokenizer();
  const bool is_chat = fields.find("messages") != nullptr;
  if (is_chat == (fields.find("prompt") != nullptr)) {
    fields.fail("prompt", is_chat ? "and 'messages' exclude each other."
                                  : "is missing; give it, or 'messages'.");
  }
  std::vector<TokenId> tokens =
      is_chat ? tokens_of_messages(fields, generator) : tokens_of_prompt(fields, tokenizer);
  // Chat templates have those that they want.
  if (fields.boolean("add_special_tokens").value_or(!is_chat)) {
    tokens.insert(tokens.begin(), tokenizer.prefix().begin(), tokenizer.prefix().end());
    tokens.insert(tokens.end(), tokenizer.suffix().begin(), tokenizer.suffix().end());
  }
  exchange.response().set_header(kReleaseHeader, release->name);
  exchange.send_json({{"count", tokens.size()},
                      {"max_model_len", generator.context_length()},
                      {"tokens", tokens}});
}

void detokenize(Exchange& exchange, const RouteContext& context) {
  const json body = exchange.json_body();
  const Fields fields(body);
  const auto release = context.engine.release();
  check_generator_name(fields.text("model").value_or(""), *release, *context.engine.store);
  const Generator& generator = *release->generator;
  const json* const tokens = fields.array("tokens", kMaxTokensInArray);
  if (tokens == nullptr) fields.fail("tokens", "is missing.");
  const std::size_t vocabulary = generator.tokenizer().vocabulary_size();
  std::string text;
  for (const json& token : *tokens) {
    // Whole numbers below 0 are of another type.
    if (!token.is_number_unsigned() || token.get<std::uint64_t>() >= vocabulary) {
      fields.fail("tokens", fmt::format("must hold ids from 0 to {}, those of the generator's "
                                        "vocabulary.",
                                        vocabulary - 1));
    }
    text += generator.spell(token.get<TokenId>());
  }
  exchange.response().set_header(kReleaseHeader, release->name);
  exchange.send_json({{"prompt", repair_utf8(text)}});
}

}  // namespace

void add_tokenize_routes(HttpServer& server, RouteContext& context) {
  server.add_route("POST", "/tokenize", kReadsCollections,
                   [&context](Exchange& exchange) { tokenize(exchange, context); });
  server.add_route("POST", "/detokenize", kReadsCollections,
                   [&context](Exchange& exchange) { detokenize(exchange, context); });
}

}  // namespace tandem
