#include "generator/passage_order.h"

#include <algorithm>

namespace tandem {

void RecentOrders::arrange(std::vector<Hit>& hits) const {
  const auto find = [&](auto from, PassageId id) {
    return std::find_if(from, hits.end(), [id](const Hit& hit) { return hit.passage.id == id; });
  };
  const std::lock_guard lock(mutex_);
  const std::vector<PassageId>* longest = nullptr;
  std::size_t length = 0;
  for (const auto& order : orders_) {
    const auto end = std::find_if(order.begin(), order.end(), [&](PassageId id) {
      return find(hits.begin(), id) == hits.end();
    });
    const auto found = static_cast<std::size_t>(end - order.begin());
    if (found > length) {
      longest = &order;
      length = found;
    }
  }
  auto to = hits.begin();
  for (std::size_t i = 0; i < length; ++i, ++to) {
    const auto from = find(to, (*longest)[i]);
    std::rotate(to, from, from + 1);
  }
}

void RecentOrders::remember(const std::vector<Hit>& hits) {
  std::vector<PassageId> order;
  order.reserve(hits.size());
  for (const Hit& hit : hits) order.push_back(hit.passage.id);
  const std::lock_guard lock(mutex_);
  orders_.remove(order);
  orders_.push_front(std::move(order));
  if (orders_.size() > capacity_) orders_.pop_back();
}

}  // namespace tandem
