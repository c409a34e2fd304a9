#include "server/access/api_keys.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/utf8.h"
#include "server/record_file.h"
#include "store/store.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::uint64_t kMaxFileBytes = 64u << 20;
constexpr char kFile[] = "keys.json";
constexpr char kLock[] = "keys.lock";
constexpr std::size_t kSecretDigits = 43;  // of 6 bits each

std::string make_secret() {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<unsigned char, kSecretDigits> random{};
  if (::RAND_bytes(random.data(), random.size()) != 1) {
    throw Error(ErrorCode::kUnavailable, "the system gives no random numbers", "try again");
  }
  std::string secret(kApiKeyPrefix);
  for (const unsigned char byte : random) secret += kDigits[byte % kDigits.size()];
  return secret;
}

ApiKey parse_key(const json& object) {
  ApiKey key;
  key.id = object.at("id");
  key.name = object.at("name");
  key.sha256 = object.at("sha256");
  const auto scope = scope_named(object.at("scope").get<std::string>());
  if (!scope) throw Error(ErrorCode::kCorrupt, "a key has a scope that is none");
  key.scope = *scope;
  key.collections = object.at("collections").get<std::vector<std::string>>();
  if (!object.at("who").is_null()) key.who = object.at("who").get<Readers>();
  key.created_at_unix_s = object.at("created_at");
  key.expires_at_unix_s = object.at("expires_at");
  key.requests_per_minute = object.at("requests_per_minute");
  key.max_concurrent = object.at("max_concurrent");
  return key;
}

json to_json(const ApiKey& key) {
  return {{"id", key.id},
          {"name", key.name},
          {"sha256", key.sha256},
          {"scope", name_of(key.scope)},
          {"collections", key.collections},
          {"who", key.who ? json(*key.who) : json()},
          {"created_at", key.created_at_unix_s},
          {"expires_at", key.expires_at_unix_s},
          {"requests_per_minute", key.requests_per_minute},
          {"max_concurrent", key.max_concurrent}};
}

void check(const ApiKey& key) {
  if (key.name.empty() || key.name.size() > kMaxApiKeyName || !is_valid_utf8(key.name)) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("the name of a key must be UTF-8 of 1 to {} bytes", kMaxApiKeyName));
  }
  if (key.scope == Scope::kNone) {
    throw Error(ErrorCode::kInvalidArgument, "a key needs a scope",
                "give it 'read', 'write' or 'admin'");
  }
  if (key.scope == Scope::kAdmin && (!key.collections.empty() || key.who)) {
    throw Error(ErrorCode::kInvalidArgument,
                "a key that may change the models cannot be limited to collections or readers: all "
                "are answered by the same models",
                "make two keys");
  }
  if (key.collections.size() > kMaxKeyCollections) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("a key can be limited to at most {} collections", kMaxKeyCollections));
  }
  for (const std::string& collection : key.collections) check_collection_name(collection);
}

// Held while the file is read and replaced.
class FileLock {
 public:
  explicit FileLock(const fs::path& path)
      : descriptor_(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0 || ::flock(descriptor_, LOCK_EX) != 0) {
      const std::string reason = std::generic_category().message(errno);
      if (descriptor_ >= 0) ::close(descriptor_);
      throw Error(ErrorCode::kUnavailable, fmt::format("cannot lock {}: {}", path.string(), reason),
                  "check that the store's folder is there and may be written to");
    }
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { ::close(descriptor_); }

 private:
  int descriptor_;
};

void change_keys(const fs::path& store, const std::function<void(std::vector<ApiKey>&)>& change) {
  const FileLock lock(store / kLock);
  std::vector<ApiKey> keys = read_api_keys(store);
  change(keys);
  json list = json::array();
  for (const ApiKey& key : keys) list.push_back(to_json(key));
  write_record(store / kFile, {{"keys", std::move(list)}}, kVersion);
}

