#include "trainer/passage_names.h"

#include <fmt/format.h>

namespace tandem {

std::vector<std::size_t> PassageNames::find(const JsonLine& line,
                                            std::span<const std::string> names) {
  std::vector<std::size_t> places;
  for (const std::string& name : names) {
    const std::optional<std::size_t> place = find(name);
    if (!place)
      line.refuse(fmt::format("the corpus has no passage \"{:.80}\"", name),
                  "add it there, or take it out of the line");
    places.push_back(*place);
  }
  return places;
}

std::optional<std::size_t> PassageNames::find(const std::string& name) {
  if (const auto found = corpus_.by_id.find(name); found != corpus_.by_id.end())
    return found->second;
  if (by_text_.empty())
    for (std::size_t i = 0; i < corpus_.passages.size(); ++i)
      by_text_.emplace(corpus_.passages[i].text, i);
  const auto found = by_text_.find(name);
  return found == by_text_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace tandem
