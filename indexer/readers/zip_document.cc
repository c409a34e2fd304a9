#include "indexer/readers/zip_document.h"

#include <string>

#include "base/error.h"
#include "indexer/readers/docx.h"
#include "indexer/readers/epub.h"
#include "indexer/readers/odf.h"
#include "indexer/readers/office_package.h"
#include "indexer/readers/pptx.h"
#include "indexer/readers/xlsx.h"
#include "indexer/readers/zip_archive.h"

namespace tandem {
namespace {

// A name such as "application/epub+zip"; some programs end it with a line end.
std::string read_media_type(ZipArchive& archive) {
  constexpr std::uint64_t kLongest = 4096;
  std::string type = archive.read("mimetype", kLongest);
  return type.substr(0, type.find_last_not_of(" \r\n\t") + 1);
}

}  // namespace

SourceText read_zip_document(std::string_view bytes, std::string_view name) {
  ZipArchive archive(bytes, name);
  const std::string media_type = read_media_type(archive);
  if (media_type == "application/epub+zip") return read_epub(archive);
  for (const std::string_view kind : {"text", "spreadsheet", "presentation"}) {
    // Templates ("text-template") are documents too.
    if (media_type.starts_with("application/vnd.oasis.opendocument." + std::string(kind))) {
      return read_odf(archive, media_type);
    }
  }
  const MainPart main = find_main_part(archive);
  switch (main.kind) {
    case OfficeKind::kWord:
      return read_docx(archive, main.part);
    case OfficeKind::kPowerPoint:
      return read_pptx(archive, main.part);
    case OfficeKind::kExcel:
      return read_xlsx(archive, main.part);
    case OfficeKind::kNone:
      break;
  }
  throw Error(ErrorCode::kUnsupported, std::string(name) + " is an archive (zip)",
              "unpack it and add the documents in it");
}

}  // namespace tandem
