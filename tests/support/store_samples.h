// Small documents for tests of the store and of what is built on it.
#ifndef TANDEM_TESTS_SUPPORT_STORE_SAMPLES_H_
#define TANDEM_TESTS_SUPPORT_STORE_SAMPLES_H_

#include <string>
#include <vector>

#include "store/store.h"

namespace tandem::testing {

inline constexpr std::uint32_t kSampleDimension = 4;

struct Sample {
  Document document;
  std::vector<Passage> passages;
  std::vector<float> vectors;  // [passages, kSampleDimension]
  std::vector<PassageTerms> terms;
};

inline StoreSettings sample_settings(const std::string& encoder_id = "encoder-1") {
  StoreSettings settings;
  settings.encoder_path = "models/encoder";
  settings.encoder_id = encoder_id;
  settings.dimension = kSampleDimension;
  return settings;
}

// Every text and number in it depends on `id`, `version` and the ordinal.
inline Sample make_sample(const std::string& id, int version, std::uint32_t passage_count,
                          const std::string& collection = kDefaultCollection) {
  Sample sample;
  const std::string name = id + " v" + std::to_string(version);
  sample.document.id = id;
  sample.document.collection = collection;
  sample.document.title = "Title of " + name;
  sample.document.source = id + ".txt";
  sample.document.media_type = "text/plain";
  sample.document.digest = "digest of " + name;
  sample.document.created_at_unix_s = 1'700'000'000 + version;
  for (std::uint32_t i = 0; i < passage_count; ++i) {
    Passage passage;
    passage.heading_path = "Part " + std::to_string(i);
    passage.text = "Passage " + std::to_string(i) + " of " + name + ".";
    passage.begin = sample.document.text.size();
    passage.end = passage.begin + passage.text.size();
    passage.page = i + 1;
    sample.document.text += passage.text + "\n";
    sample.passages.push_back(passage);
    const auto ordinal = "part" + std::to_string(i);
    const auto seventh = "v" + std::to_string(version % 7);
    sample.terms.push_back({5 + i, {{"passage", 1}, {ordinal, 1 + i}, {seventh, 3}}});
    for (std::uint32_t d = 0; d < kSampleDimension; ++d) {
      sample.vectors.push_back(static_cast<float>(version * 100) + static_cast<float>(i) +
                               0.25f * static_cast<float>(d));
    }
  }
  return sample;
}

inline StoreChange put(Store& store, const Sample& sample) {
  return store.put_document(sample.document, sample.passages, sample.vectors, sample.terms);
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_STORE_SAMPLES_H_
