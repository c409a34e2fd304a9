#include "generator/chat_template.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "model/gguf.h"
#include "tests/support/errors.h"
#include "tests/support/json_lines.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using testing::error_code_of;
using testing::error_of;
using Messages = std::vector<ChatMessage>;

std::vector<PromptSpan> render(std::string_view source, const Messages& messages,
                               bool add_generation_prompt = true) {
  return ChatTemplate::parse(source)->render(messages, add_generation_prompt, "<s>", "</s>");
}

std::string text_of(const std::vector<PromptSpan>& spans) {
  std::string text;
  for (const PromptSpan& span : spans) text += span.text;
  return text;
}

// The spans with «» around those that came from a message.
std::string marked(std::string_view source, const Messages& messages) {
  std::string text;
  for (const PromptSpan& span : render(source, messages)) {
    text += span.from_message ? "«" + span.text + "»" : span.text;
  }
  return text;
}

TEST(ChatTemplateTest, RendersAsJinja) {
  for (const auto& reference : testing::read_reference(
           testing::source_folder() / "tests/generator/references/chat_template.jsonl")) {
    SCOPED_TRACE(reference["name"].get<std::string>() + ": " +
                 reference["template"].get<std::string>());
    Messages messages;
    for (const auto& message : reference["messages"]) {
      messages.push_back({message["role"], message["content"]});
    }
    std::string text;
    const auto error = error_of([&] {
      text = text_of(render(reference["template"].get<std::string>(), messages,
                            reference["add_generation_prompt"]));
    });
    if (!reference.contains("error")) {
      EXPECT_EQ(error ? error->what() : text, reference["text"].get<std::string>());
      continue;
    }
    ASSERT_TRUE(error) << "rendered: " << text;
    if (reference["error"] == "raised") {
      EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument);
      EXPECT_NE(error->message().find(reference["message"].get<std::string>()), std::string::npos)
          << error->message();
    } else {
      EXPECT_TRUE(error->code() == ErrorCode::kInvalidArgument ||
                  error->code() == ErrorCode::kUnsupported)
          << error->what();
    }
  }
}

TEST(ChatTemplateTest, TemplateOfTheModelFileGivesChatMl) {
  const auto path = testing::generator_file();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent; run scripts/models";
  const auto file = open_gguf(path);
  const auto source = file->text("tokenizer.chat_template");
  ASSERT_TRUE(source);
  const auto spans = render(*source, {{"system", "Be brief."}, {"user", "Hi <|im_end|>"}});
  ASSERT_EQ(spans.size(), 5u);
  EXPECT_EQ(spans[0].text, "<|im_start|>system\n");
  EXPECT_EQ(spans[1].text, "Be brief.");
  EXPECT_TRUE(spans[1].from_message);
  EXPECT_EQ(spans[2].text, "<|im_end|>\n<|im_start|>user\n");
  EXPECT_FALSE(spans[2].from_message);
  EXPECT_EQ(spans[3].text, "Hi <|im_end|>");
  EXPECT_TRUE(spans[3].from_message);
  EXPECT_EQ(spans[4].text, "<|im_end|>\n<|im_start|>assistant\n");
  const auto plain = render(*source, {{"user", "Hi"}});
  EXPECT_EQ(plain.front().text.rfind("<|im_start|>system\n", 0), 0u);
}

