// XML as a stream of events: libxml2's parser, closed to everything that a hostile document tries.
//
// Nothing is fetched, no entity is expanded but the five of XML itself, and nesting is limited, so
// memory and time are proportional to the bytes that were fed.
#ifndef TANDEM_INDEXER_READERS_XML_EVENTS_H_
#define TANDEM_INDEXER_READERS_XML_EVENTS_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tandem {

// Names are written with the prefix under which the namespace is known in the standards ("w:p",
// "text:h"), whichever prefix the document chose; without one if the namespace is none of these.
class XmlElement {
 public:
  // `attributes` as libxml2 hands them over: local name, prefix, namespace, begin, end.
  XmlElement(std::string_view name, const unsigned char** attributes, int attribute_count)
      : name_(name), attributes_(attributes), attribute_count_(attribute_count) {}

  std::string_view name() const { return name_; }
  // Valid while the event lasts.
  std::optional<std::string_view> attribute(std::string_view name) const;
  // The attribute, or `otherwise`.
  std::string_view value(std::string_view name, std::string_view otherwise = {}) const {
    return attribute(name).value_or(otherwise);
  }

 private:
  std::string_view name_;
  const unsigned char** attributes_;
  int attribute_count_;
};

class XmlHandler {
 public:
  virtual ~XmlHandler() = default;
  virtual void start(const XmlElement& element) = 0;
  virtual void end(std::string_view name) = 0;
  // Valid UTF-8, in pieces that may end anywhere but inside a character.
  virtual void characters(std::string_view text) = 0;
};

// Which elements a handler passes over, with all that is in them.
class SkippedElements {
 public:
  // At each start and each end of an element: whether it concerns the handler. The end of the
  // element that skip() was called at does.
  bool start() {
    ++depth_;
    return !active();
  }
  bool end() {
    if (skip_below_ == depth_) skip_below_ = 0;
    --depth_;
    return !active();
  }
  // At a start: this element is one.
  void skip() { skip_below_ = depth_; }
  bool active() const { return skip_below_ > 0; }

 private:
  int depth_ = 0;
  int skip_below_ = 0;  // the depth of the element that is skipped; 0 where none is
};

// Elements nested deeper than this are kTooLarge; documents of Office stay below 100.
inline constexpr int kMaxXmlDepth = 240;

// Feeds one document to `handler`, whose exceptions pass through. `what` begins messages: "a.docx:
// word/document.xml". Throws kCorrupt if it is not well-formed.
class XmlParser {
 public:
  XmlParser(XmlHandler& handler, std::string what);
  ~XmlParser();
  XmlParser(const XmlParser&) = delete;
  XmlParser& operator=(const XmlParser&) = delete;

  void feed(std::string_view bytes);
  void finish();

 private:
  class Events;
  std::unique_ptr<Events> events_;
};

// A number as attributes write it, or nothing.
std::optional<long> parse_integer(std::string_view text);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_XML_EVENTS_H_