std::vector<ApiKey>::iterator require(std::vector<ApiKey>& keys, std::string_view name_or_id) {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const ApiKey& key) {
    return key.id == name_or_id || key.name == name_or_id;
  });
  if (found == keys.end()) {
    throw Error(ErrorCode::kNotFound, fmt::format("there is no key '{}'", name_or_id),
                "see which there are: tandem keys list");
  }
  return found;
}

}  // namespace

std::vector<ApiKey> read_api_keys(const fs::path& store) {
  const fs::path path = store / kFile;
  std::vector<ApiKey> keys;
  if (!fs::exists(path)) return keys;
  try {
    const json record = read_record(path, kMaxFileBytes, kVersion);
    for (const json& object : record.at("keys")) keys.push_back(parse_key(object));
  } catch (const json::exception&) {
    throw Error(ErrorCode::kCorrupt,
                fmt::format("the API keys in {} cannot be read", path.string()),
                "restore the file, or remove it and make the keys again");
  }
  std::sort(keys.begin(), keys.end(),
            [](const ApiKey& a, const ApiKey& b) { return a.name < b.name; });
  return keys;
}

std::string add_api_key(const fs::path& store, ApiKey key) {
  check(key);
  if (key.who) key.who = checked_readers(*std::move(key.who));
  std::string secret = make_secret();
  key.id = random_id("key_");
  key.sha256 = sha256_hex(secret);
  key.created_at_unix_s = std::time(nullptr);
  make_record_folder(store);  // keys may be made before anything is stored
  change_keys(store, [&](std::vector<ApiKey>& keys) {
    for (const ApiKey& other : keys) {
      if (other.name != key.name) continue;
      throw Error(ErrorCode::kAlreadyExists, fmt::format("there is a key '{}' already", key.name),
                  "choose another name, or give it a new secret with tandem keys rotate");
    }
    if (keys.size() >= kMaxApiKeys) {
      throw Error(ErrorCode::kResourceExhausted, fmt::format("there are {} keys", keys.size()),
                  "remove those that are no longer needed");
    }
    keys.push_back(key);
  });
  return secret;
}

std::string rotate_api_key(const fs::path& store, std::string_view name_or_id) {
  std::string secret = make_secret();
  change_keys(store, [&](std::vector<ApiKey>& keys) {
    require(keys, name_or_id)->sha256 = sha256_hex(secret);
  });
  return secret;
}

void remove_api_key(const fs::path& store, std::string_view name_or_id) {
  change_keys(store, [&](std::vector<ApiKey>& keys) { keys.erase(require(keys, name_or_id)); });
}

ApiKeys::ApiKeys(const fs::path& store) : store_(store) {
  stamp_ = stamp_of(store_ / kFile);
  keys_ = by_digest(read_api_keys(store));
}

ApiKeys::Map ApiKeys::by_digest(std::vector<ApiKey> keys) {
  Map map;
  for (ApiKey& key : keys) {
    std::string digest = key.sha256;
    map.emplace(std::move(digest), std::make_shared<const ApiKey>(std::move(key)));
  }
  return map;
}

// Expects mutex_ to be held.
void ApiKeys::refresh() {
  const FileStamp now = stamp_of(store_ / kFile);
  if (now == stamp_) return;
  stamp_ = now;
  try {
    keys_ = by_digest(read_api_keys(store_));
    log_info("the API keys have changed; there are {} now", keys_.size());
  } catch (const std::exception& error) {
    log_error("the API keys have changed but cannot be read, those of before stay: {}",
              error.what());
  }
}

std::shared_ptr<const ApiKey> ApiKeys::find(std::string_view secret) {
  const std::string digest = sha256_hex(secret);
  const std::lock_guard lock(mutex_);
  refresh();
  const auto found = keys_.find(digest);
  return found == keys_.end() ? nullptr : found->second;
}

bool ApiKeys::empty() {
  const std::lock_guard lock(mutex_);
  refresh();
  return keys_.empty();
}

}  // namespace tandem