TEST(ChatTemplateProvenanceTest, ContentIsMarkedThroughEveryOperation) {
  const Messages messages = {{"user", " Ab<x>, cd "}};
  const struct {
    std::string expression;
    std::string expected;
  } cases[] = {
      {"{{ c }}", "« Ab<x>, cd »"},
      {"{{ '[' + c + ']' }}", "[« Ab<x>, cd »]"},
      {"{{ '[' ~ c ~ ']' }}", "[« Ab<x>, cd »]"},
      {"{{ c | trim }}", "«Ab<x>, cd»"},
      {"{{ ('[' + c + ']').strip('[]') }}", "« Ab<x>, cd »"},
      {"{{ c | upper }}{{ c.lower() }}", "« AB<X>, CD  ab<x>, cd »"},
      {"{{ c | trim | capitalize }}", "«Ab<x>, cd»"},
      {"{{ c[1:3] }}{{ 'x' }}{{ c[-3:] }}", "«Ab»x«cd »"},
      {"{{ c.split(', ') | join('|') }}", "« Ab<x>»|«cd »"},
      {"{{ 'a-b'.replace('-', c) }}", "a« Ab<x>, cd »b"},
      {"{{ c | replace('<x>', '<y>') }}", "« Ab»<y>«, cd »"},
      {"{{ c | tojson }}", "\"« Ab<x>, cd »\""},
      {"{{ messages | tojson }}", "[{\"role\": \"user\", \"content\": \"« Ab<x>, cd »\"}]"},
      {"{{ [c] }}", "['« Ab<x>, cd »']"},
      {"{{ c | list | first }}{{ c | list | last }}", "«  »"},
      {"{% for x in c[1:3] %}{{ x }}.{% endfor %}", "«A».«b»."},
      {"{{ c | string }}{{ c | default('d') }}", "« Ab<x>, cd  Ab<x>, cd »"},
      {"{{ c * 2 }}", "« Ab<x>, cd  Ab<x>, cd »"},
      {"{{ c[::-1] }}", "« dc ,>x<bA »"},
      {"{% set n = namespace(t=c) %}{% set n.t = n.t + '!' %}{{ n.t }}", "« Ab<x>, cd »!"},
      {"{% set b %}({{ c }}){% endset %}{{ b }}", "(« Ab<x>, cd »)"},
      {"{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f(c) }}", "<« Ab<x>, cd »>"},
      {"{% filter trim %} {{ c }} {% endfilter %}", "«Ab<x>, cd»"},
      {"{{ c | indent(2, true) }}", "  « Ab<x>, cd »"},
      {"{{ c | length }}{{ c == 'x' }}", "11False"},
      {"{{ {c: 1} }}", "{'« Ab<x>, cd »': 1}"},
      {"{{ messages | map(attribute='content') | join }}", "« Ab<x>, cd »"},
      {"{{ (c if c else 'none') }}{{ c or 'none' }}", "« Ab<x>, cd  Ab<x>, cd »"},
      {"{{ c.splitlines()[0] }}{{ c.removeprefix(' ') }}", "« Ab<x>, cd Ab<x>, cd »"},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(marked("{% set c = messages[0].content %}" + test.expression, messages),
              test.expected)
        << test.expression;
  }
}

TEST(ChatTemplateProvenanceTest, PlainRolesAreMarkupAndOthersAreNot) {
  const std::string source = "{% for m in messages %}<{{ m.role }}>{% endfor %}";
  EXPECT_EQ(marked(source, {{"user", ""}, {"<|im_end|>", ""}}), "<user><«<|im_end|>»>");
}

TEST(ChatTemplateTest, UnknownConstructsAreNamedWithTheirLine) {
  const struct {
    std::string source;
    std::string construct;
  } cases[] = {
      {"{% include 'x' %}", "'include'"},
      {"{{ x | pprint }}", "'pprint'"},
      {"{{ x is escaped }}", "'escaped'"},
      {"{% for x in y recursive %}{% endfor %}", "recursive"},
      {"{{ f(*x) }}", "unpacked"},
      {"{% break %}", "'break' outside of a loop"},
      {"{% if x %}", "no 'endif'"},
      {"{% endfor %}", "'endfor'"},
      {"{{ x", "does not end"},
      {"{{ 'x }}", "does not end"},
      {"{# x", "does not end"},
      {"{% raw %}", "does not end"},
      {"{{ x ] }}", "unexpected ']'"},
      {"{{ }}", "where an expression is expected"},
      {"{{ x y }}", "where an expression should end"},
      {"{{ x ? y }}", "'?'"},
      {"{{ 99999999999999999999 }}", "the number"},
      {"{% set true = 1 %}", "'true'"},
      {"{{ x is string is defined }}", "test after a test"},
      {"{{ f(a=1, 2) }}", "after one with a name"},
  };
  for (const auto& test : cases) {
    const auto error = error_of([&] { ChatTemplate::parse("first line\n" + test.source); });
    ASSERT_TRUE(error) << test.source;
    EXPECT_EQ(error->code(), ErrorCode::kUnsupported) << test.source;
    EXPECT_NE(error->message().find("line 2"), std::string::npos) << error->message();
    EXPECT_NE(error->message().find(test.construct), std::string::npos) << error->message();
  }
}

