// POST /v1/embeddings
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <bit>

#include "server/http_error.h"
#include "server/json_fields.h"
#include "server/routes/routes.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxInputs = 2048;         // as OpenAI's
constexpr std::size_t kMaxTokensInArray = 8192;  // the same

bool is_token_array(const json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(),
                     [](const json& e) { return e.is_number_integer(); });
}

// Token arrays hold ids of the encoder's own vocabulary, which go back to text first.
std::string text_of(const json& input, const std::string& path, const Tokenizer& tokenizer) {
  const auto fail = [&](std::string_view problem) {
    throw RequestError(400, fmt::format("'{}' {}", path, problem), path);
  };
  if (input.is_string()) {
    if (input.get_ref<const std::string&>().empty()) fail("must not be empty.");
    return input.get<std::string>();
  }
  if (!is_token_array(input)) {
    fail(fmt::format("must be a string or an array of token ids, not {}.", describe_type(input)));
  }
  if (input.size() > kMaxTokensInArray) {
    fail(fmt::format("has {} tokens; at most {} are allowed.", input.size(), kMaxTokensInArray));
  }
  std::vector<TokenId> ids;
  for (const json& id : input) {
    const auto size = static_cast<std::int64_t>(tokenizer.vocabulary_size());
    const bool fits = id.is_number_unsigned()
                          ? id.get<std::uint64_t>() < static_cast<std::uint64_t>(size)
                          : id.get<std::int64_t>() >= 0 && id.get<std::int64_t>() < size;
    if (!fits)
      fail(fmt::format(
          "holds an id outside the encoder's vocabulary of {}: clients that make tokens "
          "by another vocabulary must send text.",
          size));
    ids.push_back(static_cast<TokenId>(id.get<std::int64_t>()));
  }
  return tokenizer.decode(ids);
}

std::vector<std::string> parse_inputs(const Fields& body, const Tokenizer& tokenizer) {
  const json* input = body.find("input");
  if (input == nullptr) body.fail("input", "is missing.");
  if (input->is_string() || is_token_array(*input)) return {text_of(*input, "input", tokenizer)};
  if (!input->is_array()) {
    body.fail("input", fmt::format("must be a string, an array of strings or token arrays, not {}.",
                                   describe_type(*input)));
  }
  body.array("input", kMaxInputs);
  if (input->empty()) body.fail("input", "must not be empty.");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < input->size(); ++i) {
    texts.push_back(text_of((*input)[i], fmt::format("input[{}]", i), tokenizer));
  }
  return texts;
}

// Little-endian floats, as NumPy's frombuffer reads them.
std::string base64_of(std::span<const float> vector) {
  static_assert(std::endian::native == std::endian::little);
  const auto* bytes = reinterpret_cast<const unsigned char*>(vector.data());
  const std::size_t size = vector.size_bytes();
  std::string text((size + 2) / 3 * 4 + 1, '\0');  // EVP writes a closing NUL
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(size));
  text.pop_back();
  return text;
}

std::size_t count_tokens(const std::vector<std::string>& texts, const Encoder& encoder) {
  const Tokenizer& tokenizer = encoder.tokenizer();
  const std::size_t control = tokenizer.prefix().size() + tokenizer.suffix().size();
  std::size_t tokens = 0;
  for (const std::string& text : texts) {
    tokens +=
        std::min(tokenizer.count(text) + control, static_cast<std::size_t>(encoder.max_tokens()));
  }
  return tokens;
}

TextKind kind_of(const Fields& fields) {
  const auto type = fields.text("input_type");
  if (!type) return TextKind::kPlain;
  if (*type == "query") return TextKind::kQuery;
  if (*type == "passage" || *type == "document") return TextKind::kPassage;
  fields.fail("input_type", "must be 'query', 'passage' or 'document'.");
}

void embed(Exchange& exchange, const RouteContext& context) {
  const auto release = context.engine.release();
  const Encoder& encoder = *release->encoder;
  const json body = exchange.json_body();
  const Fields fields(body);
  check_encoder_name(fields.text("model").value_or(""), *release);
  const std::string format = fields.text("encoding_format").value_or("float");
  if (format != "float" && format != "base64") {
    fields.fail("encoding_format", "must be 'float' or 'base64'.");
  }
  const auto dimensions = fields.integer("dimensions", 1, 1'000'000);
  if (dimensions && *dimensions != encoder.dimension()) {
    fields.fail("dimensions", fmt::format("must be {}, the only size of this encoder's vectors.",
                                          encoder.dimension()));
  }
  const TextKind kind = kind_of(fields);
  const std::vector<std::string> texts = parse_inputs(fields, encoder.tokenizer());
  const std::vector<float> vectors = encoder.encode(texts, kind);

  const auto dimension = static_cast<std::size_t>(encoder.dimension());
  json data = json::array();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto vector = std::span<const float>(vectors).subspan(i * dimension, dimension);
    data.push_back({{"object", "embedding"},
                    {"index", i},
                    {"embedding", format == "base64" ? json(base64_of(vector)) : json(vector)}});
  }
  const std::size_t tokens = count_tokens(texts, encoder);
  exchange.response().set_header(kReleaseHeader, release->name);
  exchange.send_json({{"object", "list"},
                      {"data", std::move(data)},
                      {"model", encoder.name()},
                      {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
}

}  // namespace

void add_embedding_routes(HttpServer& server, RouteContext& context) {
  server.add_route("POST", "/v1/embeddings", kReadsCollections,
                   [&context](Exchange& exchange) { embed(exchange, context); });
}

}  // namespace tandem
