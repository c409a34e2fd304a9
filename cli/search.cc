// tandem search: passages nearest to a query.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "server/engine.h"

namespace tandem {
namespace {

struct SearchArguments {
  EngineOptions engine;
  SearchOptions search;
  std::string query;
  bool json = false;
  std::size_t reranked = kDefaultReranked;
};

void print_json(const Hit& hit) {
  const Passage& passage = hit.passage;
  const nlohmann::json line = {
      {"score", hit.score},     {"document_id", passage.document_id},
      {"title", passage.title}, {"heading_path", passage.heading_path},
      {"page", passage.page},   {"passage_id", passage.id},
      {"start", passage.begin}, {"end", passage.end},
      {"text", passage.text},
  };
  fmt::print("{}\n", line.dump());
}

void print_text(std::size_t rank, const Hit& hit) {
  fmt::print("{}. {:.3f}  {}\n   {}\n", rank, hit.score,
             location_of(hit.passage.title, hit.passage.heading_path, hit.passage.page),
             one_line(hit.passage.text, 240));
}

void run(SearchArguments arguments) {
  if (!arguments.engine.reranker.empty()) arguments.search.rerank = arguments.reranked;
  const std::unique_ptr<Engine> engine = Engine::open(arguments.engine);
  const std::vector<Hit> hits =
      engine->release()->retriever->search(arguments.query, arguments.search);
  for (std::size_t i = 0; i < hits.size(); ++i) {
    if (arguments.json) {
      print_json(hits[i]);
    } else {
      print_text(i + 1, hits[i]);
    }
  }
  if (hits.empty() && !arguments.json) fmt::print("no passages\n");
}

}  // namespace

void add_search_command(CLI::App& app) {
  auto arguments = std::make_shared<SearchArguments>();
  arguments->engine.read_only = true;
  arguments->engine.with_generator = false;
  CLI::App* command =
      app.add_subcommand("search",
                         "Show the passages nearest to a query, best first. Unless the mode is "
                         "dense, passages must hold each \"phrase in quotes\" and each +word, and "
                         "no -word.");
  command->add_option("query", arguments->query, "What to look for")->required();
  add_engine_options(*command, arguments->engine);
  add_collection_option(*command, arguments->search.collection);
  add_filter_option(*command, arguments->search.filter);
  command->add_option("-k,--limit", arguments->search.limit, "Number of passages")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  add_search_mode_option(*command, arguments->search.mode);
  CLI::Option* const reranker = add_reranker_option(*command, arguments->engine);
  command
      ->add_option("--rerank", arguments->reranked,
                   "How many of the best passages the reranker scores again")
      ->check(CLI::Range(1, 1000))
      ->needs(reranker)
      ->capture_default_str();
  command
      ->add_option("--rerank-weight", arguments->search.rerank_weight,
                   "Of the reranker's scores beside those of the search")
      ->check(CLI::Range(0.0, 1.0))
      ->needs(reranker)
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "One JSON object a line");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tandem
