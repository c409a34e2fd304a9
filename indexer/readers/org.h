// Emacs Org and AsciiDoc: texts whose headings are lines that begin with repeated marks.
#ifndef TANDEM_INDEXER_READERS_ORG_H_
#define TANDEM_INDEXER_READERS_ORG_H_

#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// The text stays the source itself, as with Markdown. Headings are lines such as "** Words",
// without the keyword (TODO, DONE) and the tags (":home:") of a task; the title is that of
// "#+title:", else the first heading of level 1. Never fails. Safe from any thread.
SourceText read_org(std::string_view bytes);

// Headings are lines such as "== Words" outside listings; "= Words" is the title. Never fails. Safe
// from any thread.
SourceText read_asciidoc(std::string_view bytes);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_ORG_H_
