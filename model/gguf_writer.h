// Writing a GGUF (model/gguf.h) that is another one with other weights.
#ifndef TANDEM_MODEL_GGUF_WRITER_H_
#define TANDEM_MODEL_GGUF_WRITER_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "model/gguf.h"

namespace tandem {

// Metadata and the names and shapes of tensors are those of the source; `general.file_type` says
// what most weights became, and tensors are aligned to 32 bytes whatever the source said. Used by
// one thread. The file takes its place in finish(), and never if that is not called.
class GgufWriter {
 public:
  // Borrows `source`. `type_of` says in what type each of its tensors will be: its own, or one that
  // quantize() knows and whose blocks divide its rows. Throws as OutputFile does.
  GgufWriter(const std::filesystem::path& path, const GgufFile& source,
             const std::function<DataType(const TensorView&)>& type_of);

  // At most once for each tensor, in any order. Throws kInvalidArgument, naming the tensor, for
  // values that are not finite or beyond largest_value() of its type.
  void write(std::string_view name, std::span<const float> values);
  // Tensors that were not written are those of the source, copied, or expanded first where they get
  // another type.
  void finish();

 private:
  struct Place {
    const TensorView* source = nullptr;
    DataType type = DataType::kF32;
    std::uint64_t offset = 0;  // in the file
    bool written = false;
  };

  OutputFile file_;
  std::map<std::string_view, Place> places_;
};

// Q8_0 where it divides the rows of a matrix, else F16; vectors stay in F32.
DataType type_for_trained(const TensorView& tensor);

}  // namespace tandem

#endif  // TANDEM_MODEL_GGUF_WRITER_H_
