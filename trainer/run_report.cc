#include "trainer/run_report.h"

#include <fmt/format.h>

#include <set>
#include <string_view>

#include "trainer/line_chart.h"

namespace tandem {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
:root { color-scheme: light dark; --text: #1d2430; --back: #fdfdfc; --grid: #d9dde3;
        --line: #0b62b8; --faint: #a9c8e8; --head: #f0f2f5; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e7ec; --back: #15181d; --grid: #343a44; --line: #6cb2f7; --faint: #2d557d;
          --head: #20252d; }
}
body { margin: 0 auto; max-width: 64rem; padding: 1rem; color: var(--text);
       background: var(--back); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; }
th, td { padding: .2rem .8rem; border-bottom: 1px solid var(--grid); text-align: left;
         overflow-wrap: anywhere; vertical-align: top; }
th { font-weight: 600; } thead th { background: var(--head); }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: 1rem; }
svg { width: 100%; height: auto; }
svg text { fill: var(--text); font: 11px system-ui, sans-serif; }
svg text.name { font-size: 13px; font-weight: 600; }
svg .grid { stroke: var(--grid); }
svg polyline { fill: none; stroke-width: 1.5; stroke-linejoin: round; }
svg polyline.line { stroke: var(--line); } svg polyline.faint { stroke: var(--faint); }
svg circle { fill: var(--line); }
</style>
)";

// Those that people look at first; the others follow in the order of their names.
constexpr std::string_view kFirst[] = {
    "loss",   "joint",        "contrastive", "generator",       "retriever", "wins",
    "margin", "dev recall@1", "dev f1",      "dev exact_match", "dev wins",  "dev margin"};

std::string curves_of(const RunRecord& run) {
  std::string svg;
  std::set<std::string_view> drawn;
  const auto draw = [&](std::string_view name) {
    const auto found = run.curves.find(std::string(name));
    if (found != run.curves.end() && drawn.insert(found->first).second)
      svg += line_chart(found->first, found->second);
  };
  for (const std::string_view name : kFirst) draw(name);
  for (const auto& [name, curve] : run.curves) draw(name);
  return svg;
}

std::string figures_of(const RunRecord& run) {
  if (run.after.empty()) return {};
  std::string rows;
  for (const auto& [name, after] : run.after) {
    const auto before = run.before.find(name);
    rows += fmt::format(
        "<tr><th scope=\"row\">{}{}</th><td class=\"number\">{}</td>"
        "<td class=\"number\">{:.3f}</td></tr>\n",
        html_text(name), name == run.best_by ? " (chose the step)" : "",
        before == run.before.end() ? std::string() : fmt::format("{:.3f}", before->second), after);
  }
  return fmt::format(
      "<h2>Dev questions</h2>\n<table><thead><tr><th scope=\"col\">figure</th><th "
      "scope=\"col\">before</th><th "
      "scope=\"col\">{}</th></tr></thead>\n<tbody>{}</tbody></table>\n",
      run.best_step > 0 ? fmt::format("step {}", run.best_step) : "so far", rows);
}

std::string options_of(const RunRecord& run) {
  std::string rows;
  for (const auto& [name, value] : run.options)
    rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", html_text(name),
                        html_text(value));
  return "<h2>Options</h2>\n<table><tbody>" + rows + "</tbody></table>\n";
}

}  // namespace

std::string report_html(const RunRecord& run) {
  const std::string name = html_text(run.name);
  return std::string(kHead) +
         fmt::format(
             "<title>{}: training</title>\n</head>\n<body>\n<h1>{}</h1>\n"
             "<p>{} steps in {:.0f} s{}.</p>\n",
             name, name, run.steps, run.seconds, run.ended ? "" : "; not ended") +
         figures_of(run) + "<h2>Steps</h2>\n<div class=\"curves\">\n" + curves_of(run) +
         "</div>\n" + options_of(run) + "</body>\n</html>\n";
}

}  // namespace tandem
