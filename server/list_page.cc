#include "server/list_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/http_error.h"

namespace tandem {

using nlohmann::json;

constexpr std::int64_t kDefaultPlacesPage = 20;
constexpr std::int64_t kMaxPlacesPage = 100;

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
  json data = json::array();
  std::move(begin, end, std::back_inserter(data.get_ref<json::array_t&>()));
  return list_json(std::move(data), has_more);
}

bool is_ascending(const Exchange& exchange) {
  const std::string order = exchange.query("order", "desc");
  if (order != "asc" && order != "desc") {
    throw RequestError(400, "'order' must be 'asc' or 'desc'.", "order");
  }
  return order == "asc";
}

PlacesPage page_of_places(
    const Exchange& exchange, std::vector<ListPlace> places,
    const std::function<std::optional<ListPlace>(std::string_view)>& place_of) {
  const bool ascending = is_ascending(exchange);
  const auto limit = exchange.query_integer("limit", kDefaultPlacesPage, 1, kMaxPlacesPage);
  const auto comes_before = [&](const ListPlace& a, const ListPlace& b) {
    return ascending ? a < b : b < a;
  };
  const auto cursor = [&](const char* name) {
    const std::string id = exchange.query(name);
    std::optional<ListPlace> place;
    if (id.empty()) return place;
    place = place_of(id);
    if (place) return place;
    throw RequestError(400, fmt::format("'{}' names nothing that is in this list.", name), name);
  };
  std::sort(places.begin(), places.end(), comes_before);
  auto begin = places.begin();
  auto end = places.end();
  const auto after = cursor("after");
  const auto before = cursor("before");
  if (after) begin = std::upper_bound(begin, end, *after, comes_before);
  if (before) end = std::lower_bound(begin, end, *before, comes_before);
  PlacesPage page;
  page.has_more = end - begin > limit;
  if (page.has_more) {
    // Going back, the page is the one that ends where the last one began.
    if (before && !after) {
      begin = end - limit;
    } else {
      end = begin + limit;
    }
  }
  page.places.assign(std::move_iterator(begin), std::move_iterator(end));
  return page;
}

json list_json(json data, bool has_more) {
  const json first = data.empty() ? json() : data.front().at("id");
  const json last = data.empty() ? json() : data.back().at("id");
  return {{"object", "list"},
          {"data", std::move(data)},
          {"first_id", first},
          {"last_id", last},
          {"has_more", has_more}};
}

}  // namespace tandem