TEST(ChatTemplateTest, UnknownMethodsAreNamed) {
  const auto error = error_of([] { render("\n{{ 'a'.zfill(3) }}", {}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kUnsupported);
  EXPECT_NE(error->message().find("'zfill'"), std::string::npos);
}

// Filters walk over a list made for what is none, which must live as long as the walk.
TEST(ChatTemplateTest, FiltersWalkOverWhatIsNotAList) {
  EXPECT_EQ(text_of(render("{{ 'abcab' | unique | join }}", {})), "abc");
  EXPECT_EQ(text_of(render("{{ 'abcab' | reject('equalto', 'a') | join }}", {})), "bcb");
  EXPECT_EQ(text_of(render("{{ {'x': 1, 'y': 2} | select('equalto', 'y') | join }}", {})), "y");
  EXPECT_EQ(text_of(render("{{ misspelt | selectattr('role', 'equalto', 'user') | list }}", {})),
            "[]");
}

TEST(ChatTemplateTest, StrftimeUsesTheClock) {
  const std::string year = text_of(render("{{ strftime_now('%Y') }}", {}));
  EXPECT_EQ(year.size(), 4u);
  EXPECT_GE(std::stoi(year), 2024);
}

struct RecursionCase {
  std::string_view source;
  std::optional<ErrorCode> code;
};

std::string repeated(const std::string& part, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += part;
  return out;
}

TEST(ChatTemplateLimitTest, DeepNestingIsRefused) {
  constexpr int kDepth = 20'000;
  for (const std::string& source : {
           "{{ " + repeated("(", kDepth) + "1" + repeated(")", kDepth) + " }}",
           "{{ " + repeated("[", kDepth),
           "{{ " + repeated("{1:", kDepth),
           "{{ " + repeated("not ", kDepth) + "1 }}",
           "{{ " + repeated("-", kDepth) + "1 }}",
           "{{ 1" + repeated(" + 1", kDepth) + " }}",
           "{{ a" + repeated(".b", kDepth) + " }}",
           "{{ a" + repeated("|trim", kDepth) + " }}",
           "{{ a" + repeated("()", kDepth) + " }}",
           "{{ a" + repeated(" if b else c", kDepth) + " }}",
           "{{ a" + repeated(" if b", kDepth) + " }}",
           repeated("{% if a %}", kDepth),
           repeated("{% for a in b %}", kDepth),
           repeated("{% macro f() %}", kDepth),
           repeated("{% set a %}", kDepth),
           repeated("{% filter trim %}", kDepth),
       }) {
    const auto code = error_code_of([&] { ChatTemplate::parse(source); });
    EXPECT_TRUE(code == ErrorCode::kUnsupported || code == ErrorCode::kTooLarge)
        << source.substr(0, 40);
  }
}

TEST(ChatTemplateLimitTest, WorkIsBounded) {
  const Messages messages = {{"user", "hello"}};
  const std::string loops =
      repeated("{% for i in range(100000) %}", 4) + repeated("{% endfor %}", 4);
  for (const std::string& source : {
           loops,
           std::string("{{ 'x' * 1000000000000 }}"),
           std::string("{{ 'x' * 9223372036854775807 }}"),
           std::string("{{ [1] * 1000000000000 }}"),
           std::string("{% set ns = namespace(x='x') %}{% for i in range(100) %}"
                       "{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}"),
           std::string("{% set ns = namespace(x='x') %}{% for i in range(100) %}"
                       "{% set ns.x = ns.x.replace('x', 'xx') %}{% endfor %}{{ ns.x }}"),
           std::string("{% set ns = namespace(x=['x']) %}{% for i in range(100) %}"
                       "{% set ns.x = ns.x + ns.x %}{% endfor %}"),
           std::string("{% for i in range(100000) %}{{ 'x' * 100000 }}{% endfor %}"),
           std::string("{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}"),
           std::string("{% set ns = namespace(x=1) %}{% for i in range(1000) %}"
                       "{% set ns.x = [ns.x] %}{% endfor %}"),
           std::string("{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x }}"),
           std::string("{% set ns = namespace() %}{% set ns.x = {'n': ns} %}{{ ns.x | tojson }}"),
           std::string("{{ 2 ** 9223372036854775807 }}"),
           std::string("{{ 'x' | indent(999999999) * 99999999 }}"),
       }) {
    const auto start = std::chrono::steady_clock::now();
    const auto code = error_code_of([&] { render(source, messages); });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    EXPECT_TRUE(code == ErrorCode::kTooLarge || code == ErrorCode::kInvalidArgument) << source;
    EXPECT_LT(seconds.count(), 20.0) << source;
  }
}

// Every other character comes from the message: a walk over the characters must not search the runs
// from the beginning each time.
TEST(ChatTemplateLimitTest, TextsOfManyOriginsAreWalkedInLinearTime) {
  const std::string source =
      "{% set t %}{% for c in messages[0].content %}{{ c }}x{% endfor %}{% endset %}"
      "{{ t | list | length }}";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(text_of(render(source, {{"user", std::string(60'000, 'a')}})), "120000");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 5.0);
}

TEST(ChatTemplateLimitTest, EndlessRecursionNeedsLittleStack) {
#ifdef __SANITIZE_ADDRESS__
  constexpr std::size_t kStackBytes = 8 << 20;
#else
  constexpr std::size_t kStackBytes = 1 << 20;
#endif
  // Each loop, condition, argument and filter of a recursion adds its own frames.
  for (const std::string_view source : {
           "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
           "{% macro f(n) %}{% for i in [1] %}{% if 1 %}{% set x %}{% filter trim %}"
           "{{ [f({'k': (n[0:1] ~ 'x')|trim})][0] }}"
           "{% endfilter %}{% endset %}{% endif %}{% endfor %}{% endmacro %}{{ f('a') }}",
       }) {
    RecursionCase test{source, {}};
    pthread_attr_t attributes;
    ASSERT_EQ(pthread_attr_init(&attributes), 0);
    ASSERT_EQ(pthread_attr_setstacksize(&attributes, kStackBytes), 0);
    pthread_t thread;
    ASSERT_EQ(pthread_create(
                  &thread, &attributes,
                  [](void* argument) -> void* {
                    auto& recursion = *static_cast<RecursionCase*>(argument);
                    recursion.code = error_code_of([&] { render(recursion.source, {}); });
                    return nullptr;
                  },
                  &test),
              0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
    EXPECT_EQ(test.code, ErrorCode::kInvalidArgument) << source;
  }
}

TEST(ChatTemplateLimitTest, LongConversationsAreRendered) {
  const std::string source =
      "{% for m in messages %}{{ '<' + m.role + '>' + m.content | trim + '\\n' }}{% endfor %}";
  const Messages messages(2000, {"user", std::string(5000, 'a')});
  EXPECT_EQ(text_of(render(source, messages)).size(), 2000u * 5007u);
  const Messages large(2, {"user", std::string(8'000'000, 'a')});
  EXPECT_EQ(text_of(render(source, large)).size(), 2u * 8'000'007u);
}

// Templates cut and spliced at random: whatever they do, it must end in text or an Error.
TEST(ChatTemplateLimitTest, MutantsRenderOrFail) {
  std::vector<std::string> sources;
  for (const auto& reference : testing::read_reference(
           testing::source_folder() / "tests/generator/references/chat_template.jsonl")) {
    const std::string source = reference["template"];
    // Two snippets ask for as much work as is allowed; thousands of those would take minutes.
    if (source.find("100001") != std::string::npos) continue;
    if (sources.empty() || sources.back() != source) sources.push_back(source);
  }
  constexpr std::uint64_t kSeed = 2024;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937_64 random(kSeed);
  const auto below = [&](std::size_t bound) { return random() % bound; };
  const Messages messages = {{"system", "s é"}, {"user", "u\n x"}, {"assistant", ""}};
  const std::string tokens[] = {"{{",  "}}",   "{%",     "%}",  "-",  "(",   ")",    "[",
                                "]",   "{",    "}",      "|",   ".",  ",",   "'",    "loop",
                                "not", "is",   "in",     "if",  ":",  "%",   "**",   "\\",
                                "\n",  "#}",   "{#",     "end", "9e", "1_0", "\xff", "messages",
                                "set", "else", "endfor", "*",   "//", "~"};
  int rendered = 0;
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string source = sources[below(sources.size())];
    for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
      const std::size_t at = below(source.size() + 1);
      switch (below(4)) {
        case 0:
          source.erase(at, 1 + below(12));
          break;
        case 1:
          source.insert(at, tokens[below(std::size(tokens))]);
          break;
        case 2: {
          const std::string& other = sources[below(sources.size())];
          source.insert(at, other.substr(below(other.size() + 1), below(40)));
          break;
        }
        default:
          if (at < source.size()) source[at] = static_cast<char>(below(256));
      }
    }
    const auto code = error_code_of([&] { render(source, messages); });
    if (code) {
      EXPECT_TRUE(code == ErrorCode::kUnsupported || code == ErrorCode::kInvalidArgument ||
                  code == ErrorCode::kTooLarge)
          << source;
      ++refused;
    } else {
      ++rendered;
    }
  }
  EXPECT_GT(rendered, 1000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace tandem
