#include "server/access/caller.h"

#include <algorithm>
#include <iterator>

namespace tandem {
namespace {

constexpr std::string_view kNames[] = {"none", "read", "write", "admin"};  // by Scope

}  // namespace

std::string_view name_of(Scope scope) {
  return kNames[static_cast<std::size_t>(scope)];
}

std::optional<Scope> scope_named(std::string_view name) {
  const auto* const found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) return std::nullopt;
  return static_cast<Scope>(found - std::begin(kNames));
}

}  // namespace tandem
