// The weights of a network that is being trained, and what of them learns.
#ifndef TANDEM_TRAINER_TORCH_PARAMETERS_H_
#define TANDEM_TRAINER_TORCH_PARAMETERS_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "model/weights.h"
#include "trainer/joint_networks.h"
#include "trainer/torch/aten.h"

namespace tandem::training {

// A linear layer. Copies share their tensors.
struct Matrix {
  at::Tensor weight = {};  // [out, in]
  at::Tensor a = {};       // [rank, in]; undefined without LoRA
  at::Tensor b = {};       // [out, rank]
  double scale = 0;

  // [rows, in] to [rows, out], multiplied in the type of `x`. `bias` [out] may be undefined.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& bias = {}) const;
};

// What each of the matrices gives, side by side: [rows, sum of their outputs]. `biases` is empty,
// or as long as `matrices` with tensors that are all undefined or none.
at::Tensor side_by_side(std::span<const Matrix> matrices, std::span<const at::Tensor> biases,
                        const at::Tensor& x);

// For one thread at a time.
class Parameters {
 public:
  // Borrows `file` until the last tensor was loaded. `prefix` stands before each name in it.
  Parameters(const WeightFile& file, std::string prefix, const NetworkOptions& options,
             std::uint64_t seed);

  // Each throws as load_tensor() does. A matrix decays and may get LoRA; a table (of embeddings,
  // or the output layer) decays; a vector (a norm or a bias) does neither. With LoRA the latter two
  // do not learn.
  Matrix matrix(const std::string& name, std::int64_t rows, std::int64_t columns);
  at::Tensor table(const std::string& name, std::int64_t rows, std::int64_t columns);
  at::Tensor vector(const std::string& name, std::int64_t size);

  struct Learned {
    std::string name;
    at::Tensor tensor;
    bool decays = false;
  };
  const std::vector<Learned>& learned() const { return learned_; }

  void visit(const WeightVisitor& visit) const;
  // As JointNetworks::encoder_changes().
  LowRankChanges changes() const;

 private:
  struct Entry {
    std::string name;
    Matrix matrix;  // or another tensor, as its weight
  };
  at::Tensor load(const std::string& name, std::initializer_list<std::int64_t> shape, bool learns,
                  bool decays);

  const WeightFile& file_;
  std::string prefix_;
  NetworkOptions options_;
  std::uint64_t seed_;
  std::vector<Entry> entries_;
  std::vector<Learned> learned_;
};

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_PARAMETERS_H_
