#include "tests/fuzz/fuzzer.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/file.h"

namespace tandem::fuzz {
namespace {

// For a dictionary of libFuzzer: every byte but plain ASCII as \xAB.
std::string dictionary_line(std::string_view word) {
  std::string out = "\"";
  for (const char c : word) {
    if (c >= ' ' && c <= '~' && c != '"' && c != '\\') {
      out.push_back(c);
    } else {
      char escape[5];
      std::snprintf(escape, sizeof escape, "\\x%02X", static_cast<unsigned char>(c));
      out += escape;
    }
  }
  return out + "\"\n";
}

void write_seeds(const std::filesystem::path& folder, const std::filesystem::path& dictionary) {
  int number = 0;
  for (const std::string& seed : seeds()) {
    write_file_atomic(folder / ("seed-" + std::to_string(++number)), seed);
  }
  std::string lines;
  for (const std::string& word : words()) lines += dictionary_line(word);
  write_file_atomic(dictionary, lines);
}

}  // namespace

void require(bool condition, const char* promise) {
  if (condition) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

}  // namespace tandem::fuzz

// fuzz_NAME --write-seeds FOLDER DICTIONARY: writes both and ends.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc == 4 && std::string_view((*argv)[1]) == "--write-seeds") {
    tandem::fuzz::write_seeds((*argv)[2], (*argv)[3]);
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    tandem::fuzz::run({reinterpret_cast<const char*>(data), size});
  } catch (const tandem::Error& error) {
    if (error.code() == tandem::ErrorCode::kInternal) {
      std::fprintf(stderr, "internal error: %s\n", error.what());
      std::abort();
    }
  }
  return 0;
}
