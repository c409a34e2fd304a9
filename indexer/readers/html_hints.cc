#include "indexer/readers/html_hints.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string>
#include <vector>

namespace tandem {
namespace {

using namespace std::string_view_literals;

// Whole words, after splitting at punctuation, digits and camel case.
constexpr std::string_view kNavigationWords[] = {
    "ads",        "advert",     "advertisement", "banner",    "breadcrumb",      "breadcrumbs",
    "catlinks",   "consent",    "cookie",        "cookies",   "editsection",     "footer",
    "headerlink", "login",      "masthead",      "menu",      "menubar",         "nav",
    "navigation", "newsletter", "noprint",       "pager",     "pagination",      "permalink",
    "promo",      "related",    "search",        "searchbox", "searchform",      "searchbar",
    "share",      "sharing",    "sidebar",       "signin",    "signup",          "skip",
    "skiplink",   "skipnav",    "social",        "sponsor",   "sponsors",        "subscribe",
    "tagline",    "toc",        "toolbar",       "topbar",    "tableofcontents",
};
// Compounds written in one word: "rightsidebar", "docnav", "navheader", "searchmenu".
constexpr std::string_view kNavigationEndings[] = {"menu",        "nav",    "sidebar",
                                                   "breadcrumbs", "footer", "toc"};
constexpr std::string_view kNavigationBeginnings[] = {
    "navbar", "navbox", "navheader", "navfooter", "navlink", "navmenu", "breadcrumb", "sidebar"};
constexpr std::string_view kContentWords[] = {
    "article", "body",     "chapter", "content", "doc",     "document", "entry",
    "main",    "maintext", "page",    "post",    "section", "sect",     "text",
};

constexpr std::string_view kNavigationRoles[] = {
    "banner",  "contentinfo", "menu",   "menubar",     "navigation", "search",
    "tablist", "toolbar",     "dialog", "alertdialog", "doc-toc",
};

constexpr std::string_view kNavigationPhrases[] = {
    "back", "back to top", "contents", "home",     "index",         "modules",
    "next", "next page",   "prev",     "previous", "previous page", "table of contents",
    "toc",  "top",         "up",

};

template <typename Range>
bool is_in(const Range& range, std::string_view word) {
  return std::find(std::begin(range), std::end(range), word) != std::end(range);
}

bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}
bool is_upper(char c) {
  return std::isupper(static_cast<unsigned char>(c)) != 0;
}

std::vector<std::string> split_name(std::string_view names) {
  std::vector<std::string> words;
  bool open = false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const char c = names[i];
    if (!is_letter(c)) {
      open = false;
      continue;
    }
    const bool camel = i > 0 && is_upper(c) && is_letter(names[i - 1]) && !is_upper(names[i - 1]);
    if (!open || camel) words.emplace_back();
    words.back().push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    open = true;
  }
  return words;
}

bool names_navigation(const std::string& word) {
  if (is_in(kNavigationWords, word)) return true;
  const auto longer = [&](std::string_view part) { return word.size() > part.size(); };
  return std::any_of(std::begin(kNavigationEndings), std::end(kNavigationEndings),
                     [&](auto part) { return longer(part) && word.ends_with(part); }) ||
         std::any_of(std::begin(kNavigationBeginnings), std::end(kNavigationBeginnings),
                     [&](auto part) { return word.starts_with(part); });
}

// Lower-case ASCII words; empty if the text has letters of another script.
std::string plain_words(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (is_letter(c)) {
      plain.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    } else if (c == ' ' && !plain.empty() && plain.back() != ' ') {
      plain.push_back(' ');
    } else if (static_cast<unsigned char>(c) >= 0x80 && plain.size() > 1) {
      return {};  // not merely an arrow before or after
    }
  }
  while (!plain.empty() && plain.back() == ' ') plain.pop_back();
  return plain;
}

}  // namespace

NameHint name_hint(std::string_view names) {
  NameHint hint = NameHint::kNone;
  const std::vector<std::string> words = split_name(names);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (is_in(kContentWords, words[i])) return NameHint::kContent;
    const bool table_of_contents = i + 2 < words.size() && words[i] == "table" &&
                                   words[i + 1] == "of" && words[i + 2] == "contents";
    if (table_of_contents || names_navigation(words[i])) hint = NameHint::kNavigation;
  }
  return hint;
}

bool is_navigation_role(std::string_view role) {
  return is_in(kNavigationRoles, role);
}

bool is_navigation_phrase(std::string_view text) {
  return is_in(kNavigationPhrases, plain_words(text));
}

bool is_skip_phrase(std::string_view text) {
  const std::string words = plain_words(text);
  return words.starts_with("skip to ") || words.starts_with("jump to ");
}

}  // namespace tandem
