// Which passages a filter selects: attributes of a collection's documents, in memory.
//
// A cache of what the store says. It is made for a collection when the first filter over it is
// asked for, which reads the headers of its documents once, and kept up to date from then on. (Made
// when the store is opened, it would cost every start and every command what few of them use.)
#ifndef TANDEM_RETRIEVER_ATTRIBUTE_INDEX_H_
#define TANDEM_RETRIEVER_ATTRIBUTE_INDEX_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "retriever/filter.h"
#include "retriever/passage_set.h"
#include "store/store.h"

namespace tandem {

// Borrows the store, which must outlive it. All methods may be called from any thread. Changes must
// be told in the order in which the store made them, each before the next is made there; what was
// told is seen by every select() that starts later.
class AttributeIndex {
 public:
  explicit AttributeIndex(const Store& store);
  ~AttributeIndex();

  // What Store::put_document was given, and gave.
  void put(const Document& document, const StoreChange& change);
  // What Store::set_attributes or set_readers gave.
  void change(const Document& document);
  // What Store::delete_document gave.
  void remove(std::string_view collection, const StoreChange& change);

  // The passages of the documents that `filter` selects; none of an unknown collection. Repeated
  // filters cost nothing until the collection changes, new ones some nanoseconds for each document
  // and comparison.
  std::shared_ptr<const PassageSet> select(std::string_view collection, const Filter& filter) const;

 private:
  struct Snapshot;
  struct Collection;

  // The published state of a collection; null if no filter was asked of it yet.
  std::shared_ptr<const Snapshot> find(std::string_view collection) const;
  std::shared_ptr<const Snapshot> find_or_build(std::string_view collection) const;
  void publish(std::string_view collection, Snapshot snapshot) const;

  const Store& store_;
  // Held from looking at a snapshot to publishing the next one, and while one is made.
  mutable std::mutex write_mutex_;
  // Held only to look at, copy or swap what is in `collections_`.
  mutable std::mutex publish_mutex_;
  mutable std::map<std::string, Collection, std::less<>> collections_;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_ATTRIBUTE_INDEX_H_
