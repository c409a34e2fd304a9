// Releases as JSON, for the routes and for `tandem release list`. Pure; safe from any thread.
#ifndef TANDEM_SERVER_RELEASE_JSON_H_
#define TANDEM_SERVER_RELEASE_JSON_H_

#include <nlohmann/json.hpp>

#include "server/release_jobs.h"
#include "store/store.h"

namespace tandem {

// {id, object, status, encoder, generator, encoder_id, dimension, created_at}; status is "live",
// "previous" (which a rollback goes back to), "ready", or "incomplete": passages lack vectors.
nlohmann::json to_json(const Release& release, const Store& store);
// {object: "list", data: […]}
nlohmann::json releases_json(const Store& store);
// {status, release, stage, done, total, error}
nlohmann::json to_json(const ReleaseJob& job);

}  // namespace tandem

#endif  // TANDEM_SERVER_RELEASE_JSON_H_
