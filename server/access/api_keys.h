// The API keys of a store, in its file keys.json:
//
//   {"version": 1, "keys": [{"id", "name", "sha256", "scope", "collections", "who", "created_at",
//                            "expires_at", "requests_per_minute", "max_concurrent"}, …]}
//
// A key is "tdm_" and 43 random digits of base64url, shown once, when it is made. What is kept is
// its SHA-256: no salt and no slow hash, which are for passwords that can be guessed.
//
// The program writes the file, and a server that runs meanwhile sees the change with the next
// request: neither needs the store to be open.
#ifndef TANDEM_SERVER_ACCESS_API_KEYS_H_
#define TANDEM_SERVER_ACCESS_API_KEYS_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "server/access/caller.h"

namespace tandem {

inline constexpr std::string_view kApiKeyPrefix = "tdm_";
inline constexpr std::size_t kMaxApiKeys = 10'000;
inline constexpr std::size_t kMaxApiKeyName = 100;  // bytes
inline constexpr std::size_t kMaxKeyCollections = 1000;

struct ApiKey {
  std::string id;      // "key_" and 24 hexadecimal digits
  std::string name;    // for people; no two are the same
  std::string sha256;  // 64 hexadecimal digits
  Scope scope = Scope::kRead;
  std::vector<std::string> collections;  // empty: all
  std::optional<Readers> who;            // as Caller has it
  std::int64_t created_at_unix_s = 0;
  std::int64_t expires_at_unix_s = 0;  // 0: never
  // 0: as many as they like.
  std::uint32_t requests_per_minute = 0;
  std::uint32_t max_concurrent = 0;
};

// Those in the folder of a store; none where there is no such file. By name. Throws kCorrupt,
// kUnsupported (of a newer version) and as read_file().
std::vector<ApiKey> read_api_keys(const std::filesystem::path& store);

// Each changes the file at once and waits for others that do. The id, digest and time of `key` are
// filled in; the key itself, which is nowhere else, is returned. Throws kAlreadyExists for a name
// that is there, kInvalidArgument for one that is empty, too long or not UTF-8, for a collection
// that cannot be one, and for scope kNone, or kAdmin with collections.
std::string add_api_key(const std::filesystem::path& store, ApiKey key);
// Gives it a new secret, with which what it owns stays its own. Throws kNotFound.
std::string rotate_api_key(const std::filesystem::path& store, std::string_view name_or_id);
void remove_api_key(const std::filesystem::path& store, std::string_view name_or_id);

// The keys as a server sees them. All methods may be called from any thread.
class ApiKeys {
 public:
  // Throws as read_api_keys().
  explicit ApiKeys(const std::filesystem::path& store);

  // The key of this secret; null for none. Whether it has expired is for the caller to see.
  std::shared_ptr<const ApiKey> find(std::string_view secret);
  bool empty();

 private:
  using Map = std::map<std::string, std::shared_ptr<const ApiKey>, std::less<>>;  // by sha256
  static Map by_digest(std::vector<ApiKey> keys);
  void refresh();

  const std::filesystem::path store_;
  std::mutex mutex_;  // guards what follows
  Map keys_;
  FileStamp stamp_;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_ACCESS_API_KEYS_H_
