// Chat templates: parsing, and rendering three messages within a small budget.
#include <nlohmann/json.hpp>

#include "generator/jinja/evaluator.h"
#include "generator/jinja/parser.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/json_lines.h"

namespace tandem::fuzz {
namespace {

using jinja::Budget;
using jinja::Text;
using jinja::Value;

// Some fifty times what a template in use takes, and a few milliseconds.
constexpr std::uint64_t kBudget = 200'000;

// A letter that only messages hold: U+E000, for private use.
constexpr std::string_view kMark = "\xEE\x80\x80";

Value message(const char* role, const std::string& content, Budget& budget) {
  return Value::dict({{Value::text("role"), Value::text(role)},
                      {Value::text("content"), Value::text(content, true)}},
                     budget);
}

void require_origin(const Text& text) {
  std::size_t begin = 0;
  for (const Text::Run& run : text.runs()) {
    require(run.end > begin && run.end <= text.size(), "runs cover the text");
    const std::string_view bytes = std::string_view(text.bytes()).substr(begin, run.end - begin);
    require(run.from_message || bytes.find(kMark) == std::string_view::npos,
            "the text of a message never becomes text of the template");
    begin = run.end;
  }
  require(begin == text.size(), "runs cover the text");
}

}  // namespace

std::vector<std::string> seeds() {
  std::vector<std::string> templates;
  for (const auto& line : testing::read_reference(
           std::string(TANDEM_SOURCE_DIR) + "/tests/generator/references/chat_template.jsonl")) {
    const std::string source = line.at("template");
    if (templates.empty() || templates.back() != source) templates.push_back(source);
  }
  return templates;
}

std::vector<std::string> words() {
  return {"{{",
          "}}",
          "{%",
          "%}",
          "{#",
          "#}",
          "{%- ",
          " -%}",
          "for m in ",
          "endfor",
          "if ",
          "elif ",
          "else",
          "endif",
          "set x = ",
          "endset",
          "macro f(a)",
          "endmacro",
          "namespace",
          "messages",
          "loop.index0",
          "loop.last",
          "['role']",
          "['content']",
          "is defined",
          "is string",
          " not in ",
          "| trim",
          "| tojson",
          "| join(', ')",
          "| replace(",
          "| map(attribute=",
          "| selectattr(",
          "| length",
          ".split(",
          ".strip()",
          "[::-1]",
          "[1:]",
          "range(10)",
          "raise_exception(",
          "~",
          "//",
          "**",
          "%"};
}

void run(std::string_view input) {
  const auto body = jinja::parse(input);
  Budget budget(kBudget);
  const std::string mark(kMark);
  std::vector<Value> messages = {message("system", "Be terse." + mark, budget),
                                 message("user", "  Wh\xC3\xA9re? <b>" + mark + "\n", budget),
                                 message("assistant", mark + "There, \"and\" then.", budget)};
  const Text text = jinja::evaluate(body,
                                    {{"messages", Value::list(std::move(messages), budget)},
                                     {"add_generation_prompt", true},
                                     {"bos_token", Value::text("<s>")},
                                     {"eos_token", Value::text("</s>")},
                                     {"tools", jinja::None{}}},
                                    budget);
  // An escape, or the letter itself, lets a template spell it.
  if (input.find('\\') == std::string_view::npos && input.find('\xEE') == std::string_view::npos) {
    require_origin(text);
  }
}

}  // namespace tandem::fuzz
