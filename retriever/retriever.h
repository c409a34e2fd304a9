// A question in, passages out.
#ifndef TANDEM_RETRIEVER_RETRIEVER_H_
#define TANDEM_RETRIEVER_RETRIEVER_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "retriever/attribute_index.h"
#include "retriever/dense_index.h"
#include "retriever/encoder.h"
#include "retriever/filter.h"
#include "store/store.h"

namespace tandem {

struct SearchOptions {
  std::string collection = kDefaultCollection;
  std::size_t limit = 5;
  // Only passages of documents that it selects are searched: as many hits come back as without it,
  // if it leaves as many.
  std::optional<Filter> filter = std::nullopt;
};

struct Hit {
  Passage passage;
  float score = 0;
};

// Borrows its parts, which must outlive it. search() may be called from any thread.
class Retriever {
 public:
  Retriever(const Store& store, const DenseIndex& index, const AttributeIndex& attributes,
            const Encoder& encoder);

  // Best first. Throws kInvalidArgument for an empty query or a limit of 0, kNotFound for a
  // collection that does not exist.
  std::vector<Hit> search(std::string_view query, const SearchOptions& options) const;

 private:
  const Store& store_;
  const DenseIndex& index_;
  const AttributeIndex& attributes_;
  const Encoder& encoder_;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_RETRIEVER_H_
