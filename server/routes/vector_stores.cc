// POST and GET /v1/vector_stores, GET, POST and DELETE /v1/vector_stores/{id}, POST …/search
#include <utility>

#include "server/http_error.h"
#include "server/list_page.h"
#include "server/routes/routes.h"
#include "server/vector_stores/json.h"
#include "server/vector_stores/search.h"

namespace tandem {
namespace {

using nlohmann::json;

void create(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const json body = exchange.json_body();
  const VectorStoreView view = context.vector_stores.create(parse_vector_store(Fields(body)));
  exchange.send_json(to_json(view));
}

void list(Exchange& exchange, const RouteContext& context) {
  const VectorStores& stores = context.vector_stores;
  const auto is_hidden = [&](std::string_view id) { return !exchange.caller().may_use(id); };
  std::vector<ListPlace> places = stores.places();
  std::erase_if(places, [&](const ListPlace& place) { return is_hidden(place.id); });
  const PlacesPage page = page_of_places(exchange, std::move(places), [&](std::string_view id) {
    return is_hidden(id) ? std::nullopt : stores.place(id);
  });
  json data = json::array();
  for (const ListPlace& place : page.places) data.push_back(to_json(stores.find(place.id)));
  exchange.send_json(list_json(std::move(data), page.has_more));
}

void retrieve(Exchange& exchange, const RouteContext& context) {
  const VectorStoreView view = context.vector_stores.find(vector_store_of(exchange));
  if (view.files.in_progress > 0) ask_to_poll(exchange, kReadingPollMs);
  exchange.send_json(to_json(view));
}

void update(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const json body = exchange.json_body();
  const VectorStoreChange change = parse_vector_store_change(Fields(body));
  exchange.send_json(to_json(context.vector_stores.update(vector_store_of(exchange), change)));
}

void remove(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const std::string id = vector_store_of(exchange);
  if (exchange.caller().who) {
    throw RequestError(403, "Only who may see all documents of a vector store can delete it.", "id",
                       "limited_caller");
  }
  context.vector_stores.remove(id);
  exchange.send_json({{"id", id}, {"object", "vector_store.deleted"}, {"deleted", true}});
}

void search(Exchange& exchange, const RouteContext& context) {
  const std::string id = vector_store_of(exchange);
  const json body = exchange.json_body();
  VectorStoreSearch search = parse_vector_store_search(Fields(body));
  search.options.who = exchange.caller().who;
  context.vector_stores.check_searchable(id);
  const Store& store = *context.engine.store;
  const auto release = context.engine.release();
  exchange.response().set_header(kReleaseHeader, release->name);
  exchange.send_json(
      {{"object", "vector_store.search_results.page"},
       {"search_query", search.queries},
       {"data", results_json(store, search_vector_store(store, *release, id, search))},
       {"has_more", false},
       {"next_page", nullptr}});
}

}  // namespace

void add_vector_store_routes(HttpServer& server, RouteContext& context) {
  add_vector_store_file_routes(server, context);
  const std::string stores = "/v1/vector_stores";
  server.add_route("POST", stores, kWritesServer,
                   [&context](Exchange& exchange) { create(exchange, context); });
  server.add_route("GET", stores, kReadsCollections,
                   [&context](Exchange& exchange) { list(exchange, context); });
  server.add_route("POST", stores + "/{id}/search", kReadsCollections,
                   [&context](Exchange& exchange) { search(exchange, context); });
  server.add_route("GET", stores + "/{id}", kReadsCollections,
                   [&context](Exchange& exchange) { retrieve(exchange, context); });
  server.add_route("POST", stores + "/{id}", kWritesCollections,
                   [&context](Exchange& exchange) { update(exchange, context); });
  server.add_route("DELETE", stores + "/{id}", kWritesCollections,
                   [&context](Exchange& exchange) { remove(exchange, context); });
}

}  // namespace tandem
