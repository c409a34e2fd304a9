#include "store/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"
#include "store/database.h"
#include "store/format.h"
#include "store/postings.h"
#include "store/release_check.h"
#include "store/store.h"
#include "store/store_folder.h"

namespace tandem {
namespace {

std::string_view view(const rocksdb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

// A document and the passages that it claims.
struct Claim {
  std::uint32_t collection = 0;
  std::string document_id;
  PassageId first = 0;
  std::uint32_t count = 0;
};

// Byte offsets of code points in one text, quick where they are asked for in growing order.
class Offsets {
 public:
  explicit Offsets(std::string_view text) : text_(text) {}

  std::size_t byte_of(std::size_t code_points) {
    if (code_points < code_points_) byte_ = code_points_ = 0;
    byte_ += byte_offset(text_.substr(byte_), code_points - code_points_);
    code_points_ = code_points;
    return byte_;
  }

 private:
  std::string_view text_;
  std::size_t code_points_ = 0;
  std::size_t byte_ = 0;
};

// Postings in any order, so that those of two families can be compared without keeping them.
struct PostingSum {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;

  void add(std::string_view term, PassageId id, std::uint16_t times, std::uint16_t length) {
    std::uint64_t hash = std::hash<std::string_view>()(term);
    for (const std::uint64_t value : {id, std::uint64_t{times}, std::uint64_t{length}}) {
      hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
      hash ^= hash >> 29;
    }
    ++count;
    sum += hash;
  }
  bool operator==(const PostingSum&) const = default;
};

// A method for each family, which reads it once and in order. Documents come first: they say what
// passages and vectors there should be, so that these can be held against them as they come by.
class Checker {
 public:
  explicit Checker(const std::filesystem::path& folder)
      : folder_(folder), database_(folder / "db", true) {}

  StoreCheck run() {
    read_meta();
    check_releases(folder_, releases_, check_.problems);
    check_collections();
    check_documents();
    check_texts();
    check_passages();
    check_vectors();
    check_tombstones();
    check_terms();
    check_postings();
    check_counts();
    return std::move(check_);
  }

 private:
  // Calls visit(key, value) for all of a family. An Error that it throws is a problem of that
  // record; `name` says what the family holds.
  void for_each(Family family, std::string_view name,
                const std::function<void(std::string_view, std::string_view)>& visit) {
    if (database_.family(family) == nullptr) return;  // of an older store
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    options.readahead_size = 1u << 20;
    const std::unique_ptr<rocksdb::Iterator> it(
        database_.db().NewIterator(options, database_.family(family)));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      try {
        visit(view(it->key()), view(it->value()));
      } catch (const Error& error) {
        problem("a record of the {} cannot be read: {}", name, error.message());
      }
    }
    if (!it->status().ok()) {
      problem("the {} cannot be read to their end: {}", name, it->status().ToString());
    }
  }

  std::optional<std::string> get(Family family, std::string_view key) {
    std::string value;
    const auto status = database_.db().Get({}, database_.family(family),
                                           rocksdb::Slice(key.data(), key.size()), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) throw_status(status, "cannot read from the store");
    return value;
  }

  template <typename... Args>
  void problem(fmt::format_string<Args...> format, Args&&... args) {
    check_.problems.add(fmt::format(format, std::forward<Args>(args)...));
  }

  std::string name_of(const Claim& claim) const {
    const auto found = names_.find(claim.collection);
    return fmt::format("document {} of collection {}", claim.document_id,
                       found == names_.end() ? std::to_string(claim.collection) : found->second);
  }

  void read_meta() {
    for_each(Family::kMeta, "settings", [&](std::string_view key, std::string_view value) {
      if (key == format::kSettingsKey) releases_.settings = format::decode_settings(value);
      if (key == format::kIdentityKey) format::decode_identity(value);
      if (key == format::kNextPassageKey) next_passage_ = format::decode_counter(value);
      if (key == format::kReleasesKey) releases_.numbers = format::decode_releases(value);
    });
    for_each(Family::kReleases, "releases", [&](std::string_view key, std::string_view value) {
      const std::uint32_t number = format::number_of_key(key);
      releases_.releases[number] = format::decode_release(value);
      releases_.releases[number].number = number;
    });
    for_each(Family::kVectorSets, "sets of vectors",
             [&](std::string_view key, std::string_view value) {
               releases_.sets[format::number_of_key(key)] = format::decode_vector_set(value);
             });
    if (releases_.sets.empty()) {
      const StoreSettings& settings = releases_.settings;
      releases_.sets[0] = {0, settings.encoder_id, settings.dimension, UINT64_MAX};
    }
    check_.releases = std::max<std::uint64_t>(releases_.releases.size(), 1);
  }

  void check_collections() {
    for_each(
        Family::kCollections, "collections", [&](std::string_view key, std::string_view value) {
          const auto record = format::decode_collection(value);
          check_collection_name(key);
          if (!names_.emplace(record.number, key).second) {
            problem("the collections {} and {} have the same number", names_[record.number], key);
          }
          said_[record.number] = record;
        });
    check_.collections = names_.size();
  }

  void check_documents() {
    for_each(Family::kDocuments, "documents", [&](std::string_view key, std::string_view value) {
      Claim claim{format::collection_of_key(key), format::document_id_of_key(key), 0, 0};
      const auto record = format::decode_document(value);
      claim.first = record.first_passage;
      claim.count = record.passage_count;
      if (claim.first + claim.count < claim.first) {
        problem("the {} claims passages with impossible ids", name_of(claim));
        claim.count = 0;
      }
      if (!names_.contains(claim.collection)) {
        problem("the {} belongs to no collection", name_of(claim));
      }
      if (!get(Family::kTexts, key)) problem("the text of {} is missing", name_of(claim));
      ++check_.documents;
      ++seen_[claim.collection].document_count;
      seen_[claim.collection].passage_count += claim.count;
      claims_.push_back(std::move(claim));
    });
    std::sort(claims_.begin(), claims_.end(),
              [](const Claim& a, const Claim& b) { return a.first < b.first; });
    PassageId free = 1;  // no id from here on was claimed yet
    const Claim* before = nullptr;
    for (const Claim& claim : claims_) {
      if (claim.count == 0) continue;
      if (claim.first < free) {
        problem("the {} claims passages of the {}", name_of(claim),
                before == nullptr ? "document before the first" : name_of(*before));
      }
      if (claim.first + claim.count > next_passage_) {
        problem("the {} claims passages with ids that were not given yet", name_of(claim));
      }
      free = std::max(free, claim.first + claim.count);
      before = &claim;
    }
  }

  void check_texts() {
    std::uint64_t count = 0;
    for_each(Family::kTexts, "texts of documents", [&](std::string_view, std::string_view value) {
      ++count;
      format::decode_text(value);
    });
    if (count > check_.documents) {
      problem("{} texts belong to no document", count - check_.documents);
    }
  }

  void check_passages() {
    // The passages of a document follow each other, so its text is fetched once.
    const Claim* current = nullptr;
    std::string text;
    Offsets begins(text);
    PassageId expected = 0;
    const auto finish = [&] {
      if (current != nullptr && expected < current->first + current->count) {
        problem("{} of the {} passages of the {} are missing",
                current->first + current->count - expected, current->count, name_of(*current));
      }
    };
    std::size_t next = 0;  // of claims_
    for_each(Family::kPassages, "passages", [&](std::string_view key, std::string_view value) {
      ++check_.passages;
      const PassageId id = format::passage_of_passage_key(key);
      while (current == nullptr || id >= current->first + current->count) {
        if (next == claims_.size() || claims_[next].first > id) break;
        finish();
        current = &claims_[next++];
        expected = current->first;
        const auto found =
            get(Family::kTexts, format::document_key(current->collection, current->document_id));
        text = found ? format::decode_text(*found) : "";
        begins = Offsets(text);
      }
      if (current == nullptr || id < current->first || id >= current->first + current->count) {
        problem("the passage {} belongs to no document", id);
        return;
      }
      ++expected;
      const auto record = format::decode_passage(value);
      const Passage& passage = record.passage;
      if (record.collection != current->collection || passage.document_id != current->document_id ||
          passage.ordinal != id - current->first) {
        problem("the passage {} says that it belongs elsewhere than to the {}", id,
                name_of(*current));
      }
      const std::size_t begin = begins.byte_of(passage.begin);
      if (text.compare(begin, passage.text.size(), passage.text) != 0 ||
          count_code_points(passage.text) != passage.end - passage.begin) {
        problem("the passage {} is not what the text of the {} has in its place", id,
                name_of(*current));
      }
    });
    finish();
    for (; next < claims_.size(); ++next) {
      if (claims_[next].count > 0) {
        problem("the passages of the {} are missing", name_of(claims_[next]));
      }
    }
  }

  void check_vectors() {
    std::map<std::uint32_t, std::map<std::uint32_t, std::uint64_t>> counts;  // of set, collection
    for_each(Family::kVectors, "vectors", [&](std::string_view key, std::string_view value) {
      check_vector(0, key, value, counts[0]);
    });
    for_each(Family::kMoreVectors, "vectors", [&](std::string_view key, std::string_view value) {
      const std::string_view place = format::key_within_set(key);
      const std::uint32_t set = format::number_of_key(key.substr(0, key.size() - place.size()));
      check_vector(set, place, value, counts[set]);
    });
    for (const auto& [number, set] : releases_.sets) {
      std::map<std::uint32_t, std::uint64_t> expected;
      for (const Claim& claim : claims_) {
        if (claim.count == 0 || claim.first > set.known_up_to) continue;
        expected[claim.collection] +=
            std::min<std::uint64_t>(claim.count, set.known_up_to - claim.first + 1);
      }
      for (const auto& [collection, count] : expected) {
        if (counts[number][collection] >= count) continue;
        problem("{} passages of collection {} have no vector{}", count - counts[number][collection],
                names_[collection], of_set(number));
      }
    }
  }

  void check_vector(std::uint32_t number, std::string_view key, std::string_view value,
                    std::map<std::uint32_t, std::uint64_t>& counts) {
    ++check_.vectors;
    const std::uint32_t collection = format::collection_of_key(key);
    const PassageId id = format::passage_of_key(key);
    ++counts[collection];
    const auto set = releases_.sets.find(number);
    if (set == releases_.sets.end() || id > set->second.known_up_to) {
      problem("the vector of the passage {}{} should not be there", id, of_set(number));
      return;
    }
    std::vector<float> vector(set->second.dimension);
    format::decode_vector(value, vector);
    if (!std::all_of(vector.begin(), vector.end(), [](float x) { return std::isfinite(x); })) {
      problem("the vector of the passage {}{} has a value that is not a number", id,
              of_set(number));
    }
    const Claim* const claim = claim_of(id);
    if (claim == nullptr || claim->collection != collection) {
      problem("the vector of the passage {}{} belongs to no document", id, of_set(number));
    }
  }

  static std::string of_set(std::uint32_t set) {
    return set == 0 ? "" : fmt::format(" in the set {}", set);
  }

  void check_tombstones() {
    for_each(Family::kTombstones, "tombstones", [&](std::string_view key, std::string_view value) {
      const PassageId first = format::passage_of_key(key);
      const PassageId end = first + format::decode_tombstone(value);
      if (end > next_passage_) {
        problem("the tombstone of the passage {} covers ids that were not given yet", first);
      }
      auto claim = std::lower_bound(claims_.begin(), claims_.end(), end,
                                    [](const Claim& c, PassageId x) { return c.first < x; });
      while (claim != claims_.begin() && (claim - 1)->count == 0) --claim;
      if (claim != claims_.begin() && (claim - 1)->first + (claim - 1)->count > first) {
        problem("the tombstone of the passage {} covers passages of the {}", first,
                name_of(*(claim - 1)));
      }
    });
  }

  void check_terms() {
    for_each(Family::kTerms, "terms", [&](std::string_view key, std::string_view value) {
      const std::uint32_t collection = format::collection_of_key(key);
      const PassageId id = format::passage_of_key(key);
      const PassageTerms terms = format::decode_terms(value);
      const Claim* const claim = claim_of(id);
      if (claim == nullptr || claim->collection != collection) {
        problem("the terms of the passage {} belong to no document", id);
      }
      format::CollectionRecord& seen = seen_[collection];
      ++seen.passages_with_terms;
      seen.total_length += terms.length;
      for (const TermCount& term : terms.counts) {
        words_[collection].add(term.term, id, clipped(term.count), clipped(terms.length));
      }
    });
  }

  void check_postings() {
    std::map<std::uint32_t, PostingSum> sums;
    PostingBlock block;
    for_each(Family::kPostings, "postings", [&](std::string_view key, std::string_view value) {
      const std::uint32_t collection = format::collection_of_key(key);
      const std::size_t end = key.find('\0', sizeof collection);
      if (end == std::string_view::npos) {
        problem("a key of the postings has no term");
        return;
      }
      const std::string_view term = key.substr(sizeof collection, end - sizeof collection);
      const std::uint32_t bucket =
          format::bucket_of_key(key, format::postings_prefix(collection, term));
      const PostingList postings(value);
      for (std::size_t i = 0; i < postings.block_count(); ++i) {
        postings.decode(i, block);
        for (std::size_t k = 0; k < block.size; ++k) {
          sums[collection].add(term, PassageId{bucket} * kBucketSize + block.offsets[k],
                               block.counts[k], block.lengths[k]);
        }
      }
    });
    for (const auto& [number, name] : names_) {
      if (sums[number] != words_[number]) {
        problem("the postings of collection {} are not those of its {} terms: they are {}", name,
                words_[number].count, sums[number].count);
      }
    }
  }

  // Postings above this are written as this.
  static std::uint16_t clipped(std::uint32_t value) {
    return static_cast<std::uint16_t>(std::min<std::uint32_t>(value, 0xFFFF));
  }

  // Whose passage it is; null if nobody's.
  const Claim* claim_of(PassageId id) const {
    // The last claim that begins at or before the id. Documents without passages claim nothing, but
    // begin somewhere too.
    auto claim = std::upper_bound(claims_.begin(), claims_.end(), id,
                                  [](PassageId x, const Claim& c) { return x < c.first; });
    while (claim != claims_.begin() && (claim - 1)->count == 0) --claim;
    if (claim == claims_.begin() || id >= (claim - 1)->first + (claim - 1)->count) return nullptr;
    return &*(claim - 1);
  }

  void check_counts() {
    for (const auto& [number, said] : said_) {
      const format::CollectionRecord& seen = seen_[number];
      if (said.document_count != seen.document_count || said.passage_count != seen.passage_count) {
        problem("the collection {} counts {} documents and {} passages, and has {} and {}",
                names_[number], said.document_count, said.passage_count, seen.document_count,
                seen.passage_count);
      }
      if (said.passages_with_terms != seen.passages_with_terms ||
          said.total_length != seen.total_length) {
        problem("the collection {} counts {} terms in {} passages, and has {} in {}",
                names_[number], said.total_length, said.passages_with_terms, seen.total_length,
                seen.passages_with_terms);
      }
    }
  }

  const std::filesystem::path folder_;
  const Database database_;
  StoreCheck check_;
  ReleaseRecords releases_;
  PassageId next_passage_ = 1;
  std::map<std::uint32_t, std::string> names_;
  std::map<std::uint32_t, format::CollectionRecord> said_;  // what collections say they have
  std::map<std::uint32_t, format::CollectionRecord> seen_;  // what documents add up to
  std::vector<Claim> claims_;                               // by first passage
  std::map<std::uint32_t, PostingSum> words_;               // of the terms of collections
};

}  // namespace

StoreCheck check_store(const std::filesystem::path& folder) {
  prepare_store_folder(folder, {.read_only = true});
  return Checker(folder).run();
}

}  // namespace tandem
