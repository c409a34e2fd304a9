#include "generator/prefix_cache.h"

#include <limits>
#include <utility>

#include "model/kernels/attention.h"

namespace tandem {
namespace {

constexpr std::size_t kBlock = kernels::kBlockPositions;

}  // namespace

struct PrefixCache::Node {
  Node* parent = nullptr;
  std::vector<TokenId> tokens;  // of the edge that leads here
  KvBlock block = -1;
  std::uint64_t used_at = 0;
  std::map<std::vector<TokenId>, std::unique_ptr<Node>> children;
};

PrefixCache::PrefixCache(KvPool& pool) : pool_(pool), root_(std::make_unique<Node>()) {}

// Leaf by leaf: a path may be as long as a context, too long to be freed by recursion.
PrefixCache::~PrefixCache() {
  evict(std::numeric_limits<std::size_t>::max());
}

std::vector<KvBlock> PrefixCache::find(std::span<const TokenId> tokens) {
  std::vector<KvBlock> blocks;
  ++clock_;
  Node* node = root_.get();
  for (; tokens.size() >= kBlock; tokens = tokens.subspan(kBlock)) {
    const auto child = node->children.find({tokens.begin(), tokens.begin() + kBlock});
    if (child == node->children.end()) break;
    node = child->second.get();
    node->used_at = clock_;
    blocks.push_back(node->block);
  }
  return blocks;
}

void PrefixCache::insert(std::span<const TokenId> tokens, std::span<const KvBlock> blocks) {
  ++clock_;
  Node* node = root_.get();
  for (const KvBlock block : blocks) {
    if (tokens.size() < kBlock) return;
    std::vector<TokenId> edge(tokens.begin(), tokens.begin() + kBlock);
    auto& child = node->children[edge];
    if (child == nullptr) {
      child = std::make_unique<Node>();
      child->parent = node;
      child->tokens = std::move(edge);
      child->block = block;
      pool_.share(block);
      ++size_;
    }
    node = child.get();
    node->used_at = clock_;
    tokens = tokens.subspan(kBlock);
  }
}

// A walk over the whole tree: it has at most as many nodes as the pool has blocks, some thousands,
// and is only walked when the pool is full.
PrefixCache::Node* PrefixCache::oldest_leaf() const {
  Node* oldest = nullptr;
  std::vector<Node*> open = {root_.get()};
  while (!open.empty()) {
    Node* const node = open.back();
    open.pop_back();
    for (const auto& [edge, child] : node->children) open.push_back(child.get());
    if (node->children.empty() && node != root_.get() &&
        (oldest == nullptr || node->used_at < oldest->used_at))
      oldest = node;
  }
  return oldest;
}

std::size_t PrefixCache::evict(std::size_t count) {
  std::size_t freed = 0;
  while (freed < count) {
    Node* const leaf = oldest_leaf();
    if (leaf == nullptr) break;
    if (pool_.users(leaf->block) == 1) ++freed;
    pool_.drop(leaf->block);
    leaf->parent->children.erase(std::vector<TokenId>(leaf->tokens));
    --size_;
  }
  return freed;
}

}  // namespace tandem
