// Names out of a file, fit for a message.
#ifndef TANDEM_MODEL_PRINTABLE_H_
#define TANDEM_MODEL_PRINTABLE_H_

#include <string>
#include <string_view>

namespace tandem {

// At most the first 80 bytes of `name` as valid UTF-8: a hostile file may hold names of any length
// and content, and messages travel into JSON.
std::string printable(std::string_view name);

}  // namespace tandem

#endif  // TANDEM_MODEL_PRINTABLE_H_
