// Who asks, and what they may do.
#ifndef TANDEM_SERVER_ACCESS_CALLER_H_
#define TANDEM_SERVER_ACCESS_CALLER_H_

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "store/readers.h"

namespace tandem {

// Each includes those before it. Read: to ask and to search. Write: to change documents, files and
// what else belongs to collections. Admin: to change what everybody is answered with, the models.
enum class Scope { kNone, kRead, kWrite, kAdmin };

// "none", "read", "write" or "admin".
std::string_view name_of(Scope scope);
std::optional<Scope> scope_named(std::string_view name);

// What a route needs. A caller that is limited to some collections or documents may call only those
// routes that see to it themselves (kCollections); it is kept out of the others, so that a new
// route is closed to it until somebody has thought about it.
enum class Reach { kServer, kCollections };
struct RouteAccess {
  Scope scope = Scope::kAdmin;
  Reach reach = Reach::kServer;
};
inline constexpr RouteAccess kForEverybody{Scope::kNone, Reach::kCollections};
inline constexpr RouteAccess kReadsCollections{Scope::kRead, Reach::kCollections};
inline constexpr RouteAccess kWritesCollections{Scope::kWrite, Reach::kCollections};
inline constexpr RouteAccess kReadsServer{Scope::kRead, Reach::kServer};
inline constexpr RouteAccess kWritesServer{Scope::kWrite, Reach::kServer};
inline constexpr RouteAccess kAdministers{Scope::kAdmin, Reach::kServer};

struct Caller {
  std::string key_id;  // empty without a key
  // What objects are marked with that it makes: the key, and those whom the request names
  // (Gate::admit).
  std::string owner;
  Scope scope = Scope::kNone;
  std::optional<std::set<std::string, std::less<>>> collections;  // nothing: all
  // Who it is, of those that documents are for (store/readers.h); nothing: it may see all of them.
  std::optional<Readers> who;

  bool is_limited() const { return collections.has_value() || who.has_value(); }
  bool may_use(std::string_view collection) const {
    return !collections || collections->contains(collection);
  }
  bool may_read(const Readers& readers) const { return !who || tandem::may_read(readers, *who); }
  // Whether an object that is in no collection, such as an uploaded file, is this caller's to see
  // and to change. Those that are limited have their own objects only; all others share everything.
  bool may_see(std::string_view its_owner) const { return !is_limited() || its_owner == owner; }
};

}  // namespace tandem

#endif  // TANDEM_SERVER_ACCESS_CALLER_H_
