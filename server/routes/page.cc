// GET / and what the page consists of, out of the program itself
#include <string_view>
#include <utility>

#include "server/routes/routes.h"
#include "server/web_files.h"

namespace tandem {
namespace {

// Nothing from elsewhere, nothing inline: even if a document's text became markup it could do no
// harm. Styles that scripts set through the DOM's style property are not "inline" in this sense.
constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

void add_file(HttpServer& server, const std::string& path, std::string_view content,
              const std::string& media_type) {
  server.add_route("GET", path, kForEverybody, [content, media_type](Exchange& exchange) {
    httplib::Response& response = exchange.response();
    response.set_header("Content-Security-Policy", kContentSecurityPolicy);
    response.set_header("Referrer-Policy", "no-referrer");
    response.set_header("Cache-Control", "no-cache");
    response.set_content(content.data(), content.size(), media_type);
  });
}

}  // namespace

void add_page_routes(HttpServer& server) {
  add_file(server, "/", web_files::index_html, "text/html; charset=utf-8");
  const std::pair<const char*, std::string_view> scripts[] = {
      {"/app.js", web_files::app_js},           {"/dom.js", web_files::dom_js},
      {"/api.js", web_files::api_js},           {"/views.js", web_files::views_js},
      {"/models.js", web_files::models_js},     {"/releases.js", web_files::releases_js},
      {"/training.js", web_files::training_js}, {"/jobs.js", web_files::jobs_js},
      {"/chart.js", web_files::chart_js},       {"/parts.js", web_files::parts_js},
  };
  for (const auto& [path, content] : scripts) {
    add_file(server, path, content, "text/javascript; charset=utf-8");
  }
  add_file(server, "/style.css", web_files::style_css, "text/css; charset=utf-8");
  add_file(server, "/models.css", web_files::models_css, "text/css; charset=utf-8");
  add_file(server, "/icon.svg", web_files::icon_svg, "image/svg+xml");
}

}  // namespace tandem
