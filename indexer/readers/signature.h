// What the leading bytes of a document say it is.
//
// Names lie (a ".txt" may hold a JPEG); signatures rarely do. Only the formats that readers know
// and those that users commonly feed by mistake are told apart. Pure; safe from any thread.
#ifndef TANDEM_INDEXER_READERS_SIGNATURE_H_
#define TANDEM_INDEXER_READERS_SIGNATURE_H_

#include <string>
#include <string_view>

namespace tandem {

enum class ContentKind {
  kText,  // no signature of any other kind
  kHtml,  // says so itself: doctype or an <html> element
  kPdf,
  kZip,  // Office, OpenDocument, e-book or any other archive: zip_document.h tells
  kRtf,
  kEmail,
  kUnsupported,  // recognised, and no reader for it
};

struct Signature {
  ContentKind kind = ContentKind::kText;
  std::string format;  // for people, such as "an image (png)"; empty for kText
  std::string advice;  // what to do about a document of kUnsupported
};

Signature detect_signature(std::string_view bytes);

// Whether bytes that carry no signature are something else than text in any encoding: NUL or too
// many other control bytes.
bool looks_binary(std::string_view bytes);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_SIGNATURE_H_
