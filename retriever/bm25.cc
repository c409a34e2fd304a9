#include "retriever/bm25.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "retriever/top_passages.h"
#include "store/postings.h"

namespace tandem {
namespace {

// Where no more passages of a bucket are eligible than this, each is looked up in every list.
constexpr std::size_t kFewEligible = 64;
// Bounds are sums of floats in another order than scores; this is more than both can round.
constexpr float kBoundSlack = 1.00001f;

// A bit for each passage of a bucket.
class BucketBits {
 public:
  void fill(bool value) { words_.fill(value ? ~std::uint64_t{0} : 0); }
  void set(std::size_t offset) { words_[offset / 64] |= std::uint64_t{1} << offset % 64; }
  void clear(std::size_t offset) { words_[offset / 64] &= ~(std::uint64_t{1} << offset % 64); }
  bool test(std::size_t offset) const { return (words_[offset / 64] >> offset % 64 & 1) != 0; }
  void intersect(const BucketBits& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  }
  std::size_t count() const {
    std::size_t sum = 0;
    for (const std::uint64_t word : words_) sum += static_cast<std::size_t>(std::popcount(word));
    return sum;
  }
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
        visit(i * 64 + static_cast<std::size_t>(std::countr_zero(word)));
      }
    }
  }

 private:
  std::array<std::uint64_t, kBucketSize / 64> words_{};
};

// One term's way through its buckets.
struct Cursor {
  const Bm25Term* term;
  float weight;          // idf included
  std::size_t next = 0;  // in term->postings->buckets

  std::uint32_t bucket() const {
    const auto& buckets = term->postings->buckets;
    return next < buckets.size() ? buckets[next].number : std::numeric_limits<std::uint32_t>::max();
  }
  PostingList list() const {
    const TermPostings& postings = *term->postings;
    return PostingList(postings.bytes_of(postings.buckets[next]));
  }
};

// A term in the bucket that is looked at.
struct ListHere {
  PostingList postings;
  float weight;
  float bound;       // of what it adds to a score
  float bound_upto;  // the sum of the bounds of this one and of all before it
};

struct Candidate {
  std::uint16_t offset;
  float score;
};

class Bm25Search {
 public:
  Bm25Search(const PostingsSnapshot& snapshot, std::span<const Bm25Term> terms, std::size_t k,
             const PassageSet* allowed, const Bm25Parameters& parameters)
      : allowed_(allowed), best_(k) {
    const auto passages = static_cast<float>(snapshot.passage_count);
    const float average = static_cast<float>(snapshot.total_length) / passages;
    base_ = parameters.k1 * (1 - parameters.b);
    slope_ = average > 0 ? parameters.k1 * parameters.b / average : 0;
    for (const Bm25Term& term : terms) {
      const auto n = static_cast<float>(term.passage_count > 0 ? term.passage_count
                                                               : term.postings->passage_count);
      const float idf = std::log1p(std::max(passages - n, 0.0f) / (n + 0.5f) + 0.5f / (n + 0.5f));
      cursors_.push_back({&term, term.weight * idf});
    }
  }

  std::vector<ScoredPassage> run() {
    constexpr auto kEnd = std::numeric_limits<std::uint32_t>::max();
    while (true) {
      std::uint32_t bucket = kEnd;
      for (const Cursor& cursor : cursors_) {
        if (cursor.weight > 0) bucket = std::min(bucket, cursor.bucket());
      }
      if (bucket == kEnd) break;
      for (Cursor& cursor : cursors_) {
        while (cursor.bucket() < bucket) ++cursor.next;
      }
      search_bucket(bucket);
      for (Cursor& cursor : cursors_) cursor.next += cursor.bucket() == bucket ? 1 : 0;
    }
    return best_.take();
  }

 private:
  // What a passage must exceed.
  float threshold() const { return best_.is_full() ? best_.least_score() : 0; }

  float score(float weight, std::uint16_t count, std::uint16_t length) const {
    const auto tf = static_cast<float>(count);
    return weight * tf / (tf + base_ + slope_ * static_cast<float>(length));
  }

  float bound_of(const PostingList& list, float weight) const {
    const PostingBound& bound = list.bound();
    float most = 0;
    for (std::size_t i = 0; i < bound.min_length.size(); ++i) {
      const auto count = static_cast<std::uint16_t>(i < 3 ? i + 1 : bound.max_count);
      // A length of kNone may also be one that was cut to it; counting it costs nothing.
      if (count <= bound.max_count) {
        most = std::max(most, score(weight, count, bound.min_length[i]));
      }
    }
    return most * kBoundSlack;
  }

