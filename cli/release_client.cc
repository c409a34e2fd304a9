#include "cli/release_client.h"

#include <fmt/format.h>
#include <httplib.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/error.h"

namespace tandem {
namespace {

using nlohmann::json;

// A promotion may have to embed what came since.
constexpr std::chrono::hours kLongest{24};
constexpr std::chrono::milliseconds kBetweenLooks{300};

ErrorCode code_of(int status) {
  if (status == 404) return ErrorCode::kNotFound;
  return status < 500 ? ErrorCode::kInvalidArgument : ErrorCode::kInternal;
}

std::string message_of(const json& body) {
  const auto error = body.is_object() ? body.find("error") : body.end();
  if (error != body.end() && error->is_object() && error->contains("message") &&
      error->at("message").is_string()) {
    return error->at("message").get<std::string>();
  }
  return "it gives no reason";
}

std::string absolute_text(const std::filesystem::path& path) {
  return path.empty() ? "" : std::filesystem::absolute(path).lexically_normal().string();
}

// Only what is a name goes into a path.
std::string path_of(const std::string& name) {
  if (release_number(name)) return "/v1/releases/" + name;
  throw Error(ErrorCode::kInvalidArgument, name + " is not the name of a release",
              "see which there are: tandem release list");
}

}  // namespace

json ReleaseClient::request(const std::string& method, const std::string& path, const json& body) {
  httplib::Client client(url_);
  if (!client.is_valid()) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("{} is not the URL of a server", url_),
                "write it as http://127.0.0.1:8080");
  }
  client.set_read_timeout(kLongest);
  httplib::Request request;
  if (const char* const key = std::getenv("TANDEM_API_KEY")) {
    request.set_header("Authorization", fmt::format("Bearer {}", key));
  }
  request.method = method;
  request.path = path;
  if (!body.is_null()) {
    request.body = body.dump();
    request.set_header("Content-Type", "application/json");
  }
  const httplib::Result result = client.send(request);
  if (!result) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("no server answers at {}: {}", url_, httplib::to_string(result.error())),
        "check the URL; tandem serve prints it");
  }
  json answer = json::parse(result->body, nullptr, false);
  if (result->status >= 400) {
    throw Error(code_of(result->status),
                fmt::format("the server at {} refuses: {}", url_, message_of(answer)));
  }
  if (!answer.is_object()) {
    throw Error(ErrorCode::kUnsupported, fmt::format("what answers at {} is no Tandem", url_),
                "check the URL; tandem serve prints it");
  }
  return answer;
}

json ReleaseClient::list() {
  return request("GET", "/v1/releases");
}

std::string ReleaseClient::create(const ReleaseModels& models, bool promote,
                                  const ReleaseReport& report) {
  request("POST", "/v1/releases",
          {{"encoder", absolute_text(models.encoder)},
           {"generator", absolute_text(models.generator)},
           {"promote", promote}});
  while (true) {
    const json answer = list();
    const json job = answer.value("job", json());
    const std::string status = job.is_object() ? job.value("status", "") : "";
    if (status == "done") return job["release"].is_string() ? job["release"] : "";
    if (status != "running") {
      const std::string reason =
          job.is_object() && job["error"].is_string() ? job["error"] : json(status);
      throw Error(ErrorCode::kInternal,
                  fmt::format("the server at {} could not make the release: {}", url_, reason));
    }
    report(job.value("stage", ""), job.value("done", std::uint64_t{0}),
           job.value("total", std::uint64_t{0}));
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

void ReleaseClient::promote(const std::string& name) {
  request("POST", path_of(name) + "/promote");
}

std::string ReleaseClient::rollback() {
  for (const json& release :
       request("POST", "/v1/releases/rollback").value("data", json::array())) {
    if (release.value("status", "") == "live") return release.value("id", "");
  }
  return "";
}

void ReleaseClient::remove(const std::string& name) {
  request("DELETE", path_of(name));
}

}  // namespace tandem
