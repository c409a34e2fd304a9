// Lists as OpenAI's clients page through them.
#ifndef TANDEM_SERVER_LIST_PAGE_H_
#define TANDEM_SERVER_LIST_PAGE_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "server/exchange.h"

namespace tandem {

// {object: "list", data, first_id, last_id, has_more}: of `items`, which have an "id", as many as
// the query's `limit` says (`default_limit` without, at most `max_limit`), beginning behind the one
// that `after` names. Throws RequestError (400) for a limit out of range, and for an `after` that
// names none of them.
nlohmann::json list_page(const Exchange& exchange, std::vector<nlohmann::json> items,
                         std::int64_t default_limit, std::int64_t max_limit);

}  // namespace tandem

#endif  // TANDEM_SERVER_LIST_PAGE_H_
