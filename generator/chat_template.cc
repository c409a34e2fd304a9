#include "generator/chat_template.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "generator/jinja/evaluator.h"
#include "generator/jinja/parser.h"

namespace tandem {
namespace {

using jinja::Budget;
using jinja::Text;
using jinja::Value;

// Far beyond any template in use.
constexpr std::size_t kMaxSourceBytes = 1 << 20;
// A template in use takes a few hundred units a message and copies its text a few times.
constexpr std::uint64_t kBaseBudget = 50'000'000;
constexpr std::uint64_t kBudgetPerByte = 64;

// A role that is a plain word ("user") is part of the template's own markup and may be tokenised
// with it; anything else is what some client sent.
bool is_plain_word(std::string_view role) {
  return std::ranges::all_of(role, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  });
}

class ParsedTemplate : public ChatTemplate {
 public:
  explicit ParsedTemplate(std::string_view source) : body_(jinja::parse(source)) {}

  std::vector<PromptSpan> render(std::span<const ChatMessage> messages, bool add_generation_prompt,
                                 std::string_view bos_token,
                                 std::string_view eos_token) const override {
    std::uint64_t input_bytes = 0;
    for (const ChatMessage& message : messages) {
      input_bytes += message.content.size() + message.role.size() + 1024;
    }
    Budget budget(kBaseBudget + kBudgetPerByte * input_bytes);
    std::vector<Value> list;
    for (const ChatMessage& message : messages) {
      list.push_back(Value::dict(
          {{Value::text("role"), Value::text(message.role, !is_plain_word(message.role))},
           {Value::text("content"), Value::text(message.content, true)}},
          budget));
    }
    const Text text = jinja::evaluate(body_,
                                      {{"messages", Value::list(std::move(list), budget)},
                                       {"add_generation_prompt", add_generation_prompt},
                                       {"bos_token", Value::text(std::string(bos_token))},
                                       {"eos_token", Value::text(std::string(eos_token))},
                                       {"tools", jinja::None{}},
                                       {"documents", jinja::None{}}},
                                      budget);
    std::vector<PromptSpan> spans;
    std::size_t begin = 0;
    for (const Text::Run& run : text.runs()) {
      spans.push_back({text.bytes().substr(begin, run.end - begin), run.from_message});
      begin = run.end;
    }
    return spans;
  }

 private:
  jinja::Node::Body body_;
};

}  // namespace

std::unique_ptr<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    throw Error(ErrorCode::kTooLarge, "the model's chat template is larger than 1 MiB",
                "use a model with a simpler template");
  }
  return std::make_unique<ParsedTemplate>(source);
}

}  // namespace tandem
