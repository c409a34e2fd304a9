// Whole answers: a question with retrieved passages before it, answered greedily, one at a time.
// Peer: llama.cpp on the same prompts, with its own prompt lookup or without
// (bench/peers/answers.py).
//
// On starting, writes the prompts as token ids to the file that the peer reads.
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "generator/generator.h"
#include "generator/prompt.h"
#include "model/threads.h"

namespace {

constexpr int kMaxTokens = 64;

// `path` holds a JSON object a line: "question" and "passages", texts with a title.
std::vector<tandem::Prompt> read_prompts(const tandem::Generator& generator, const char* path) {
  std::vector<tandem::Prompt> prompts;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line);
    std::vector<tandem::Hit> hits;
    for (const auto& passage : json.at("passages")) {
      tandem::Hit& hit = hits.emplace_back();
      hit.passage.title = passage.at("title");
      hit.passage.text = passage.at("text");
    }
    const std::vector<tandem::ChatMessage> messages = {{"user", json.at("question")}};
    prompts.push_back(generator.render(tandem::with_passages(messages, hits)));
  }
  return prompts;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: bench_answers FILE.gguf THREADS QUESTIONS.jsonl PROMPTS.json\n";
    return 2;
  }
  tandem::set_compute_threads(std::stoi(argv[2]));
  const auto prompts = read_prompts(*tandem::Generator::open(argv[1]), argv[3]);
  std::vector<std::vector<tandem::TokenId>> tokens;
  tokens.reserve(prompts.size());
  for (const auto& prompt : prompts) tokens.push_back(prompt.tokens);
  std::ofstream(argv[4]) << nlohmann::json(tokens).dump();
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    // A new one each time: what the last round left in its cache must not help this one.
    const auto generator = tandem::Generator::open(argv[1]);
    tandem::GenerationOptions options;
    options.max_tokens = kMaxTokens;
    const tandem::bench::Stopwatch stopwatch;
    for (const auto& prompt : prompts) generator->generate(prompt, options, nullptr);
    return {
        {"answer from 5 passages, s", stopwatch.seconds() / static_cast<double>(prompts.size())}};
  });
}
