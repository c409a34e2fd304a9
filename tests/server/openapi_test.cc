#include "server/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <set>

#include "server/server.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using nlohmann::ordered_json;
using ::testing::ElementsAreArray;

std::vector<std::string> described_routes() {
  std::vector<std::string> routes;
  const ordered_json document = openapi_document();
  for (const auto& [path, operations] : document.at("paths").items()) {
    for (const auto& [method, operation] : operations.items()) {
      std::string name = method;
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return std::toupper(c); });
      routes.push_back(name.append(" ").append(path));
    }
  }
  std::sort(routes.begin(), routes.end());
  return routes;
}

// Calls `visit` with every object in `node`.
void for_each_object(const ordered_json& node,
                     const std::function<void(const ordered_json&)>& visit) {
  if (node.is_object()) visit(node);
  if (!node.is_structured()) return;
  for (const ordered_json& child : node) for_each_object(child, visit);
}

TEST(OpenApiTest, DescribesEveryRouteOfTheServerAndNoOther) {
  if (!std::filesystem::exists(testing::encoder_folder())) {
    GTEST_SKIP() << "no encoder in " << testing::encoder_folder() << "; run scripts/models";
  }
  const testing::TemporaryFolder folder;
  EngineOptions options;
  options.store = folder.path() / "store";
  options.encoder = testing::encoder_folder();
  options.create_store = true;
  options.with_generator = false;
  const auto engine = Engine::open(options);
  ServerOptions server_options;
  server_options.port = 0;
  std::vector<std::string> routes = Server::start(*engine, server_options)->routes();
  std::sort(routes.begin(), routes.end());
  EXPECT_THAT(described_routes(), ElementsAreArray(routes));
}

TEST(OpenApiTest, ReferencesLeadSomewhereAndEveryPartIsReferredTo) {
  const ordered_json document = openapi_document();
  std::set<std::string> referred;
  for_each_object(document, [&](const ordered_json& object) {
    const auto reference = object.find("$ref");
    if (reference == object.end()) return;
    const std::string pointer = reference->get<std::string>().substr(1);
    EXPECT_TRUE(document.contains(ordered_json::json_pointer(pointer))) << pointer;
    referred.insert(pointer);
  });
  for (const auto& [kind, parts] : document.at("components").items()) {
    if (kind == "securitySchemes") continue;  // referred to by name
    for (const auto& [name, part] : parts.items()) {
      const ordered_json::json_pointer root("/components");
      EXPECT_TRUE(referred.contains((root / kind / name).to_string())) << name;
    }
  }
}

TEST(OpenApiTest, OperationsHaveNamesOfTheirOwnAndTheOneErrorObject) {
  std::set<std::string> names;
  const ordered_json document = openapi_document();
  EXPECT_EQ(document.at("info").at("version"), TANDEM_VERSION);
  for (const ordered_json& operations : document.at("paths")) {
    for (const ordered_json& operation : operations) {
      const std::string name = operation.at("operationId");
      EXPECT_TRUE(names.insert(name).second) << name;
      for (const auto& [status, response] : operation.at("responses").items()) {
        if (status.starts_with("2")) continue;
        EXPECT_EQ(response.at("$ref"), "#/components/responses/Error") << name << " " << status;
      }
    }
  }
}

}  // namespace
}  // namespace tandem