  void search_bucket(std::uint32_t bucket) {
    lists_.clear();
    bool restricted = allowed_ != nullptr;
    for (const Cursor& cursor : cursors_) {
      restricted |= cursor.term->required || cursor.term->excluded;
      if (cursor.bucket() != bucket) {
        if (cursor.term->required) return;
        continue;
      }
      if (cursor.weight <= 0) continue;
      const PostingList list = cursor.list();
      lists_.push_back({list, cursor.weight, bound_of(list, cursor.weight), 0});
    }
    std::sort(lists_.begin(), lists_.end(),
              [](const ListHere& a, const ListHere& b) { return a.bound < b.bound; });
    float sum = 0;
    for (ListHere& list : lists_) list.bound_upto = sum += list.bound;
    if (sum <= threshold()) return;

    candidates_.clear();
    std::size_t looked_up = 0;  // lists from the first on that are only looked up
    const std::size_t eligible = restricted ? find_eligible(bucket) : kBucketSize;
    if (eligible == 0) return;
    if (eligible <= kFewEligible) {
      eligible_.for_each([&](std::size_t offset) {
        candidates_.push_back({static_cast<std::uint16_t>(offset), 0});
      });
      looked_up = lists_.size();
    } else {
      while (looked_up < lists_.size() && lists_[looked_up].bound_upto <= threshold()) ++looked_up;
      add_up(looked_up, restricted);
    }
    for (std::size_t i = looked_up; i-- > 0;) look_up(lists_[i]);
    const PassageId first = PassageId{bucket} << kBucketBits;
    for (const Candidate& candidate : candidates_) {
      if (candidate.score <= threshold()) continue;
      best_.offer(first + candidate.offset, candidate.score);
    }
  }

  // Fills eligible_ and returns how many there are.
  std::size_t find_eligible(std::uint32_t bucket) {
    eligible_.fill(allowed_ == nullptr);
    if (allowed_ != nullptr) {
      const PassageId begin = PassageId{bucket} << kBucketBits;
      const PassageId end = begin + kBucketSize;
      const auto ranges = allowed_->ranges();
      auto range = std::partition_point(ranges.begin(), ranges.end(),
                                        [&](const PassageRange& r) { return r.end <= begin; });
      for (; range != ranges.end() && range->begin < end; ++range) {
        const PassageId last = std::min(range->end, end);
        for (PassageId id = std::max(range->begin, begin); id < last; ++id) {
          eligible_.set(static_cast<std::size_t>(id - begin));
        }
      }
    }
    for (const Cursor& cursor : cursors_) {
      if (cursor.bucket() != bucket) continue;
      if (cursor.term->required) {
        BucketBits holders;
        for_each_posting(cursor.list(), [&](std::size_t offset) { holders.set(offset); });
        eligible_.intersect(holders);
      } else if (cursor.term->excluded) {
        for_each_posting(cursor.list(), [&](std::size_t offset) { eligible_.clear(offset); });
      }
    }
    return eligible_.count();
  }

  template <typename Visit>
  void for_each_posting(const PostingList& list, const Visit& visit) {
    for (std::size_t i = 0; i < list.block_count(); ++i) {
      list.decode(i, block_);
      for (std::size_t j = 0; j < block_.size; ++j) visit(block_.offsets[j]);
    }
  }

  // Adds up the lists from `first` on and keeps as candidates what the others may still lift far
  // enough.
  void add_up(std::size_t first, bool restricted) {
    scores_.fill(0);
    touched_.fill(false);
    for (std::size_t i = first; i < lists_.size(); ++i) {
      const ListHere& list = lists_[i];
      for (std::size_t block = 0; block < list.postings.block_count(); ++block) {
        list.postings.decode(block, block_);
        for (std::size_t j = 0; j < block_.size; ++j) {
          scores_[block_.offsets[j]] += score(list.weight, block_.counts[j], block_.lengths[j]);
          touched_.set(block_.offsets[j]);
        }
      }
    }
    const float others = first > 0 ? lists_[first - 1].bound_upto : 0;
    const float least = std::max(threshold() - others, 0.0f);
    if (restricted) touched_.intersect(eligible_);
    touched_.for_each([&](std::size_t offset) {
      if (scores_[offset] > least) {
        candidates_.push_back({static_cast<std::uint16_t>(offset), scores_[offset]});
      }
    });
  }

  // Adds what `list` gives to the candidates, after dropping those for which it is too late.
  void look_up(const ListHere& list) {
    std::erase_if(candidates_, [&](const Candidate& candidate) {
      return candidate.score + list.bound_upto <= threshold();
    });
    std::size_t decoded = SIZE_MAX;
    for (Candidate& candidate : candidates_) {
      const std::size_t block = list.postings.find_block(candidate.offset);
      if (block >= list.postings.block_count()) break;
      if (block != decoded) list.postings.decode(decoded = block, block_);
      const std::uint16_t* begin = block_.offsets.data();
      const std::uint16_t* end = begin + block_.size;
      const std::uint16_t* found = std::lower_bound(begin, end, candidate.offset);
      if (found == end || *found != candidate.offset) continue;
      const auto place = static_cast<std::size_t>(found - begin);
      candidate.score += score(list.weight, block_.counts[place], block_.lengths[place]);
    }
  }

  const PassageSet* allowed_;
  float base_ = 0;   // k1 * (1 - b)
  float slope_ = 0;  // k1 * b / average length
  std::vector<Cursor> cursors_;
  TopPassages best_;
  // Of the bucket that is looked at.
  std::vector<ListHere> lists_;  // by growing bound
  std::vector<Candidate> candidates_;
  BucketBits eligible_;
  std::array<float, kBucketSize> scores_;
  BucketBits touched_;  // where scores_ is above 0
  PostingBlock block_;
};

}  // namespace

std::vector<ScoredPassage> search_bm25(const PostingsSnapshot& snapshot,
                                       std::span<const Bm25Term> terms, std::size_t k,
                                       const PassageSet* allowed,
                                       const Bm25Parameters& parameters) {
  if (k == 0 || snapshot.passage_count == 0) return {};
  return Bm25Search(snapshot, terms, k, allowed, parameters).run();
}

}  // namespace tandem
