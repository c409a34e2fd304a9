#include "server/release_json.h"

#include <filesystem>
#include <string>

namespace tandem {
namespace {

using nlohmann::json;

// Whether it could be made live without encoding anything.
bool is_complete(const Release& release, const Store& store) {
  const auto vectors = store.vector_set(release.vectors);
  return vectors && store.passages_after(vectors->known_up_to, 1).empty();
}

std::string status_of(const Release& release, const Store& store) {
  const auto live = store.live_release();
  if (live && live->number == release.number) return "live";
  if (!is_complete(release, store)) return "incomplete";
  const auto previous = store.previous_release();
  return previous && previous->number == release.number ? "previous" : "ready";
}

json name_or_null(const std::string& name) {
  return name.empty() ? json(nullptr) : json(name);
}

}  // namespace

json to_json(const Release& release, const Store& store) {
  return {
      {"id", release_name(release.number)},
      {"object", "release"},
      {"status", status_of(release, store)},
      {"encoder", std::filesystem::path(release.encoder_path).filename().string()},
      {"generator", name_or_null(std::filesystem::path(release.generator_path).stem().string())},
      {"encoder_id", release.encoder_id},
      {"dimension", release.dimension},
      {"created_at", release.created_at_unix_s}};
}

json releases_json(const Store& store) {
  json data = json::array();
  for (const Release& release : store.releases()) data.push_back(to_json(release, store));
  return {{"object", "list"}, {"data", std::move(data)}};
}

json to_json(const ReleaseJob& job) {
  const auto status = [&] {
    switch (job.status) {
      case ReleaseJob::Status::kRunning:
        return "running";
      case ReleaseJob::Status::kDone:
        return "done";
      case ReleaseJob::Status::kFailed:
        return "failed";
      case ReleaseJob::Status::kCancelled:
        return "cancelled";
    }
    return "running";
  };
  return {{"status", status()},
          {"release", job.release == 0 ? json(nullptr) : json(release_name(job.release))},
          {"stage", job.stage},
          {"done", job.done},
          {"total", job.total},
          {"error", name_or_null(job.error)}};
}

}  // namespace tandem
