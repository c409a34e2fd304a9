// What drafts cost where they do not help: text that is sampled at a high temperature repeats
// nothing, so that guesses at what follows are wrong. Peer: the same program without drafts, which
// writes the same text.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "bench/measure.h"
#include "generator/generator.h"
#include "generator/prompt.h"
#include "model/threads.h"

namespace {

constexpr int kMaxTokens = 192;

// Many runs of three tokens that occur again, each time followed by something else: what misleads
// drafts most.
constexpr const char* kPassage =
    "The ferry from the north pier leaves at eight, at ten and at noon. The ferry from the south "
    "pier leaves at nine, at eleven and at one. A ticket for the north pier costs four crowns, a "
    "ticket for the south pier costs three crowns, and a ticket for both costs six. In winter the "
    "ferry from the north pier leaves at ten only; the ferry from the south pier does not leave. "
    "The crew of the north ferry is five, the crew of the south ferry is four, and the crew of the "
    "mail boat is two. The mail boat leaves at seven, the mail boat of Sunday at nine. Whoever "
    "misses the ferry from the north pier may take the ferry from the south pier with the same "
    "ticket, but whoever misses the ferry from the south pier has to buy a ticket for the other.";

constexpr const char* kQuestions[] = {"Tell me a story about a harbour in winter.",
                                      "What makes a good bridge?",
                                      "Describe a market on a rainy morning.",
                                      "How would you teach a child to sail?",
                                      "Write a letter to a friend far away.",
                                      "What do you know about clocks?",
                                      "Explain how bread is made.",
                                      "Invent a game for two players."};

class Writer {
 public:
  explicit Writer(tandem::Generator& generator, float temperature)
      : generator_(generator), temperature_(temperature) {}

  // Tokens a second of the answers to `prompts`, all at once.
  double rate(const std::vector<tandem::Prompt>& prompts) const {
    std::vector<int> counts(prompts.size());
    std::vector<std::thread> threads;
    const tandem::bench::Stopwatch stopwatch;
    for (std::size_t i = 0; i < prompts.size(); ++i)
      threads.emplace_back([&, i] { counts[i] = write(prompts[i], i).completion_tokens; });
    for (std::thread& thread : threads) thread.join();
    int count = 0;
    for (const int tokens : counts) count += tokens;
    return count / stopwatch.seconds();
  }

  // The same, of decoding alone, one answer after another.
  double rate_alone(const std::vector<tandem::Prompt>& prompts) const {
    int count = 0;
    double seconds = 0;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const tandem::GenerationResult result = write(prompts[i], i);
      count += result.completion_tokens;
      seconds += result.decode_seconds;
    }
    return count / seconds;
  }

 private:
  tandem::GenerationResult write(const tandem::Prompt& prompt, std::uint64_t seed) const {
    tandem::GenerationOptions options;
    options.sampling.temperature = temperature_;
    options.sampling.seed = seed;
    options.max_tokens = kMaxTokens;
    return generator_.generate(prompt, options, nullptr);
  }

  tandem::Generator& generator_;
  float temperature_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string drafts = argc == 4 ? argv[3] : "";
  if (drafts != "with" && drafts != "without") {
    std::cerr << "usage: bench_drafts FILE.gguf THREADS with|without\n";
    return 2;
  }
  tandem::set_compute_threads(std::stoi(argv[2]));
  tandem::GeneratorOptions options;
  options.scheduling.drafts = drafts == "with";
  const auto generator = tandem::Generator::open(argv[1], options);
  std::vector<tandem::Prompt> plain;
  std::vector<tandem::Prompt> from_passage;
  tandem::Hit hit;
  hit.passage.title = "Ferries";
  hit.passage.text = kPassage;
  for (const char* question : kQuestions) {
    const std::vector<tandem::ChatMessage> messages = {{"user", question}};
    plain.push_back(generator->render(messages));
    from_passage.push_back(generator->render(tandem::with_passages(messages, {{hit}})));
  }
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    const Writer writer(*generator, 1.0f);
    const Writer hot(*generator, 1.5f);
    return {
        {"sampled at temperature 1, tokens/s", writer.rate_alone(plain)},
        {"sampled at temperature 1 from a passage, tokens/s", writer.rate_alone(from_passage)},
        {"sampled at temperature 1.5 from a passage, tokens/s", hot.rate_alone(from_passage)},
        {"sampled at temperature 1, 8 sequences, tokens/s", writer.rate(plain)},
        {"sampled at temperature 1.5 from a passage, 8 sequences, tokens/s",
         hot.rate(from_passage)},
    };
  });
}
