// POST and GET /v1/fine_tuning/jobs, GET /v1/fine_tuning/jobs/{id}, POST …/cancel, GET …/events and
// …/checkpoints
#include <fmt/format.h>

#include <utility>

#include "server/http_error.h"
#include "server/list_page.h"
#include "server/routes/routes.h"
#include "server/tuning/files.h"
#include "server/tuning/json.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::int64_t kDefaultPageSize = 20;
constexpr std::int64_t kDefaultCheckpoints = 10;
constexpr std::int64_t kMaxPageSize = 1000;
constexpr std::size_t kMaxBodyBytes = 64u << 10;  // it is kept with the job

std::filesystem::path run_of(const TuningJob& job, const RouteContext& context) {
  return context.tuning.folder(job) / kTuningRun;
}

json to_json(const TuningJob& job, const RouteContext& context) {
  return to_json(job, run_of(job, context));
}

TuningJob found(std::optional<TuningJob> job, const std::string& id) {
  if (job) return *std::move(job);
  throw RequestError(404, fmt::format("There is no fine-tuning job '{}'.", id), "id",
                     "job_not_found");
}

TuningJob job_of(const Exchange& exchange, const RouteContext& context) {
  const std::string id = exchange.path_part(1);
  return found(context.tuning.find(id), id);
}

void create(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  if (exchange.json_text().size() > kMaxBodyBytes) {
    throw RequestError(413, fmt::format("The body is longer than {} bytes.", kMaxBodyBytes), {},
                       "too_large");
  }
  const TuningRequest request = parse_tuning_request(exchange.json_body());
  exchange.send_json(to_json(context.tuning.create(request), context));
}

// "metadata[NAME]=VALUE" selects the jobs that have it; "metadata=null" those that have none.
bool is_selected(const TuningJob& job, const httplib::Params& parameters) {
  const auto& metadata = job.request.metadata;
  for (const auto& [name, value] : parameters) {
    if (name == "metadata" && value == "null" && !metadata.empty()) return false;
    if (!name.starts_with("metadata[") || !name.ends_with(']')) continue;
    const auto pair = metadata.find(name.substr(9, name.size() - 10));
    if (pair == metadata.end() || pair->second != value) return false;
  }
  return true;
}

void list(Exchange& exchange, const RouteContext& context) {
  std::vector<json> jobs;
  bool unfinished = false;
  for (const TuningJob& job : context.tuning.list()) {
    if (!is_selected(job, exchange.request().params)) continue;
    unfinished |= !job.is_finished();
    jobs.push_back(to_json(job, context));
  }
  if (unfinished) ask_to_poll(exchange, kTrainingPollMs);
  exchange.send_json(list_page(exchange, std::move(jobs), kDefaultPageSize, kMaxPageSize));
}

void cancel(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const std::string id = exchange.path_part(1);
  exchange.send_json(to_json(found(context.tuning.cancel(id), id), context));
}

}  // namespace

void add_fine_tuning_routes(HttpServer& server, RouteContext& context) {
  const std::string jobs = "/v1/fine_tuning/jobs";
  server.add_route("POST", jobs, kAdministers,
                   [&context](Exchange& exchange) { create(exchange, context); });
  server.add_route("GET", jobs, kReadsServer,
                   [&context](Exchange& exchange) { list(exchange, context); });
  server.add_route("POST", jobs + "/{id}/cancel", kAdministers,
                   [&context](Exchange& exchange) { cancel(exchange, context); });
  server.add_route("GET", jobs + "/{id}/events", kReadsServer, [&context](Exchange& exchange) {
    const TuningJob job = job_of(exchange, context);
    exchange.send_json(list_page(exchange, tuning_events(job, run_of(job, context)),
                                 kDefaultPageSize, kMaxPageSize));
  });
  server.add_route("GET", jobs + "/{id}/checkpoints", kReadsServer, [&context](Exchange& exchange) {
    const TuningJob job = job_of(exchange, context);
    exchange.send_json(list_page(exchange, tuning_checkpoints(job, run_of(job, context)),
                                 kDefaultCheckpoints, kMaxPageSize));
  });
  server.add_route("GET", jobs + "/{id}", kReadsServer, [&context](Exchange& exchange) {
    const TuningJob job = job_of(exchange, context);
    if (!job.is_finished()) ask_to_poll(exchange, kTrainingPollMs);
    exchange.send_json(to_json(job, context));
  });
}

}  // namespace tandem
