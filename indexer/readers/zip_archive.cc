#include "indexer/readers/zip_archive.h"

#include <zip.h>

#include <array>

#include "base/error.h"

namespace tandem {
namespace {

[[noreturn]] void fail_damaged(const std::string& name, std::string_view why) {
  throw Error(ErrorCode::kCorrupt, name + " is damaged: " + std::string(why),
              "check that the file was transferred whole");
}

struct EntryCloser {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using EntryFile = std::unique_ptr<zip_file_t, EntryCloser>;

}  // namespace

struct ZipArchive::Handle {
  zip_t* archive = nullptr;
  ~Handle() { zip_discard(archive); }

  // -1 if there is none. A string_view into a longer text has no terminator of its own.
  zip_int64_t locate(std::string_view entry) const {
    return zip_name_locate(archive, std::string(entry).c_str(), ZIP_FL_ENC_RAW);
  }
};

ZipArchive::ZipArchive(std::string_view bytes, std::string_view name, const ZipLimits& limits)
    : name_(name), limits_(limits), handle_(std::make_unique<Handle>()) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  if (source != nullptr) {
    handle_->archive = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (handle_->archive == nullptr) zip_source_free(source);
  }
  const std::string why = zip_error_strerror(&error);
  zip_error_fini(&error);
  if (handle_->archive == nullptr) fail_damaged(name_, why);
  const zip_int64_t entries = zip_get_num_entries(handle_->archive, 0);
  if (static_cast<std::uint64_t>(entries) > limits_.max_entries) {
    throw Error(ErrorCode::kTooLarge,
                name_ + " holds " + std::to_string(entries) + " entries, more than the limit of " +
                    std::to_string(limits_.max_entries),
                "the document is damaged or hostile");
  }
}

ZipArchive::~ZipArchive() = default;

bool ZipArchive::contains(std::string_view entry) const {
  return handle_->locate(entry) >= 0;
}

bool ZipArchive::stream(std::string_view entry, const std::function<void(std::string_view)>& sink) {
  const zip_int64_t located = handle_->locate(entry);
  if (located < 0) return false;
  const auto index = static_cast<zip_uint64_t>(located);
  zip_stat_t about;
  if (zip_stat_index(handle_->archive, index, 0, &about) != 0) {
    fail_damaged(name_, zip_strerror(handle_->archive));
  }
  if ((about.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && about.encryption_method != ZIP_EM_NONE) {
    throw Error(ErrorCode::kUnsupported, name_ + " is protected by a password",
                "save it without one");
  }
  // Other methods are of no use to Office and cost memory that an archive chooses.
  if ((about.valid & ZIP_STAT_COMP_METHOD) != 0 && about.comp_method != ZIP_CM_STORE &&
      about.comp_method != ZIP_CM_DEFLATE) {
    throw Error(ErrorCode::kUnsupported, name_ + " is packed by an unusual method",
                "pack it by the program that made it");
  }
  const EntryFile file(zip_fopen_index(handle_->archive, index, 0));
  if (!file) fail_damaged(name_, zip_strerror(handle_->archive));
  std::array<char, 64 << 10> buffer;
  while (true) {
    const zip_int64_t size = zip_fread(file.get(), buffer.data(), buffer.size());
    if (size < 0) fail_damaged(name_, zip_file_strerror(file.get()));
    if (size == 0) return true;
    expanded_bytes_ += static_cast<std::uint64_t>(size);
    if (expanded_bytes_ > limits_.max_expanded_bytes) fail_too_large(limits_.max_expanded_bytes);
    sink({buffer.data(), static_cast<std::size_t>(size)});
  }
}

std::string ZipArchive::read(std::string_view entry, std::uint64_t max_bytes) {
  std::string content;
  stream(entry, [&](std::string_view piece) {
    if (content.size() + piece.size() > max_bytes) fail_too_large(max_bytes);
    content += piece;
  });
  return content;
}

void ZipArchive::fail_too_large(std::uint64_t limit) const {
  throw Error(ErrorCode::kTooLarge,
              name_ + " expands to more than the limit of " + std::to_string(limit) + " bytes",
              "split the document");
}

}  // namespace tandem
