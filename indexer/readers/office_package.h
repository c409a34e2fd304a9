// Parts and relations of an Office Open XML package (ECMA-376, part 2).
#ifndef TANDEM_INDEXER_READERS_OFFICE_PACKAGE_H_
#define TANDEM_INDEXER_READERS_OFFICE_PACKAGE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "indexer/readers/xml_events.h"
#include "indexer/readers/zip_archive.h"

namespace tandem {

enum class OfficeKind { kNone, kWord, kPowerPoint, kExcel };

struct MainPart {
  OfficeKind kind = OfficeKind::kNone;
  std::string part;  // name of its entry
};

// What [Content_Types].xml says the package is; kNone if it is no Office document.
MainPart find_main_part(ZipArchive& archive);

struct Relation {
  std::string id;
  std::string type;    // the last word of its address: "slide", "styles"
  std::string target;  // name of the entry
};

// The relations of a part to others within the package; none if it has none.
std::vector<Relation> read_relations(ZipArchive& archive, std::string_view part);

// The target of the first relation of a type, or of an id; empty if there is none.
std::string target_of_type(const std::vector<Relation>& relations, std::string_view type);
std::string target_of_id(const std::vector<Relation>& relations, std::string_view id);

// Handlers that keep what each element says are fed with lists only, whose sizes they multiply.
enum class PartSize { kList, kBody };
inline constexpr std::size_t kMaxListBytes = 16u << 20;

// Parses an entry. False if there is none of this name. Throws kTooLarge if a list is longer than
// the limit.
bool parse_entry(ZipArchive& archive, std::string_view entry, XmlHandler& handler, PartSize size);

// The same of a part that a package or book cannot be without; kCorrupt if it is.
void parse_main_part(ZipArchive& archive, std::string_view part, XmlHandler& handler,
                     PartSize size);

// The Dublin Core title in an entry with properties; empty if there is none, or only the default of
// a program.
std::string read_title(ZipArchive& archive, std::string_view entry);

// `target` as a link in `part` means it: relative to the part's folder, or from the root if it
// begins with "/". "." and ".." are resolved.
std::string resolve_entry(std::string_view part, std::string_view target);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_OFFICE_PACKAGE_H_
