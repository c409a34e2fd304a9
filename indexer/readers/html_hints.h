// What the names that authors give to elements say about them.
#ifndef TANDEM_INDEXER_READERS_HTML_HINTS_H_
#define TANDEM_INDEXER_READERS_HTML_HINTS_H_

#include <string_view>

namespace tandem {

enum class NameHint { kNone, kNavigation, kContent };

// The value of a class or id attribute, such as "rightsidebar border" or "mw-navigation". Names of
// content win over names of furniture: "sidebar-content" is guesswork either way and is kept.
NameHint name_hint(std::string_view names);

// An ARIA role of page furniture: navigation, search, contentinfo and the like.
bool is_navigation_role(std::string_view role);

// The words of a link that leads to a neighbouring page, such as "Next" or "Table of Contents", for
// pages that do not mark them up.
bool is_navigation_phrase(std::string_view text);

// The words of a link that leaps over the menu, such as "Skip to content".
bool is_skip_phrase(std::string_view text);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_HTML_HINTS_H_
