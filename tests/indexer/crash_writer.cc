// Indexes documents until it is killed: crash_writer STORE FIRST_STEP [switch]. Prints a line when
// it is ready and, flushed, the number of each step when the step was acknowledged. With "switch",
// it embeds the passages with another encoder meanwhile and switches to that, again and again.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "indexer/ingestor.h"
#include "indexer/reembedding.h"
#include "tests/indexer/crash_documents.h"

namespace tandem {
namespace {

void add_second_release(Store& store) {
  if (store.releases().size() > 1) return;
  const auto encoder = testing::crash_encoder(testing::kSecondEncoder);
  Release release;
  release.number = store.reserve_release();
  release.encoder_id = encoder->id();
  release.dimension = static_cast<std::uint32_t>(encoder->dimension());
  store.add_release(release);
}

[[noreturn]] void switch_for_ever(Store& store, Ingestor& ingestor,
                                  std::shared_ptr<DenseIndex> index) {
  while (true) {
    const auto live = store.live_release();
    for (const Release& release : store.releases()) {
      if (release.number == live->number) continue;
      const std::shared_ptr<const Encoder> encoder = testing::crash_encoder(release.encoder_id);
      complete_vectors(store, release.vectors, *encoder);
      ingestor.switch_target([&] {
        complete_vectors(store, release.vectors, *encoder);
        DenseIndexOptions options = testing::kCrashIndexOptions;
        options.vectors = release.vectors;
        std::shared_ptr<DenseIndex> next = DenseIndex::open(store, options);
        store.promote_release(release.number);
        index->retire();
        index = next;
        return IngestTarget{encoder, index};
      });
    }
  }
}

void write_for_ever(Ingestor& ingestor, int step) {
  const auto say = [](int number) {
    const std::string line = std::to_string(number) + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::exit(1);
  };
  say(-1);
  for (;; ++step) {
    const auto [document, remove] = testing::crash_step(step);
    const std::string id = testing::crash_document_id(document);
    if (remove) {
      ingestor.remove(kDefaultCollection, id);
    } else {
      IngestRequest request;
      request.bytes = testing::crash_text(document, step);
      request.source = id + ".txt";
      request.id = id;
      ingestor.ingest(request);
    }
    say(step);
  }
}

}  // namespace
}  // namespace tandem

int main(int argc, char** argv) {
  using namespace tandem;
  if (argc != 3 && argc != 4) return 2;
  const auto store = Store::open(argv[1]);
  std::string live = store->settings().encoder_id;
  if (live.empty()) live = testing::kFirstEncoder;
  const std::shared_ptr<DenseIndex> index = DenseIndex::open(*store, testing::kCrashIndexOptions);
  AttributeIndex attributes(*store);
  const TextAnalysis analysis;
  Ingestor ingestor(*store, IngestTarget{testing::crash_encoder(live), index}, attributes,
                    analysis);
  std::thread switching;
  if (argc == 4) {
    if (store->live_release()) add_second_release(*store);
    if (store->releases().size() > 1) {
      switching = std::thread([&] { switch_for_ever(*store, ingestor, index); });
    }
  }
  write_for_ever(ingestor, std::atoi(argv[2]));
}
