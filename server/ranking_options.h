// `ranking_options` of a search in vector stores, as OpenAI has them.
#ifndef TANDEM_SERVER_RANKING_OPTIONS_H_
#define TANDEM_SERVER_RANKING_OPTIONS_H_

#include "retriever/retriever.h"
#include "server/json_fields.h"

namespace tandem {

// Reads `ranking_options` of `holder`, if it is there: `ranker` (any name: there is one way to
// rank), `score_threshold` (0 to 1) and `hybrid_search` {embedding_weight, text_weight}, whose
// shares of their sum are what both rankings count. Throws RequestError (400). Pure; safe from any
// thread.
void parse_ranking_options(const Fields& holder, SearchOptions& search);

}  // namespace tandem

#endif  // TANDEM_SERVER_RANKING_OPTIONS_H_
