// Makes the graph of a segment (neighbour_graph.h) out of its vectors, through FAISS.
#ifndef TANDEM_RETRIEVER_GRAPH_BUILDER_H_
#define TANDEM_RETRIEVER_GRAPH_BUILDER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "retriever/sealed_rows.h"

namespace tandem {

// Links of a row.
inline constexpr std::size_t kGraphDegree = 32;

// [rows, kGraphDegree]. `stop` is asked every few thousand rows; throws BuildStopped. Takes as much
// memory as the graph three times, and all threads that OpenMP has.
std::vector<std::uint32_t> build_graph(const SealedRows& rows, const std::function<bool()>& stop);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_GRAPH_BUILDER_H_
