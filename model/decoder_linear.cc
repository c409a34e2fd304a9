#include "model/decoder_linear.h"

#include <algorithm>
#include <span>

#include "base/error.h"

namespace tandem {

DecoderLinear::DecoderLinear(const WeightFile& file, const std::vector<RowBlock>& blocks,
                             std::int64_t columns)
    : weight_(load_stacked(file, blocks, columns)) {
  if (!std::all_of(blocks.begin(), blocks.end(), [&](const RowBlock& block) {
        return BlockMatrix::supports(file.find(block.name)->type);
      }))
    return;
  for (const RowBlock& block : blocks) stored_.emplace_back(*file.find(block.name));
}

at::Tensor DecoderLinear::operator()(const at::Tensor& x) const {
  if (x.size(0) != 1 || stored_.empty()) return at::linear(x, weight_);
  TANDEM_CHECK(x.stride(1) == 1);
  at::Tensor y = at::empty({1, weight_.size(0)}, at::kFloat);
  const std::span<const float> in(x.const_data_ptr<float>(), static_cast<std::size_t>(x.size(1)));
  std::span<float> out(y.mutable_data_ptr<float>(), static_cast<std::size_t>(y.size(1)));
  for (const BlockMatrix& matrix : stored_) {
    matrix.multiply(in, out.first(matrix.rows()));
    out = out.subspan(matrix.rows());
  }
  return y;
}

}  // namespace tandem
