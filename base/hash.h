// SHA-256 (FIPS 180-4), by OpenSSL. Used for content digests and stable identifiers, never for
// passwords. Safe to call from any thread.
#ifndef TANDEM_BASE_HASH_H_
#define TANDEM_BASE_HASH_H_

#include <string>
#include <string_view>

namespace tandem {

// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace tandem

#endif  // TANDEM_BASE_HASH_H_
