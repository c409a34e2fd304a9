// Makes ZIP archives for tests, as Office documents and e-books are.
#ifndef TANDEM_TESTS_SUPPORT_ZIP_BUILDER_H_
#define TANDEM_TESTS_SUPPORT_ZIP_BUILDER_H_

#include <zip.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace tandem::testing {

using ZipEntries = std::vector<std::pair<std::string, std::string>>;  // name, content

// Deflated, in order. Ends the program where libzip fails.
inline std::string make_zip(const ZipEntries& entries) {
  const auto check = [](bool holds) {
    if (!holds) std::abort();
  };
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* target = zip_source_buffer_create(nullptr, 0, 0, &error);
  check(target != nullptr);
  zip_source_keep(target);  // closing the archive would free it
  zip_t* archive = zip_open_from_source(target, ZIP_TRUNCATE, &error);
  check(archive != nullptr);
  for (const auto& [name, content] : entries) {
    zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
    check(zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8) >= 0);
  }
  check(zip_close(archive) == 0);
  check(zip_source_open(target) == 0);
  zip_source_seek(target, 0, SEEK_END);
  std::string bytes(static_cast<std::size_t>(zip_source_tell(target)), '\0');
  zip_source_seek(target, 0, SEEK_SET);
  check(zip_source_read(target, bytes.data(), bytes.size()) ==
        static_cast<zip_int64_t>(bytes.size()));
  zip_source_close(target);
  zip_source_free(target);
  zip_error_fini(&error);
  return bytes;
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_ZIP_BUILDER_H_
