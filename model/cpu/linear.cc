#include "model/cpu/linear.h"

#include <algorithm>

#include "model/kernels/rows.h"

namespace tandem::cpu {

using kernels::kGroup;
using kernels::kPanelRows;

bool takes_tiles(const Matrix& matrix) {
  return kernels::prefers_tiles() &&
         (matrix.takes_bytes() || matrix.format() == kernels::Format::kBrain);
}

void InputForms::add(const Matrix& matrix) {
  bytes |= matrix.takes_bytes();
  floats |= !matrix.takes_bytes();
  brains |= takes_tiles(matrix);
}

void Input::resize(std::size_t rows, std::size_t columns, InputForms forms) {
  columns_ = columns;
  forms_ = forms;
  floats_.resize(rows * columns);
  bytes_ = kernels::ActivationRows(rows, columns);
  if (forms.brains) brains_ = kernels::BrainRows(rows, columns);
}

void Input::write(std::span<const float> x, std::size_t index, bool of_prompt, std::size_t first) {
  const bool tiled = of_prompt && forms_.brains;
  if (tiled) brains_.write(x, index, first);
  if (!tiled && forms_.bytes) kernels::quantize(x, bytes_, index, first / kGroup);
  if (forms_.floats && x.data() != row(index) + first)
    std::copy(x.begin(), x.end(), row(index) + first);
}

void multiply(const Matrix& matrix, Range panels, const Input& input, std::size_t prompt_rows,
              std::size_t row_count, float* out, std::size_t stride) {
  const bool tiled = prompt_rows > 0 && takes_tiles(matrix);
  if (tiled) kernels::multiply_tiles(matrix, panels, input.brains_, prompt_rows, out, stride);
  const Range rest = {tiled ? prompt_rows : 0, row_count};
  if (rest.first == rest.second) return;
  if (matrix.takes_bytes())
    kernels::multiply(matrix, panels, input.bytes_, rest, out, stride);
  else
    kernels::multiply(matrix, panels, input.floats_.data(), input.columns_, rest, out, stride);
}

void Linear::add(const Matrix& matrix) {
  panels_ += matrix.panels();
  matrices_.push_back(matrix);
}

void Linear::multiply_share(int member, int members, const Input& input, std::size_t prompt_rows,
                            std::size_t row_count, float* out, std::size_t stride) const {
  const auto [begin, end] = share_of(panels_, member, members);
  std::size_t first_panel = 0;
  for (const Matrix& matrix : matrices_) {
    const std::size_t from = std::clamp(begin, first_panel, first_panel + matrix.panels());
    const std::size_t to = std::clamp(end, first_panel, first_panel + matrix.panels());
    if (from < to)
      multiply(matrix, {from - first_panel, to - first_panel}, input, prompt_rows, row_count,
               out + (from - first_panel) * kPanelRows, stride);
    first_panel += matrix.panels();
    out += matrix.rows();
  }
}

}  // namespace tandem::cpu
