// Bytes that a reference holds as hexadecimal digits.
#ifndef TANDEM_TESTS_SUPPORT_HEX_H_
#define TANDEM_TESTS_SUPPORT_HEX_H_

#include <string>

namespace tandem::testing {

inline std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_HEX_H_
