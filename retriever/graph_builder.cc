#include "retriever/graph_builder.h"

#include <faiss/IndexHNSW.h>
#include <faiss/impl/DistanceComputer.h>
#include <faiss/utils/distances.h>

#include <algorithm>

#include "base/error.h"
#include "retriever/neighbour_graph.h"

namespace tandem {
namespace {

using FaissId = faiss::Index::idx_t;

constexpr std::size_t kBlockRows = 4096;
// Rows that a new one looks at before it is linked to the best of them. FAISS's 40 make graphs in
// which searches must look at twice as many.
constexpr int kBreadth = 100;

// Vectors where they lie, as FAISS wants to be given them.
class Storage : public faiss::Index {
 public:
  explicit Storage(const SealedRows& rows)
      : Index(static_cast<FaissId>(rows.dimension()), faiss::METRIC_INNER_PRODUCT), rows_(rows) {}

  void add(FaissId count, const float* /*vectors*/) override { ntotal += count; }
  void reset() override { ntotal = 0; }
  void search(FaissId, const float*, FaissId, float*, FaissId*,
              const faiss::SearchParameters*) const override {
    TANDEM_CHECK(false);
  }
  faiss::DistanceComputer* get_distance_computer() const override { return new Products(rows_); }

 private:
  class Products : public faiss::DistanceComputer {
   public:
    explicit Products(const SealedRows& rows) : rows_(rows) {}
    void set_query(const float* query) override { query_ = query; }
    float operator()(FaissId row) override {
      return faiss::fvec_inner_product(query_, vector(row), rows_.dimension());
    }
    float symmetric_dis(FaissId a, FaissId b) override {
      return faiss::fvec_inner_product(vector(a), vector(b), rows_.dimension());
    }

   private:
    const float* vector(FaissId row) const { return rows_.vector(static_cast<std::size_t>(row)); }
    const SealedRows& rows_;
    const float* query_ = nullptr;
  };

  const SealedRows& rows_;
};

}  // namespace

std::vector<std::uint32_t> build_graph(const SealedRows& rows, const std::function<bool()>& stop) {
  Storage storage(rows);
  faiss::IndexHNSW index(&storage, static_cast<int>(kGraphDegree / 2));
  index.hnsw.efConstruction = kBreadth;
  for (std::size_t begin = 0; begin < rows.size(); begin += kBlockRows) {
    if (stop()) throw BuildStopped();
    index.add(static_cast<FaissId>(std::min(kBlockRows, rows.size() - begin)), rows.vector(begin));
  }
  std::vector<std::uint32_t> links(rows.size() * kGraphDegree, NeighbourGraph::kNone);
  TANDEM_CHECK(static_cast<std::size_t>(index.hnsw.nb_neighbors(0)) == kGraphDegree);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto* found = index.hnsw.neighbors.data() + index.hnsw.offsets[row];
    std::transform(found, found + kGraphDegree, &links[row * kGraphDegree], [](int link) {
      return link < 0 ? NeighbourGraph::kNone : static_cast<std::uint32_t>(link);
    });
  }
  return links;
}

}  // namespace tandem
