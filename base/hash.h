// SHA-256 (FIPS 180-4), by OpenSSL. Used for content digests and stable identifiers, never for
// passwords. Safe to call from any thread.
#ifndef TANDEM_BASE_HASH_H_
#define TANDEM_BASE_HASH_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tandem {

// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);
std::string sha256_hex(std::span<const std::byte> bytes);

// The same digest of bytes that come in pieces. Used by one thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  void update(std::span<const std::byte> bytes);
  // 64 lower-case hexadecimal digits; called once, last.
  std::string finish_hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace tandem

#endif  // TANDEM_BASE_HASH_H_
