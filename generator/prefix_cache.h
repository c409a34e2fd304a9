// Keys and values of prompts that were computed before, found again by their tokens.
//
// A tree whose edges are blocks of 32 tokens: requests that begin alike (system prompt, the same
// passages, a conversation that goes on) share the path of their common beginning and compute only
// the rest. A node is only ever made of tokens computed as a prompt, so that a request gets the
// same text whether its beginning was found or computed.
#ifndef TANDEM_GENERATOR_PREFIX_CACHE_H_
#define TANDEM_GENERATOR_PREFIX_CACHE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "model/kv_cache.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

// Used by one thread at a time. The pool must outlive it.
class PrefixCache {
 public:
  explicit PrefixCache(KvPool& pool);
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;
  ~PrefixCache();

  // The blocks of the longest known beginning of `tokens`, whole blocks only. They stay valid until
  // the next call of insert() or evict().
  std::vector<KvBlock> find(std::span<const TokenId> tokens);

  // Remembers the whole blocks of `tokens`, whose keys and values are in `blocks`.
  void insert(std::span<const TokenId> tokens, std::span<const KvBlock> blocks);

  // Forgets the ends of paths that were used longest ago, until `count` blocks of the pool have
  // become free or nothing is left to forget. Blocks that a sequence uses do not count.
  std::size_t evict(std::size_t count);

  std::size_t size() const { return size_; }  // blocks remembered

 private:
  struct Node;
  Node* oldest_leaf() const;

  KvPool& pool_;
  std::unique_ptr<Node> root_;
  std::uint64_t clock_ = 0;
  std::size_t size_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_PREFIX_CACHE_H_
