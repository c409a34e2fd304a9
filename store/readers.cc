#include "store/readers.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

namespace tandem {
namespace {

bool is_reader(const std::string& name) {
  const auto is_wrong = [](char c) {
    return c == ',' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  };
  return !name.empty() && name.size() <= kMaxReaderBytes && is_valid_utf8(name) &&
         name.front() != ' ' && name.back() != ' ' &&
         std::none_of(name.begin(), name.end(), is_wrong);
}

}  // namespace

Readers checked_readers(Readers readers) {
  if (readers.size() > kMaxReaders) {
    throw Error(ErrorCode::kInvalidArgument,
                "there are more than " + std::to_string(kMaxReaders) + " readers",
                "name groups instead of people");
  }
  for (const std::string& name : readers) {
    if (!is_reader(name)) {
      throw Error(ErrorCode::kInvalidArgument, "this is not the name of a reader",
                  "use 1 to " + std::to_string(kMaxReaderBytes) +
                      " bytes of UTF-8 without commas and control characters");
    }
  }
  std::sort(readers.begin(), readers.end());
  readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
  return readers;
}

bool may_read(const Readers& readers, const Readers& who) {
  if (readers.empty()) return true;
  return std::any_of(who.begin(), who.end(), [&](const std::string& name) {
    return std::binary_search(readers.begin(), readers.end(), name);
  });
}

}  // namespace tandem
