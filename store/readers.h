// Who may see a document, beside what the collection allows.
#ifndef TANDEM_STORE_READERS_H_
#define TANDEM_STORE_READERS_H_

#include <cstddef>
#include <string>
#include <vector>

namespace tandem {

// Names of people and groups, such as "group:hr", in ascending order, none twice. Those of a
// document: whoever is one of them may see it; without any, everybody. What a name means is for
// those who give it.
using Readers = std::vector<std::string>;

inline constexpr std::size_t kMaxReaders = 100;
inline constexpr std::size_t kMaxReaderBytes = 128;

// In order, none twice. Throws kInvalidArgument for more than these limits, and for a name that is
// empty, not UTF-8, or has a comma, a space at an end or a control character in it (they are also
// sent in a header). Pure.
Readers checked_readers(Readers readers);

// Whether somebody who is all of `who` may see what is for `readers`. Both in order. Pure.
bool may_read(const Readers& readers, const Readers& who);

}  // namespace tandem

#endif  // TANDEM_STORE_READERS_H_
