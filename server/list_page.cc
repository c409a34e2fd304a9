#include "server/list_page.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/http_error.h"

namespace tandem {

using nlohmann::json;

json list_page(const Exchange& exchange, std::vector<json> items, std::int64_t default_limit,
               std::int64_t max_limit) {
  const std::int64_t limit = exchange.query_integer("limit", default_limit, 1, max_limit);
  auto begin = items.begin();
  if (const std::string after = exchange.query("after"); !after.empty()) {
    begin = std::find_if(items.begin(), items.end(),
                         [&](const json& item) { return item["id"] == after; });
    if (begin == items.end()) {
      throw RequestError(400, "'after' names nothing that is in this list.", "after");
    }
    ++begin;
  }
  const auto end = begin + std::min<std::int64_t>(limit, items.end() - begin);
  const bool has_more = end != items.end();
  const json first = begin == end ? json() : begin->at("id");
  const json last = begin == end ? json() : std::prev(end)->at("id");
  json data = json::array();
  std::move(begin, end, std::back_inserter(data.get_ref<json::array_t&>()));
  return {{"object", "list"},
          {"data", std::move(data)},
          {"first_id", first},
          {"last_id", last},
          {"has_more", has_more}};
}

}  // namespace tandem
