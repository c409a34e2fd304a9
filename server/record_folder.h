// A folder of records in the order of their coming, each found by its id.
//
// A record is a file SEQUENCE-ID.json, the sequence having 20 digits, of JSON with its "version".
// It is written at once. Its name alone says where it stands, so that opening the folder reads none
// of them.
#ifndef TANDEM_SERVER_RECORD_FOLDER_H_
#define TANDEM_SERVER_RECORD_FOLDER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

// The oldest go when there would be more. The newest stays, however large it is, unless there may
// be none.
struct RecordLimits {
  std::size_t count = SIZE_MAX;
  std::uint64_t bytes = UINT64_MAX;  // of all files
};

struct RecordPlace {
  std::uint64_t sequence = 0;
  std::string id;
};

// All methods may be called from any thread.
class RecordFolder {
 public:
  // Nothing is written where `read_only`, not even the folder, and add(), put() and remove() must
  // not be called. Files whose names are not those of records are passed over, and so are records
  // of another version, when they are read.
  RecordFolder(std::filesystem::path folder, int version, bool read_only, RecordLimits limits);

  // Puts it behind all others. Returns when it is on the disk. `id` is a part of a file's name and
  // not there yet. Throws kResourceExhausted for a full disk.
  void add(std::string_view id, const nlohmann::json& record);
  // The same at a place that is empty or has the same id, whose record it replaces.
  void put(const RecordPlace& place, const nlohmann::json& record);
  // Gives the record to `visit`. False if there is none, or no longer, and with a warning in the
  // log for a file that cannot be read or that `visit` throws at.
  bool read(std::string_view id, const std::function<void(nlohmann::json record)>& visit) const;
  // Whether there was one.
  bool remove(std::string_view id);

  std::size_t size() const;
  // That there ever was since the folder was opened; 0 if none.
  std::uint64_t last_sequence() const;
  std::vector<RecordPlace> places() const;  // by growing sequence
  // The first one, by their ids, that begins so.
  std::optional<RecordPlace> find_beginning(std::string_view beginning) const;
  // The newest one that ends so. Looks at all of them.
  std::optional<RecordPlace> find_ending(std::string_view ending) const;

 private:
  struct File {
    std::uint64_t sequence = 0;
    std::uint64_t size_bytes = 0;
  };
  std::filesystem::path path(const RecordPlace& place) const;
  void read_names(bool read_only);
  void put_locked(const RecordPlace& place, const nlohmann::json& record);
  void remove_locked(std::string_view id);
  void remove_oldest();

  const std::filesystem::path folder_;
  const int version_;
  const RecordLimits limits_;
  mutable std::mutex mutex_;                        // guards what follows, and the folder
  std::map<std::string, File, std::less<>> files_;  // by id
  std::map<std::uint64_t, std::string> ids_;        // by sequence
  std::uint64_t bytes_ = 0;                         // of all files
  std::uint64_t last_sequence_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_RECORD_FOLDER_H_
