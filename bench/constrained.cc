// What holding answers to a JSON schema costs a whole generation. Peer: the same questions without
// the schema, whose answers are other texts of as many tokens.
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
  if (argc != 3) {
    std::cerr << "usage: bench_constrained FILE.gguf THREADS\n";
    return 2;
  }
  tandem::set_compute_threads(std::stoi(argv[2]));
  const auto generator = tandem::Generator::open(argv[1]);
  bool turn = false;  // who comes first
  tandem::bench::answer_measurements_of_both([&] {
    int tokens[2] = {};
    double seconds[2] = {};
    std::uint64_t seed = 0;
    for (const char* const question : kQuestions) {
      const std::vector<tandem::ChatMessage> messages = {{"user", question}};
      tandem::GenerationOptions options;
      options.sampling.temperature = 1;
      options.sampling.seed = ++seed;
      options.max_tokens = kMaxTokens;
      // A schema leaves drafts more to guess right, which would make up for what it costs.
      options.drafts = false;
      turn = !turn;
      for (const bool schema : {turn, !turn}) {
        options.json_schema.reset();
        if (schema) options.json_schema = kSchema;
        const auto result = generator->generate(generator->render(messages), options, nullptr);
        tokens[schema] += result.completion_tokens;
        seconds[schema] += result.decode_seconds;
      }
    }
    const std::string name = "decode 1 sequence, tokens/s";
    return tandem::bench::FiguresOfBoth{{{name, tokens[true] / seconds[true]}},
                                        {{name, tokens[false] / seconds[false]}}};
  });
}
