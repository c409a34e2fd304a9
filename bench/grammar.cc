// What holding an answer to a grammar costs beside the computation of its tokens: a mask that was
// needed before, and everything that a schema seen for the first time needs until a document is
// written. Peer: XGrammar on the same vocabulary, schemas and documents (bench/peers/grammar.py).
#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/measure.h"
#include "generator/grammar/grammar_matcher.h"
#include "model/gguf.h"
#include "model/tokenizers/tokenizer.h"

namespace {

using tandem::TokenId;
using tandem::bench::Stopwatch;

constexpr int kRepeats = 20;

struct Case {
  nlohmann::ordered_json schema;
  std::vector<TokenId> tokens;
};

std::shared_ptr<const tandem::Grammar> compile(const nlohmann::ordered_json& schema) {
  return schema.is_null() ? tandem::Grammar::any_json_object()
                          : tandem::Grammar::from_json_schema(schema);
}

// Writes the document under the grammar; appends the microseconds of each mask to `times`.
void write(const std::vector<TokenId>& tokens,
           const std::shared_ptr<const tandem::TokenMasks>& masks, std::vector<double>& times) {
  tandem::GrammarMatcher matcher(masks);
  std::vector<std::uint64_t> allowed(masks->vocabulary().words());
  for (const TokenId token : tokens) {
    const Stopwatch stopwatch;
    matcher.allowed(allowed);
    times.push_back(1e6 * stopwatch.seconds());
    TANDEM_CHECK(matcher.accept(token));
  }
}

double quantile(std::vector<double>& values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench_grammar FILE.gguf CASES.json\n";
    return 2;
  }
  const auto tokenizer = tandem::make_tokenizer(*tandem::open_gguf(argv[1]));
  const TokenId ends[] = {tokenizer->find("<|im_end|>").value()};
  const auto vocabulary = std::make_shared<const tandem::TokenVocabulary>(*tokenizer, ends);
  std::ifstream file(argv[2]);
  std::vector<Case> cases;
  for (const auto& one : nlohmann::ordered_json::parse(file)) {
    const std::string text = one.at("document").dump();
    cases.push_back({one.at("schema"), tokenizer->encode(text)});
  }
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    std::vector<double> times;
    std::vector<double> first;
    for (const Case& one : cases) {
      const Stopwatch stopwatch;
      const auto grammar = compile(one.schema);
      const auto masks = std::make_shared<const tandem::TokenMasks>(grammar, vocabulary);
      std::vector<double> unused;
      write(one.tokens, masks, unused);
      first.push_back(1e3 * stopwatch.seconds());
      for (int i = 0; i < kRepeats; ++i) write(one.tokens, masks, times);
    }
    return {
        {"mask that was needed before (median), us", quantile(times, 0.5)},
        {"mask that was needed before (p99), us", quantile(times, 0.99)},
        {"new schema to the end of a document (median), ms", quantile(first, 0.5)},
        {"new schema to the end of a document (largest), ms", quantile(first, 1)},
    };
  });
}
