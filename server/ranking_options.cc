#include "server/ranking_options.h"

namespace tandem {

void parse_ranking_options(const Fields& holder, SearchOptions& search) {
  const auto options = holder.object("ranking_options");
  if (!options) return;
  options->text("ranker");
  if (const auto threshold = options->number("score_threshold", 0, 1)) {
    search.score_threshold = static_cast<float>(*threshold);
  }
  const auto weights = options->object("hybrid_search");
  if (!weights) return;
  constexpr double kMostWeight = 1e6;
  const auto weight = [&](const char* name) {
    const auto value = weights->number(name, 0, kMostWeight);
    if (!value) weights->fail(name, "is missing.");
    return *value;
  };
  const double dense = weight("embedding_weight");
  const double lexical = weight("text_weight");
  if (dense + lexical <= 0) {
    weights->fail("text_weight", "and 'embedding_weight' must not both be 0.");
  }
  search.fusion.lexical_weight = static_cast<float>(lexical / (dense + lexical));
}

}  // namespace tandem
