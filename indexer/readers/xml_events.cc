#include "indexer/readers/xml_events.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <string>
#include <utility>

#include "base/error.h"

namespace tandem {
namespace {

struct Namespace {
  std::string_view part;  // of its address, which differs between editions of a standard
  std::string_view prefix;
};

constexpr Namespace kNamespaces[] = {
    {"wordprocessingml", "w:"},
    {"spreadsheetml", "s:"},
    {"presentationml", "p:"},
    {"drawingml/2006/chart", "c:"},
    {"drawingml/chart", "c:"},
    {"drawingml/2006/main", "a:"},
    {"drawingml/main", "a:"},
    {"officeDocument/2006/math", "m:"},
    {"officeDocument/math", "m:"},
    {"officeDocument/2006/relationships", "r:"},
    {"officeDocument/relationships", "r:"},
    {"markup-compatibility", "mc:"},
    {"opendocument:xmlns:text:", "text:"},
    {"opendocument:xmlns:table:", "table:"},
    {"opendocument:xmlns:office:", "office:"},
    {"opendocument:xmlns:style:", "style:"},
    {"opendocument:xmlns:drawing:", "draw:"},
    {"opendocument:xmlns:presentation:", "presentation:"},
    {"purl.org/dc/elements", "dc:"},
};

std::string_view view(const xmlChar* text) {
  return text != nullptr ? std::string_view(reinterpret_cast<const char*>(text))
                         : std::string_view();
}

std::string_view prefix_of(std::string_view address) {
  if (address.empty()) return {};
  for (const Namespace& known : kNamespaces) {
    if (address.find(known.part) != std::string_view::npos) return known.prefix;
  }
  return {};
}

}  // namespace

std::optional<std::string_view> XmlElement::attribute(std::string_view name) const {
  const std::size_t colon = name.find(':');
  const std::string_view prefix =
      colon == std::string_view::npos ? std::string_view() : name.substr(0, colon + 1);
  const std::string_view local = name.substr(prefix.size());
  for (int i = 0; i < attribute_count_; ++i) {
    const unsigned char** attribute = attributes_ + 5 * static_cast<std::ptrdiff_t>(i);
    if (view(attribute[0]) != local || prefix_of(view(attribute[2])) != prefix) continue;
    const auto* begin = reinterpret_cast<const char*>(attribute[3]);
    const auto* end = reinterpret_cast<const char*>(attribute[4]);
    return std::string_view(begin, static_cast<std::size_t>(end - begin));
  }
  return std::nullopt;
}

// libxml2 is C: no exception may pass through it, so the first one is kept, the parser stopped, and
// the exception thrown again outside.
class XmlParser::Events {
 public:
  Events(XmlHandler& handler, std::string what) : handler_(handler), what_(std::move(what)) {
    xmlSAXHandler sax{};
    sax.initialized = XML_SAX2_MAGIC;
    sax.startElementNs = on_start;
    sax.endElementNs = on_end;
    sax.characters = on_characters;
    sax.ignorableWhitespace = on_characters;
    sax.cdataBlock = on_characters;
    // Declarations are passed over, so that no entity but the predefined exists.
    sax.getEntity = [](void*, const xmlChar* name) { return xmlGetPredefinedEntity(name); };
    sax.serror = [](void*, xmlErrorPtr) {};
    parser_ = xmlCreatePushParserCtxt(&sax, this, nullptr, 0, nullptr);
    TANDEM_CHECK(parser_ != nullptr);
    xmlCtxtUseOptions(parser_, XML_PARSE_NONET);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;
  ~Events() {
    xmlDocPtr document = parser_->myDoc;
    xmlFreeParserCtxt(parser_);
    xmlFreeDoc(document);
  }

  void feed(std::string_view bytes, bool last) {
    constexpr std::size_t kPiece = 1 << 20;  // sizes are ints there
    do {
      const std::string_view piece = bytes.substr(0, kPiece);
      bytes.remove_prefix(piece.size());
      const int failure = xmlParseChunk(parser_, piece.data(), static_cast<int>(piece.size()),
                                        last && bytes.empty() ? 1 : 0);
      if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
      if (failure != 0 && parser_->wellFormed == 0) fail();
    } while (!bytes.empty());
  }

 private:
  template <typename Action>
  void guarded(const Action& action) noexcept {
    if (failure_) return;
    try {
      action();
    } catch (...) {
      failure_ = std::current_exception();
      xmlStopParser(parser_);
    }
  }

  [[noreturn]] void fail() const {
    const xmlError* error = xmlCtxtGetLastError(parser_);
    const int line = error != nullptr ? error->line : 0;
    throw Error(
        ErrorCode::kCorrupt,
        what_ + " is damaged: it is not well-formed XML (line " + std::to_string(line) + ")",
        "check that the file was transferred whole, or save it again");
  }

  static void on_start(void* self, const xmlChar* name, const xmlChar*, const xmlChar* address, int,
                       const xmlChar**, int attribute_count, int, const xmlChar** attributes) {
    auto& events = *static_cast<Events*>(self);
    events.guarded([&] {
      if (++events.depth_ > kMaxXmlDepth) {
        throw Error(ErrorCode::kTooLarge,
                    events.what_ + " nests elements deeper than " + std::to_string(kMaxXmlDepth),
                    "the document is damaged or hostile; save it as text");
      }
      events.handler_.start({events.full_name(name, address), attributes, attribute_count});
    });
  }
  static void on_end(void* self, const xmlChar* name, const xmlChar*, const xmlChar* address) {
    auto& events = *static_cast<Events*>(self);
    events.guarded([&] {
      --events.depth_;
      events.handler_.end(events.full_name(name, address));
    });
  }
  static void on_characters(void* self, const xmlChar* text, int size_bytes) {
    auto& events = *static_cast<Events*>(self);
    events.guarded([&] {
      events.handler_.characters(
          {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size_bytes)});
    });
  }

  std::string_view full_name(const xmlChar* name, const xmlChar* address) {
    full_name_ = prefix_of(view(address));
    full_name_ += view(name);
    return full_name_;
  }

  XmlHandler& handler_;
  std::string what_;
  xmlParserCtxtPtr parser_ = nullptr;
  std::exception_ptr failure_;
  std::string full_name_;
  int depth_ = 0;
};

XmlParser::XmlParser(XmlHandler& handler, std::string what)
    : events_(std::make_unique<Events>(handler, std::move(what))) {}

XmlParser::~XmlParser() = default;

void XmlParser::feed(std::string_view bytes) {
  if (!bytes.empty()) events_->feed(bytes, false);
}

void XmlParser::finish() {
  events_->feed({}, true);
}

std::optional<long> parse_integer(std::string_view text) {
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace tandem
