// Filters over attributes: reading one, and selecting with it.
#include "retriever/filter.h"

#include <algorithm>

#include "retriever/attribute_block.h"
#include "tests/fuzz/fuzzer.h"

namespace tandem::fuzz {
namespace {

AttributeBlock make_block() {
  const Attributes attributes[] = {{},
                                   {{"a", 1.0}, {"b", "x"}},
                                   {{"a", -0.5}, {"b", "xy"}, {"c", true}},
                                   {{"a", "1"}, {"b", false}, {"c", false}},
                                   {{"a", true}, {"b", 1e300}, {"c", "\xC3\xA9"}}};
  AttributeBlock block;
  PassageId next = 1;
  for (const Attributes& given : attributes) {
    Document document;
    document.id = "d" + std::to_string(next);
    document.attributes = given;
    block.append(document, {next, next + 2});
    next += 2;
  }
  return block;
}

// By De Morgan. Only comparisons for equality have a contrary, hence `possible`.
Filter contrary(Filter filter, bool& possible) {
  switch (filter.type) {
    case FilterType::kEqual:
      filter.type = FilterType::kNotEqual;
      break;
    case FilterType::kNotEqual:
      filter.type = FilterType::kEqual;
      break;
    case FilterType::kIn:
      filter.type = FilterType::kNotIn;
      break;
    case FilterType::kNotIn:
      filter.type = FilterType::kIn;
      break;
    case FilterType::kAnd:
    case FilterType::kOr:
      filter.type = filter.type == FilterType::kAnd ? FilterType::kOr : FilterType::kAnd;
      for (Filter& part : filter.filters) part = contrary(part, possible);
      break;
    default:
      possible = false;
  }
  return filter;
}

}  // namespace

std::vector<std::string> seeds() {
  return {R"({"type":"eq","key":"a","value":1})",
          R"({"type":"ne","key":"c","value":true})",
          R"({"type":"gt","key":"b","value":"x"})",
          R"({"type":"lte","key":"a","value":-5e-1})",
          R"({"type":"in","key":"b","value":["x","\u00e9",1e300,false]})",
          R"({"type":"nin","key":"$id","value":["d1"]})",
          R"({"type":"and","filters":[{"type":"gte","key":"$created_at","value":0},
              {"type":"or","filters":[{"type":"lt","key":"a","value":2},
                                      {"type":"eq","key":"c","value":false}]}]})"};
}

std::vector<std::string> words() {
  return {"\"type\":",
          "\"key\":",
          "\"value\":",
          "\"filters\":[",
          "\"eq\"",
          "\"ne\"",
          "\"gt\"",
          "\"gte\"",
          "\"lt\"",
          "\"lte\"",
          "\"in\"",
          "\"nin\"",
          "\"and\"",
          "\"or\"",
          "true",
          "false",
          "null",
          "1e999",
          "\"$id\"",
          "\"$title\"",
          "\"$",
          "\\uD800",
          "18446744073709551616"};
}

void run(std::string_view input) {
  static const AttributeBlock block = make_block();
  const Filter filter = parse_filter_text(input, "filter");
  const DocumentBits selected = block.select(CompiledFilter(filter));
  require((selected >> block.size()).none(), "only documents that are there are selected");
  bool possible = true;
  const Filter opposite = contrary(filter, possible);
  if (!possible) return;
  const DocumentBits others = block.select(CompiledFilter(opposite));
  require((selected & others).none() && (selected | others).count() == block.size(),
          "a document is selected by a filter or by its contrary");
}

}  // namespace tandem::fuzz
