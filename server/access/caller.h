// Who asks, and what they may do.
#ifndef TANDEM_SERVER_ACCESS_CALLER_H_
#define TANDEM_SERVER_ACCESS_CALLER_H_

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace tandem {

// Each includes those before it. Read: to ask and to search. Write: to change documents, files and
// what else belongs to collections. Admin: to change what everybody is answered with, the models.
enum class Scope { kNone, kRead, kWrite, kAdmin };

// "none", "read", "write" or "admin".
std::string_view to_string(Scope scope);

// What a route needs. A caller that is limited to some collections may call only those routes that
// see to it themselves (kCollections); of the others it is kept out, so that a new route is closed
// to it until somebody has thought about it.
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
  Scope scope = Scope::kNone;
  std::optional<std::set<std::string, std::less<>>> collections;  // nothing: all

  bool may_use(std::string_view collection) const {
    return !collections || collections->contains(collection);
  }
  // Whether an object that is in no collection, such as an uploaded file, is this caller's to see
  // and to change; `owner` is the key that made it. Those that are limited to collections have
  // their own objects only; all others share everything.
  bool may_see(std::string_view owner) const { return !collections || owner == key_id; }
};

}  // namespace tandem

#endif  // TANDEM_SERVER_ACCESS_CALLER_H_
