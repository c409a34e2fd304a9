// A GGUF that is another one with other weights.
#ifndef TANDEM_MODEL_GGUF_COPY_H_
#define TANDEM_MODEL_GGUF_COPY_H_

#include <filesystem>
#include <functional>
#include <span>
#include <string_view>

#include "model/gguf_writer.h"

namespace tandem {

// Metadata and the names and shapes of tensors are those of the source; `general.file_type` says
// what most weights became, and tensors are aligned to 32 bytes whatever the source said. Used by
// one thread. The file takes its place in finish(), and never if that is not called.
class GgufCopy {
 public:
  // Borrows `source`. `type_of` says in what type each of its tensors will be: its own, or one that
  // quantize() knows and whose blocks divide its rows. Throws as OutputFile does.
  GgufCopy(const std::filesystem::path& path, const GgufFile& source,
           const std::function<DataType(const TensorView&)>& type_of);

  // At most once for each tensor, in any order. Throws as GgufWriter::write().
  void write(std::string_view name, std::span<const float> values);
  // Tensors that were not written are those of the source, copied, or expanded first where they get
  // another type.
  void finish();

 private:
  const GgufFile& source_;
  std::vector<GgufTensor> tensors_;  // in the order of the source's
  GgufWriter writer_;
};

// Q8_0 where it divides the rows of a matrix, else F16; vectors stay in F32.
DataType type_for_trained(const TensorView& tensor);

}  // namespace tandem

#endif  // TANDEM_MODEL_GGUF_COPY_H_
