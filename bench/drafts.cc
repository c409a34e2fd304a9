// What drafts cost where they do not help: text that is sampled at a high temperature repeats
// nothing, so that guesses at what follows are wrong. Peer: the same texts without drafts.
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

// Tokens a second, with drafts and without.
struct Rates {
  double with = 0, without = 0;
};

class Writer {
 public:
  explicit Writer(tandem::Generator& generator, float temperature)
      : generator_(generator), temperature_(temperature) {}

  // Of the answers to `prompts`, all at once.
  Rates rates(const std::vector<tandem::Prompt>& prompts) {
    turn_ = !turn_;
    Rates rates;
    for (const bool drafts : {turn_, !turn_})
      (drafts ? rates.with : rates.without) = rate(prompts, drafts);
    return rates;
  }

  // Of decoding alone, one answer after another.
  Rates rates_alone(const std::vector<tandem::Prompt>& prompts) {
    int counts[2] = {};
    double seconds[2] = {};
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      turn_ = !turn_;
      for (const bool drafts : {turn_, !turn_}) {
        const tandem::GenerationResult result = write(prompts[i], i, drafts);
        counts[drafts] += result.completion_tokens;
        seconds[drafts] += result.decode_seconds;
      }
    }
    return {counts[true] / seconds[true], counts[false] / seconds[false]};
  }

 private:
  double rate(const std::vector<tandem::Prompt>& prompts, bool drafts) const {
    std::vector<int> counts(prompts.size());
    std::vector<std::thread> threads;
    const tandem::bench::Stopwatch stopwatch;
    for (std::size_t i = 0; i < prompts.size(); ++i)
      threads.emplace_back([&, i] { counts[i] = write(prompts[i], i, drafts).completion_tokens; });
    for (std::thread& thread : threads) thread.join();
    int count = 0;
    for (const int tokens : counts) count += tokens;
    return count / stopwatch.seconds();
  }

  tandem::GenerationResult write(const tandem::Prompt& prompt, std::uint64_t seed,
                                 bool drafts) const {
    tandem::GenerationOptions options;
    options.sampling.temperature = temperature_;
    options.sampling.seed = seed;
    options.max_tokens = kMaxTokens;
    options.drafts = drafts;
    return generator_.generate(prompt, options, nullptr);
  }

  tandem::Generator& generator_;
  float temperature_;
  bool turn_ = false;  // who comes first
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench_drafts FILE.gguf THREADS\n";
    return 2;
  }
  tandem::set_compute_threads(std::stoi(argv[2]));
  const auto generator = tandem::Generator::open(argv[1]);
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
  Writer writer(*generator, 1.0f);
  Writer hot(*generator, 1.5f);
  tandem::bench::answer_measurements_of_both([&] {
    tandem::bench::FiguresOfBoth figures;
    const auto add = [&](const std::string& name, const Rates& rates) {
      figures.tandem[name + ", tokens/s"] = rates.with;
      figures.peer[name + ", tokens/s"] = rates.without;
    };
    add("sampled at temperature 1", writer.rates_alone(plain));
    add("sampled at temperature 1 from a passage", writer.rates_alone(from_passage));
    add("sampled at temperature 1.5 from a passage", hot.rates_alone(from_passage));
    add("sampled at temperature 1, 8 sequences", writer.rates(plain));
    add("sampled at temperature 1.5 from a passage, 8 sequences", hot.rates(from_passage));
    return figures;
  });
}
