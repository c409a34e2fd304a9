// The routines that FAISS is linked to, by what FAISS makes of them.
#include <dlfcn.h>
#include <faiss/VectorTransform.h>
#include <faiss/utils/distances.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "model/torch_plugin.h"

namespace tandem {
namespace {

std::vector<float> random_vectors(std::size_t count, std::size_t dimension, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> vectors(count * dimension);
  for (float& value : vectors) value = normal(random);
  return vectors;
}

double inner_product(const float* a, const float* b, std::size_t dimension) {
  double sum = 0;
  for (std::size_t i = 0; i < dimension; ++i) sum += double{a[i]} * b[i];
  return sum;
}

void expect_orthonormal_rows(const std::vector<float>& matrix, std::size_t rows) {
  const std::size_t columns = matrix.size() / rows;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j <= i; ++j)
      EXPECT_NEAR(inner_product(&matrix[i * columns], &matrix[j * columns], columns), i == j, 1e-5)
          << i << " " << j;
}

// From 20 queries on FAISS multiplies matrices.
TEST(BlasTest, ABatchOfQueriesGetsItsInnerProducts) {
  constexpr std::size_t kDimension = 37;
  constexpr std::size_t kQueries = 41;
  constexpr std::size_t kVectors = 300;
  const auto queries = random_vectors(kQueries, kDimension, 1);
  const auto vectors = random_vectors(kVectors, kDimension, 2);
  std::vector<float> scores(kQueries * kVectors);
  std::vector<std::int64_t> ids(scores.size());
  faiss::float_minheap_array_t all{kQueries, kVectors, ids.data(), scores.data()};
  faiss::knn_inner_product(queries.data(), vectors.data(), kDimension, kQueries, kVectors, &all);
  for (std::size_t i = 0; i < scores.size(); ++i)
    ASSERT_NEAR(scores[i],
                inner_product(&queries[i / kVectors * kDimension],
                              &vectors[static_cast<std::size_t>(ids[i]) * kDimension], kDimension),
                1e-4);
}

TEST(BlasTest, ARandomRotationIsOne) {
  faiss::RandomRotationMatrix rotation(24, 24);
  rotation.init(7);
  expect_orthonormal_rows(rotation.A, 24);
}

TEST(BlasTest, PrincipalComponentsPointWhereTheVectorsSpread) {
  constexpr std::size_t kDimension = 12;
  constexpr std::size_t kCount = 2000;
  auto vectors = random_vectors(kCount, kDimension, 3);
  for (std::size_t i = 0; i < kCount; ++i) vectors[i * kDimension + 5] *= 10;
  faiss::PCAMatrix components(kDimension, 3);
  components.train(kCount, vectors.data());
  expect_orthonormal_rows({components.A.begin(), components.A.begin() + 3 * kDimension}, 3);
  EXPECT_GT(std::abs(components.A[5]), 0.99f);
}

// LibTorch calls its own BLAS by exported names. It gets that one as long as the program shows
// none.
TEST(BlasTest, NobodySeesTheBlasOfAnother) {
  const auto queries = random_vectors(20, 8, 4);
  std::vector<float> scores(20);
  std::vector<std::int64_t> ids(20);
  faiss::float_minheap_array_t best{20, 1, ids.data(), scores.data()};
  faiss::knn_inner_product(queries.data(), queries.data(), 8, 20, 20, &best);
  EXPECT_EQ(::dlsym(RTLD_DEFAULT, "sgemm_"), nullptr);
  (void)torch_plugin();
  EXPECT_EQ(::dlsym(RTLD_DEFAULT, "sgemm_"), nullptr);
}

}  // namespace
}  // namespace tandem
