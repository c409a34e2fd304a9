// Base64 (RFC 4648, section 4) of golden files whose texts are not valid UTF-8.
#ifndef TANDEM_TESTS_MODEL_BASE64_H_
#define TANDEM_TESTS_MODEL_BASE64_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem {

inline std::string decode_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) break;
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>((bits >> count) & 0xFF));
    }
  }
  return out;
}

}  // namespace tandem

#endif  // TANDEM_TESTS_MODEL_BASE64_H_
