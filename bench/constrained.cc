// What holding answers to a JSON schema costs a whole generation. Peer: the same program without
// the schema, which writes another text of as many tokens.
#include <string>
#include <vector>

#include "bench/measure.h"
#include "generator/generator.h"
#include "model/threads.h"

namespace {

constexpr int kMaxTokens = 192;

// More than fits into so many tokens, so that no answer ends before.
constexpr const char* kSchema = R"({
  "type": "array", "minItems": 40,
  "items": {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 20},
                   "kind": {"enum": ["ship", "harbour", "lighthouse"]},
                   "year": {"type": "integer", "minimum": 1000, "maximum": 2100}},
    "required": ["name", "kind", "year"],
    "additionalProperties": false
  }
})";

constexpr const char* kQuestions[] = {
    "Name ships, harbours and lighthouses.", "What stands at the coast of the North Sea?",
    "List what a sailor should know.", "Which harbours are the oldest?"};

}  // namespace

int main(int argc, char** argv) {
  const std::string schema = argc == 4 ? argv[3] : "";
  if (schema != "with" && schema != "without") {
    std::cerr << "usage: bench_constrained FILE.gguf THREADS with|without\n";
    return 2;
  }
  tandem::set_compute_threads(std::stoi(argv[2]));
  // A schema leaves drafts more to guess right, which would make up for what it costs.
  tandem::GeneratorOptions options;
  options.scheduling.drafts = false;
  const auto generator = tandem::Generator::open(argv[1], options);
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    int tokens = 0;
    double seconds = 0;
    std::uint64_t seed = 0;
    for (const char* const question : kQuestions) {
      const std::vector<tandem::ChatMessage> messages = {{"user", question}};
      tandem::GenerationOptions generation;
      generation.sampling.temperature = 1;
      generation.sampling.seed = ++seed;
      generation.max_tokens = kMaxTokens;
      if (schema == "with") generation.json_schema = kSchema;
      const auto result = generator->generate(generator->render(messages), generation, nullptr);
      tokens += result.completion_tokens;
      seconds += result.decode_seconds;
    }
    return {{"decode 1 sequence, tokens/s", tokens / seconds}};
  });
}
