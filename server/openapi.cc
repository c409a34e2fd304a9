#include "server/openapi.h"

#include "server/openapi_files.h"

namespace tandem {

nlohmann::ordered_json openapi_document() {
  namespace files = openapi_files;
  auto document = nlohmann::ordered_json::parse(files::base_json);
  for (const std::string_view part :
       {files::answers_json, files::feedback_json, files::search_json, files::documents_json,
        files::files_json, files::vector_stores_json, files::fine_tuning_json, files::releases_json,
        files::service_json}) {
    document.merge_patch(nlohmann::ordered_json::parse(part));
  }
  document["info"]["version"] = TANDEM_VERSION;
  return document;
}

}  // namespace tandem
