#include "generator/passage_order.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

using Ids = std::vector<PassageId>;

std::vector<Hit> hits_of(const Ids& ids) {
  std::vector<Hit> hits;
  for (const PassageId id : ids) hits.emplace_back().passage.id = id;
  return hits;
}

Ids arranged(const RecentOrders& orders, const Ids& ids) {
  std::vector<Hit> hits = hits_of(ids);
  orders.arrange(hits);
  Ids result;
  for (const Hit& hit : hits) result.push_back(hit.passage.id);
  return result;
}

TEST(RecentOrdersTest, TheLongestKnownBeginningComesFirst) {
  RecentOrders orders;
  for (const Ids& ids : {Ids{1, 2, 3, 4}, Ids{1, 2, 5}, Ids{3, 1}}) orders.remember(hits_of(ids));
  EXPECT_EQ(arranged(orders, {3, 2, 9, 1}), (Ids{1, 2, 3, 9}));
  EXPECT_EQ(arranged(orders, {5, 2, 1, 4}), (Ids{1, 2, 5, 4}));
  EXPECT_EQ(arranged(orders, {1, 9, 3}), (Ids{3, 1, 9}));
  // 2 stands in no beginning without 1.
  EXPECT_EQ(arranged(orders, {9, 2, 8}), (Ids{9, 2, 8}));
  EXPECT_EQ(arranged(orders, {}), Ids{});
}

TEST(RecentOrdersTest, OfEqualBeginningsTheLatestWins) {
  RecentOrders orders;
  orders.remember(hits_of({1, 2, 3}));
  orders.remember(hits_of({2, 1, 4}));
  EXPECT_EQ(arranged(orders, {1, 2}), (Ids{2, 1}));
  orders.remember(hits_of({1, 2, 3}));
  EXPECT_EQ(arranged(orders, {1, 2}), (Ids{1, 2}));
}

TEST(RecentOrdersTest, ForgetsTheOldest) {
  RecentOrders orders(2);
  orders.remember(hits_of({2, 1}));
  orders.remember(hits_of({3}));
  orders.remember(hits_of({4}));
  EXPECT_EQ(arranged(orders, {1, 2}), (Ids{1, 2}));
}

}  // namespace
}  // namespace tandem
