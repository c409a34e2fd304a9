// safetensors: the header and the values of small tensors.
#include "model/weights.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/fuzz/tensor_use.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/mutants.h"

namespace tandem::fuzz {

std::vector<std::string> seeds() {
  std::vector<std::string> files;
  for (const std::string header :
       {R"({})",
        R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],)"
        R"("data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]}})",
        R"({"i":{"shape":[1],"data_offsets":[0,8],"dtype":"I64"},)"
        R"("e":{"dtype":"F16","shape":[0,4],"data_offsets":[8,8]}}   )"}) {
    files.push_back(testing::bytes_of<std::uint64_t>(header.size()) + header +
                    std::string(header.size() < 10 ? 0
                                : header[2] == 'i' ? 8
                                                   : 26,
                                '\x3c'));
  }
  return files;
}

std::vector<std::string> words() {
  return {"\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"__metadata__\"", "\"F32\"",
          "\"F16\"",   "\"BF16\"",  "\"I64\"",          "\"I32\"",          "[0,0]",
          "1e18",      "-1"};
}

void run(std::string_view input) {
  static testing::MemoryFile memory;
  memory.write(std::string(input));
  use_tensors(*open_safetensors(memory.path()));
}

}  // namespace tandem::fuzz
