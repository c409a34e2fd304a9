// tandem ask: an answer from the documents, with citations.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <set>

#include "cli/commands.h"
#include "cli/options.h"
#include "server/engine.h"

namespace tandem {
namespace {

struct AskArguments {
  EngineOptions engine;
  AnswerOptions answer;
  std::string question;
};

void print_citations(const Answer& answer) {
  std::set<int> shown;
  for (const Citation& citation : answer.citations) {
    if (shown.insert(citation.number).second) {
      fmt::print("[{}] {}\n", citation.number,
                 location_of(citation.title, citation.heading_path, citation.page));
    }
    fmt::print("    \"{}\" (characters {}-{} of {})\n", one_line(citation.quote, 200),
               citation.begin, citation.end, one_line(citation.document_id, 80));
  }
  if (!answer.citations.empty()) return;
  fmt::print("No passage supports this answer. Nearest passages:\n");
  for (const Hit& hit : answer.hits) {
    fmt::print("    {}\n",
               location_of(hit.passage.title, hit.passage.heading_path, hit.passage.page));
  }
}

void run(const AskArguments& arguments) {
  const std::unique_ptr<Engine> engine = Engine::open(arguments.engine);
  const std::vector<ChatMessage> messages = {{"user", arguments.question}};
  const Answer answer =
      engine->release()->answerer->answer(messages, arguments.answer, [](const TextPiece& piece) {
        const std::string safe = terminal_safe(piece.text);
        std::fwrite(safe.data(), 1, safe.size(), stdout);
        std::fflush(stdout);
        return true;
      });
  fmt::print("\n\n");
  print_citations(answer);
  std::fflush(stdout);  // or the line below would come before it where both go to one file
  const GenerationResult& generation = answer.generation;
  fmt::print(stderr, "{} prompt tokens in {:.2f} s, {} tokens in {:.2f} s ({:.0f} tokens/s)\n",
             generation.prompt_tokens, generation.prefill_seconds, generation.completion_tokens,
             generation.decode_seconds,
             generation.decode_seconds > 0
                 ? generation.completion_tokens / generation.decode_seconds
                 : 0.0);
}

}  // namespace

void add_ask_command(CLI::App& app) {
  auto arguments = std::make_shared<AskArguments>();
  arguments->engine.read_only = true;
  CLI::App* command = app.add_subcommand(
      "ask", "Answer a question from the documents, streamed, with citations to the character.");
  command->add_option("question", arguments->question, "The question")->required();
  add_engine_options(*command, arguments->engine);
  add_generator_option(*command, arguments->engine);
  add_collection_option(*command, arguments->answer.search.collection);
  add_filter_option(*command, arguments->answer.search.filter);
  command->add_option("-k,--limit", arguments->answer.search.limit, "Passages put into the prompt")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command->add_flag("--each", arguments->answer.each,
                    "Answer from each passage by itself, and give the likeliest of these answers: "
                    "for generators that tandem train has made");
  add_search_mode_option(*command, arguments->answer.search.mode);
  GenerationOptions& generation = arguments->answer.generation;
  command->add_option("--max-tokens", generation.max_tokens, "Longest answer, in tokens")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command
      ->add_option("--temperature", generation.sampling.temperature,
                   "0: the most likely token each time; higher: more varied")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  command->add_option("--top-p", generation.sampling.top_p, "Nucleus sampling")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--top-k", generation.sampling.top_k, "Sample among so many; 0: all")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  command
      ->add_option("--repetition-penalty", generation.sampling.repetition_penalty,
                   "Above 1: avoids repeating itself")
      ->check(CLI::Range(0.1, 10.0))
      ->capture_default_str();
  command->add_option("--seed", generation.sampling.seed, "The same seed, the same answer")
      ->capture_default_str();
  command->add_option("--stop", generation.stop, "End the answer before this text; repeatable");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tandem
