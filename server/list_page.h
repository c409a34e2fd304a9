// Lists as OpenAI's clients page through them.
#ifndef TANDEM_SERVER_LIST_PAGE_H_
#define TANDEM_SERVER_LIST_PAGE_H_

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "server/exchange.h"

namespace tandem {

// {object: "list", data, first_id, last_id, has_more}: of `items`, which have an "id", as many as
// the query's `limit` says (`default_limit` without, at most `max_limit`), beginning behind the one
// that `after` names. Throws RequestError (400) for a limit out of range, and for an `after` that
// names none of them.
nlohmann::json list_page(const Exchange& exchange, std::vector<nlohmann::json> items,
                         std::int64_t default_limit, std::int64_t max_limit);

// What the query's `order` says: "asc" or, also without it, "desc". Throws RequestError (400).
bool is_ascending(const Exchange& exchange);

// Where an object stands in a list that is ordered by time.
struct ListPlace {
  std::int64_t created_at_unix_s = 0;
  std::uint64_t sequence = 0;  // orders what has one time
  std::string id;

  bool operator<(const ListPlace& other) const {
    return std::tie(created_at_unix_s, sequence, id) <
           std::tie(other.created_at_unix_s, other.sequence, other.id);
  }
};

struct PlacesPage {
  std::vector<ListPlace> places;
  bool has_more = false;
};

// Of `places`, in any order, those that the query asks for by `order` ("desc" without), `after`,
// `before` and `limit` (20 without, at most 100). `place_of` gives the place of an id that need not
// be among them, so that a cursor may name what was deleted or changed since. Throws RequestError
// (400) for parameters that are wrong, and for a cursor without a place.
PlacesPage page_of_places(
    const Exchange& exchange, std::vector<ListPlace> places,
    const std::function<std::optional<ListPlace>(std::string_view id)>& place_of);

// The list as clients get it, of objects with an "id".
nlohmann::json list_json(nlohmann::json data, bool has_more);

}  // namespace tandem

#endif  // TANDEM_SERVER_LIST_PAGE_H_
